"""What goes to standard output and standard error.

Text from the API may be anybody's: control characters in it are made visible, never sent to the
terminal, and nothing in it is taken for markup. Colours are rich's decision: none in a pipe, none
with ``NO_COLOR``.
"""

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""C0 and C1 but tab and newline, and what turns the direction of writing."""
_UNBOUNDED = 100_000
"""Columns of a pipe: nothing is wrapped or cut for a program."""


def clean(text: object) -> str:
    """``text`` with its control characters shown instead of obeyed."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", str(text))


@cache
def console() -> "Console":
    """Standard output, as rich sees it."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _UNBOUNDED
    return Console(markup=False, highlight=False, emoji=False, width=width)


def line(text: str, style: str | None = None) -> None:
    """One line (or several) on standard output."""
    console().print(clean(text), style=style, soft_wrap=True)


def note(text: str) -> None:
    """One line on standard error: what a program that reads our output need not see."""
    sys.stdout.flush()
    sys.stderr.write(f"promptcast: {clean(text)}\n")
    sys.stderr.flush()


def raw(text: str) -> None:
    """Exactly ``text`` in UTF-8 on standard output, with nothing added."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def as_json(value: Any, *, compact: bool = False) -> None:
    """``value`` as JSON: for people's eyes too, or (``compact``) one line for a stream of them."""
    indent, separators = (None, (",", ":")) if compact else (2, None)
    raw(json.dumps(value, ensure_ascii=False, indent=indent, separators=separators) + "\n")


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Columns under headers; a header that begins with ``>`` is aligned to the right."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for header in headers:
        if header.startswith(">"):
            shown.add_column(header[1:], justify="right")
        else:
            shown.add_column(header, overflow="fold")
    for row in rows:
        shown.add_row(*(cell if isinstance(cell, Text) else clean(cell) for cell in row))
    console().print(shown)


def hush() -> None:
    """Whoever read our output is gone: let the interpreter's last flush go nowhere, quietly."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
