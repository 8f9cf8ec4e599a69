"""A file of entries in a request's body: read line by line, however long it is."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from aiohttp import web

from events.chain import Entry
from events.errors import BadLine
from events.lines import MOST_LINE_BYTES, from_line
from services.admin.problems import Problem, refused

MEDIA_TYPE = "application/x-ndjson"
IDLE_SECONDS = 8.0
"""Without a byte for this long it is given up: nobody else can append meanwhile."""
_CHUNK = 256 * 1024


async def entries(request: web.Request) -> AsyncIterator[Sequence[Entry]]:
    """The body's entries, some at a time. Raises ``Invalid`` naming the line, or a ``Problem``."""
    if request.content_type != MEDIA_TYPE:
        raise Problem("unsupported-media-type", f"the body must be {MEDIA_TYPE}: a line an entry")
    number, rest = 0, b""
    while chunk := await _more(request):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > MOST_LINE_BYTES:
            raise refused(f"line {number + len(lines) + 1} is longer than any entry")
        yield _parsed(lines, number)
        number += len(lines)
    yield _parsed([rest], number)


async def _more(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(IDLE_SECONDS):
            return await request.content.read(_CHUNK)
    except TimeoutError:
        raise Problem("request-timeout", f"no more of the body within {IDLE_SECONDS:g} s") from None
    except web.RequestPayloadError:
        raise refused("the body could not be read as its headers say") from None
    except ConnectionError:
        raise refused("the connection broke before the end of the body") from None


def _parsed(lines: Sequence[bytes], number: int) -> list[Entry]:
    found = []
    for at, line in enumerate(lines, number + 1):
        if not line.strip():
            continue
        try:
            found.append(from_line(line.rstrip(b"\r")))
        except BadLine as error:
            raise refused(f"line {at}: {error}") from None
    return found
