"""Server-Sent Events, as much of them as the edit API uses.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

import json
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Any

from services.cli.errors import CliError

MAX_EVENT = 16 * 1024 * 1024
_TOO_LARGE = "the server sends an event that is too large"


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event: its name, and the JSON that it carries."""

    name: str
    data: Any


async def server_events(chunks: AsyncIterable[bytes]) -> AsyncIterator[ServerEvent]:
    """The events in a stream of bytes; comments and unknown fields are passed over.

    An event that the stream breaks off in is dropped, as the specification asks.
    """
    name, size = "message", 0
    data: list[str] = []
    async for line in _lines(chunks):
        field, _, value = line.partition(":")
        size += len(line)
        if size > MAX_EVENT:
            raise CliError(_TOO_LARGE)
        if field == "event":
            name = value.removeprefix(" ")
        elif field == "data":
            data.append(value.removeprefix(" "))
        elif not line:
            if data:
                yield ServerEvent(name, _parsed("\n".join(data)))
            name, data, size = "message", [], 0


async def _lines(chunks: AsyncIterable[bytes]) -> AsyncIterator[str]:
    """Whole lines, without their ends: LF or CRLF."""
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace").removesuffix("\r")
        if len(rest) > MAX_EVENT:
            raise CliError(_TOO_LARGE)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise CliError("the server sends an event that is not JSON") from None
