"""deploy/container/compose.yaml as Compose reads it: merged, and with variables filled in."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.system.process import ROOT

FOLDER = ROOT / "deploy" / "container"
_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>[A-Z_]+)(?:(?P<how>:-|:\?)(?P<rest>[^{}]*))?\})")


class Missing(Exception):
    """A variable that has no value, and must have one."""


def compose(given: Mapping[str, str]) -> dict[str, Any]:
    """The file with the variables of ``given``; raises `Missing`."""
    return _filled(yaml.safe_load((FOLDER / "compose.yaml").read_text()), given)


def variables() -> dict[str, str]:
    """Each variable that the file asks for, and how: with a default (``:-``), or as a must (``:?``)."""
    text = (FOLDER / "compose.yaml").read_text()
    return {found["name"]: found["how"] for found in _VARIABLE.finditer(text) if found["name"]}


def env_file(path: Path) -> dict[str, str]:
    """The assignments of a .env file, empty ones too."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def _filled(node: Any, given: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _filled(value, given) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, given) for value in node]
    return (
        _VARIABLE.sub(lambda found: _value(found, given), node) if isinstance(node, str) else node
    )


def _value(found: re.Match[str], given: Mapping[str, str]) -> str:
    name, how, rest = found["name"], found["how"], found["rest"]
    if name is None:  # $$ is a dollar sign
        return "$"
    value = given.get(name, "")
    if not value and how == ":?":
        raise Missing(f"{name}: {rest}")
    return value or (rest if how == ":-" else "")
