"""What ``promptcast dev`` writes to the terminal: little, short, and never in anybody's way."""

import contextlib
import json
import os
import queue
import sys
import threading
import time
from typing import Any

from services.cli.output import clean

_QUEUED = 1_000
_WARNINGS = frozenset({"warning", "error", "critical", "fatal"})
_HIDDEN = frozenset({"event", "level", "timestamp", "logger", "replica", "service", "exception"})
_SHOWN = 400
_LAST_WORDS = 1.0


class Screen:
    """Writes lines from a thread of its own.

    A terminal that is held (Ctrl-S) or a pipe that nobody reads must not hold up the supervisor,
    and with it the children's logs: lines that find the queue full are dropped.
    """

    def __init__(self) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue(_QUEUED)
        self._thread = threading.Thread(target=self._write, name="screen", daemon=True)
        self._thread.start()
        self._colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    def line(self, text: str, style: str = "") -> None:
        """Show a line; ``style`` is one of warning, good, strong or empty."""
        code = {"warning": "33", "good": "32", "strong": "1"}.get(style)
        shown = f"\x1b[{code}m{text}\x1b[0m" if code and self._colours else text
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(shown)

    def close(self) -> None:
        """Write what is queued, but do not wait long for a terminal that takes nothing."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(None)
        self._thread.join(_LAST_WORDS)

    def _write(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # whoever read this is gone
            while (text := self._lines.get()) is not None:
                sys.stdout.write(f"{text}\n")
                sys.stdout.flush()


class Digest:
    """Of all that a child logs its reloads and its warnings, each kind of warning once a second."""

    def __init__(self, name: str, screen: Screen) -> None:
        self._name = name
        self._screen = screen
        self._shown: dict[str, float] = {}

    def __call__(self, line: str) -> None:
        """Show this line of its log, if it is one that a person wants to see."""
        told = short(line)
        if told is None:
            return
        kind, text, style = told
        now = time.monotonic()
        if style == "warning" and now - self._shown.get(kind, -1.0) < 1.0:
            return
        if len(self._shown) > _QUEUED:
            self._shown.clear()
        self._shown[kind] = now
        self._screen.line(f"{time.strftime('%H:%M:%S')}  {self._name:<8}  {text}", style)


def short(line: str) -> tuple[str, str, str] | None:
    """Kind, text and style of a log line worth showing; None for the rest.

    A line that is no JSON object comes from Python itself or from before the logs were set up: it
    is shown as it is.
    """
    try:
        fields = json.loads(line)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        return line[:40], _one_line(line), "warning"
    event = str(fields.get("event", ""))
    if event == "prompt_reloaded":
        return event, _one_line(_reload(fields)), "good"
    if str(fields.get("level", "")).lower() not in _WARNINGS:
        return None
    more = " ".join(f"{key}={value}" for key, value in fields.items() if key not in _HIDDEN)
    return event, _one_line(f"{fields['level']}: {event} {more}"), "warning"


def _one_line(text: str) -> str:
    """Bounded, and with nothing in it that a terminal would obey."""
    return " ".join(clean(text[:_SHOWN]).split())


def _reload(fields: dict[str, Any]) -> str:
    version = fields.get("version")
    what = "is archived" if version is None else f"v{version} is live"
    text = f"{fields.get('prompt')} {what}"
    text += f" (position {fields.get('position')}"
    lag = fields.get("lag_ms")
    return f"{text}, {lag:.3g} ms)" if isinstance(lag, int | float) else f"{text})"
