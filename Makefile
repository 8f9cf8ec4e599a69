# Everything that one does with a clone. Works with GNU make 3.81 (macOS) and later.
# A stamp under .venv stands for each finished step, so a later `make run` spends no time on pip.

# A Python that was named must do; otherwise the first of these that is 3.11-3.14 is taken.
PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
PYTEST := $(BIN)/python -m pytest
# Handed on to the command of `run`, `test`, `browser`, `soak`, `faults` and `bench`: make run ARGS="--replicas 5"
ARGS ?=
# As many as this project promises to test with; a test that measures does not run beside others.
WORKERS ?= 2
LOCKER = $(VENV)/locker/bin/uv

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install run test check browser screenshots soak system-faults faults faults-quick deploy-check bench bench-smoke fan-out sizing integration-redis schemathesis lock clean

help: ## this list
	@awk -F ':[^#]*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# --- set-up ------------------------------------------------------------------------------------------------------

# Debian's Python comes without the half of `venv` that puts pip into an environment.
$(VENV)/.made:
	@for python in $(PYTHON); do \
	  "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null || continue; \
	  "$$python" -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "$$python cannot make virtual environments: install its venv module (Debian, Ubuntu: apt install python3-venv) and try again." >&2; exit 1; }; \
	  echo "Making $(VENV) with $$("$$python" --version) …"; \
	  "$$python" -m venv --clear $(VENV) && touch $@; exit; \
	done; \
	echo "Promptcast needs Python 3.11, 3.12, 3.13 or 3.14 and found none (looked for: $(PYTHON)). Install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1

# What `make run` needs, each file checked against its hash; our own packages stay where they are.
$(VENV)/.run: $(VENV)/.made requirements.lock pyproject.toml
	@echo "Installing what running needs …"
	@$(PIP) install --require-hashes --requirement requirements.lock
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	@echo "Installing what developing and testing need …"
	@$(PIP) install --require-hashes --requirement requirements-dev.lock
	@touch $@

install: $(VENV)/.run ## make .venv with what running needs (run and test do it first by themselves)

# --- running -----------------------------------------------------------------------------------------------------

run: $(VENV)/.run ## start everything on this machine: a server, the admin, three replicas, a demo model
	@exec $(BIN)/promptcast dev $(ARGS)

# --- testing -----------------------------------------------------------------------------------------------------

test: $(VENV)/.dev ## every test that needs nothing but Python (ARGS="-k name" picks some)
	@$(PYTEST) -n $(WORKERS) --dist loadscope $(ARGS)

check: $(VENV)/.dev ## lint, format, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

browser: $(VENV)/.dev ## the admin panel in a real browser, which must be in PATH (Debian: apt install chromium)
	@$(PYTEST) -m browser $(ARGS) tests/browser

screenshots: $(VENV)/.dev ## a picture of each page of the panel into screenshots/, light and dark, narrow and wide
	@$(BIN)/python -m tests.browser.screenshots $(ARGS)

soak: $(VENV)/.dev ## the tests with the big counts, one after the other
	@$(PYTEST) -m "soak and not faults and not schemathesis" --timeout 1800 $(ARGS)

system-faults: $(VENV)/.dev ## the tests in which logs are lost, servers fail over and processes die
	@$(PYTEST) -m faults -n $(WORKERS) --dist loadscope $(ARGS)

faults: $(VENV)/.dev ## break servers, links and processes on purpose, and judge what happened; prints a table
	@$(BIN)/python -m tests.faults $(ARGS)

faults-quick: $(VENV)/.dev ## the part of it that takes less than four minutes
	@$(BIN)/python -m tests.faults --quick $(ARGS)

deploy-check: $(VENV)/.dev ## what deploy/ holds, on real programs: Prometheus, HAProxy, nginx, Redis, Sentinel
	@$(PYTEST) -m deploy -n $(WORKERS) --dist loadscope --timeout 240 $(ARGS) tests/deploy

bench: $(VENV)/.dev ## measure ours beside its floor; prints a table and writes JSON
	@$(BIN)/python -m tests.bench $(ARGS)

bench-smoke: $(VENV)/.dev ## the same, a few rounds only: does it run?
	@$(BIN)/python -m tests.bench --smoke $(ARGS)
	@$(BIN)/python -m tests.bench.fanout --smoke

fan-out: $(VENV)/.dev ## one server and 1 to 1,000 replicas: what a save takes and costs; two tables and JSON
	@$(BIN)/python -m tests.bench.fanout $(ARGS)

sizing: $(VENV)/.dev ## what one admin, one replica, one prompt and one save cost; a table and JSON
	@$(BIN)/python -m tests.bench.sizing $(ARGS)

integration-redis: $(VENV)/.dev ## the tests with a real server once more, against redis-server from PATH
	@command -v redis-server >/dev/null || { echo "redis-server is not in PATH (Debian, Ubuntu: apt install redis-server)." >&2; exit 1; }
	@PROMPTCAST_TEST_SERVER=redis-server $(PYTEST) -m "redis and not soak and not bench and not schemathesis" -n $(WORKERS) --dist loadscope $(ARGS)

schemathesis: $(VENV)/.dev ## throw what the OpenAPI document allows, and what it does not, at the edit API
	@$(PYTEST) -m schemathesis --timeout 300 -n $(WORKERS) $(ARGS)

# --- upkeep ------------------------------------------------------------------------------------------------------

# One solution for every Python and system that we support, told apart by markers. The flags keep the
# place where packages came from out of the locks: that is each machine's own affair.
LOCK = $(LOCKER) pip compile --quiet --universal --python-version 3.11 --generate-hashes --group build \
  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" pyproject.toml

lock: $(VENV)/.made ## solve the dependencies anew (ARGS="--upgrade" for newer versions)
	@test -x $(LOCKER) || { python=$(BIN)/python; $$python -m venv $(VENV)/locker && \
	  $(VENV)/locker/bin/python -m pip --quiet --disable-pip-version-check install "uv>=0.9"; }
	@$(LOCK) --extra dev-server --output-file requirements.lock $(ARGS)
	@$(LOCK) --extra dev-server --extra test --extra dev --constraint requirements.lock --output-file requirements-dev.lock $(ARGS)

clean: ## remove .venv and what tools leave behind; the history of `make run` stays
	@rm -rf $(VENV) build dist browser-failures screenshots .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .schemathesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
