"""What came of mending a log."""

from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from typing import NamedTuple

from events.chain import Entry

Keep = Callable[[AsyncIterable[Sequence[Entry]]], Awaitable[str | None]]
"""Keeps events that are given up, and says in which file; None when there were none."""


class Mended(NamedTuple):
    """``events`` are in the log now, through ``position``; ``file`` holds what was given up."""

    events: int
    position: int
    hash: str
    changed: bool
    file: str | None = None
