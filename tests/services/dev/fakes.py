"""Fake children and what a test needs to watch them."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from services.dev.probe import http_ok
from services.dev.program import Program

SCRIPT = Path(__file__).with_name("fake_child.py")


@dataclass
class SilentScreen:
    """Keeps what would be shown."""

    lines: list[str] = field(default_factory=list)

    def line(self, text: str, style: str = "") -> None:
        self.lines.append(text)


def fake_program(
    name: str, port: int, directory: Path, *options: str, grace: float = 5.0, last: bool = False
) -> Program:
    return Program(
        name=name,
        argv=(sys.executable, "-I", "-S", str(SCRIPT), str(port), "--name", name, *options),
        env={},
        alive=http_ok(port, "/healthz"),
        ready=http_ok(port, "/readyz"),
        grace=grace,
        log=directory / f"{name}.log",
        is_last=last,
    )
