"""The real Prometheus, with the rules that ``deploy/prometheus`` gives it, at a test's pace."""

import json
import shutil
import signal
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from services.dev.ports import HOST, Ports
from tests.deploy.rule_files import HOME, RULES, load
from tests.deploy.scaled import scaled
from tests.system.patience import wait_until
from tests.system.process import Process

START_SECONDS = 30.0
END_SECONDS = 15.0
SCRAPE_SECONDS = 1


def program(name: str) -> str:
    """Where a program of Prometheus is; fails with the remedy where it is not."""
    found = shutil.which(name)
    assert found, f"{name} is not in PATH (Debian, Ubuntu: apt install prometheus)"
    return found


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that Prometheus has at this moment."""

    name: str
    state: str
    """``pending`` or ``firing``."""
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


class Prometheus:
    """Scrapes each second, and evaluates the committed rules with all of their times times ``factor``.

    ``chat`` and ``admins`` are the URLs of services, replicas by their ids; which jobs there are and
    what else is said of them is as in ``prometheus.yml``.
    """

    def __init__(
        self, chat: Mapping[str, str], admins: Mapping[str, str], factor: float = 1.0
    ) -> None:
        self._stack = ExitStack()
        self.directory = Path(tempfile.mkdtemp(prefix="pc-"))
        self._stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
        self._address = f"{HOST}:{self._stack.enter_context(Ports()).own()}"
        self._written(chat, admins, factor)
        self._process: Process | None = None

    def _written(self, chat: Mapping[str, str], admins: Mapping[str, str], factor: float) -> None:
        config = load(HOME / "prometheus.yml")
        every = f"{SCRAPE_SECONDS}s"
        config["global"] = dict.fromkeys(config["global"], every)
        config["rule_files"] = ["rules/*.yml"]
        targets = {
            "promptcast-chat": [_target(url, replica=name) for name, url in chat.items()],
            "promptcast-admin": [_target(url) for url in admins.values()],
        }
        for job in config["scrape_configs"]:
            job["static_configs"] = targets[job["job_name"]]
        (self.directory / "prometheus.yml").write_text(yaml.safe_dump(config))
        (self.directory / "rules").mkdir()
        for path in RULES.glob("*.yml"):
            rules = scaled(load(path), factor, SCRAPE_SECONDS)
            (self.directory / "rules" / path.name).write_text(yaml.safe_dump(rules))

    def __enter__(self) -> "Prometheus":
        argv = [
            program("prometheus"),
            f"--config.file={self.directory}/prometheus.yml",
            f"--storage.tsdb.path={self.directory}/data",
            f"--web.listen-address={self._address}",
            "--log.level=warn",
        ]
        self._process = process = Process(argv, {}, self.directory / "out")
        self._stack.callback(self._end)
        try:
            wait_until(
                lambda: process.status is not None or self._is_ready(), START_SECONDS, process.said
            )
            assert process.status is None, process.said()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_why: object) -> None:
        self._stack.close()

    def ask(self, expr: str) -> list[dict[str, Any]]:
        """The result of an instant query; a scalar is a vector of one, without labels."""
        data = self._get("query", query=expr)
        if data["resultType"] == "scalar":
            return [{"metric": {}, "value": data["result"]}]
        found: list[dict[str, Any]] = data["result"]
        return found

    def alerts(self) -> list[Alert]:
        """What is pending or fires now."""
        return [
            Alert(
                each["labels"]["alertname"],
                each["state"],
                {k: v for k, v in each["labels"].items() if k != "alertname"},
                each["annotations"],
            )
            for each in self._get("alerts")["alerts"]
        ]

    def targets(self) -> dict[str, str]:
        """How each target is, by its URL: ``up``, ``down`` or ``unknown``."""
        return {
            each["scrapeUrl"]: each["health"]
            for each in self._get("targets", state="active")["activeTargets"]
        }

    def said(self) -> str:
        """The last of what it has said."""
        assert self._process is not None
        return self._process.said()

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self._address}/-/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _get(self, what: str, **asked: str) -> Any:
        url = f"http://{self._address}/api/v1/{what}?{urllib.parse.urlencode(asked)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{asked}: {error.read().decode()}") from None

    def _end(self) -> None:
        assert self._process is not None
        self._process.send(signal.SIGTERM)
        try:
            self._process.ended(END_SECONDS)
        finally:
            self._process.kill()


def _target(url: str, **labels: str) -> dict[str, Any]:
    return {"targets": [urlsplit(url).netloc], "labels": labels}
