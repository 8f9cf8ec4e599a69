"""Server-Sent Events as bytes (WHATWG HTML, 9.2.5): lines that end with an empty one."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

ENDS: Final = (b"\n\n", b"\r\n\r\n", b"\r\r")
"""How an event may end. A server keeps to one kind of line end."""

_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_LINE_END = re.compile(rb"\r\n|\n|\r")


def whole_events(block: bytes) -> int:
    """Where the last whole event of ``block`` ends; 0 when there is none."""
    return max((at + len(end) for end in ENDS if (at := block.rfind(end)) >= 0), default=0)


def split_events(block: bytes) -> Iterator[bytes]:
    """The whole events of ``block``, each with its end."""
    start = 0
    for end in _END.finditer(block):
        yield block[start : end.end()]
        start = end.end()


def data_of(event: bytes) -> bytes:
    """The event's data: its ``data:`` lines, joined."""
    lines = (line for line in _LINE_END.split(event) if line.startswith(b"data:"))
    return b"\n".join(line[5:].removeprefix(b" ") for line in lines)


def parse_data(data: bytes) -> dict[str, Any] | None:
    """The data as a JSON object; None when it is none."""
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None
