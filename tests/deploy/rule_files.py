"""What ``deploy/prometheus/`` holds, as data: rules, their unit tests, and what expressions ask for."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.system.process import ROOT

HOME = ROOT / "deploy" / "prometheus"
RULES = HOME / "rules"
UNIT_TESTS = HOME / "tests"
CONFIGS = tuple(sorted(HOME.glob("prometheus*.yml")))

_SELECTOR = re.compile(r"(?<![\w:$\"])([a-z_][\w:]*)\s*(?:\{([^}]*)\})?")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"([^\"]*)\"")
_GROUPED = re.compile(r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)")


def load(path: Path) -> Any:
    """A YAML file."""
    return yaml.safe_load(path.read_text())


@cache
def rules() -> list[Mapping[str, Any]]:
    """Every rule of every file, in order."""
    groups = [group for path in sorted(RULES.glob("*.yml")) for group in load(path)["groups"]]
    return [rule for group in groups for rule in group["rules"]]


@cache
def alerts() -> dict[tuple[str, str], Mapping[str, Any]]:
    """Every alert by its name and severity; a page and a ticket may share a name."""
    return {
        (rule["alert"], rule.get("labels", {}).get("severity", "")): rule
        for rule in rules()
        if "alert" in rule
    }


def recorded() -> dict[str, str]:
    """The expression of each recording rule by its name."""
    return {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}


@dataclass(frozen=True, slots=True)
class Asked:
    """A metric that an expression asks for, with the labels that it matches."""

    name: str
    labels: Mapping[str, str]


def asked(expr: str) -> Iterator[Asked]:
    """The metrics in ``expr``: ours, and those of recording rules."""
    for name, matchers in _SELECTOR.findall(expr):
        if "promptcast_" in name:
            yield Asked(name, dict(_MATCHER.findall(matchers)))


def grouped(expr: str) -> set[str]:
    """The labels that ``expr`` groups or joins by."""
    named = ",".join(_GROUPED.findall(expr)).split(",")
    return {label.strip() for label in named} - {""}


@cache
def tried() -> list[tuple[str, list[str]]]:
    """Each look of the unit tests at an alert: its name, and the severities that must fire there."""
    return list(_tried())


def _tried() -> Iterator[tuple[str, list[str]]]:
    for path in sorted(UNIT_TESTS.glob("*.yml")):
        for case in load(path)["tests"]:
            for look in case.get("alert_rule_test", ()):
                firing = [each["exp_labels"]["severity"] for each in look["exp_alerts"]]
                yield look["alertname"], firing
