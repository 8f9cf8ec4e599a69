"""``GET /api/v1/events``: the log as stored.

An event's bytes go out untouched inside of the page's JSON (see `events.lines`), so that whoever reads
them can check their hash.
"""

import asyncio
import json
from collections.abc import Sequence

from aiohttp import web

from events.chain import Entry
from events.lines import to_line
from services.admin.context import CORE
from services.admin.endpoint import READS_LOG, Answer, Endpoint
from services.admin.log_bodies import LogPage
from services.admin.params import PAGE, integer

MOST = 1_000
MAX_RAW_BYTES = 16 * 1024 * 1024
"""Of one entry; a page as a whole is bounded by what the log gives at once (4 MiB)."""
_AT_ONCE = 256 * 1024
"""Bytes that are worked on until others get their turn."""
CURSOR = integer(
    "cursor", "The position behind which to begin.", lowest=0, highest=2**53 - 1, default=0
)
LIMIT = integer("limit", "How many entries at most.", lowest=1, highest=MOST, default=PAGE)


async def list_events(request: web.Request) -> web.Response:
    """A page of the log, oldest first; ``next`` is null at its end."""
    core, cursor, limit = request.app[CORE], CURSOR.of(request), LIMIT.of(request)
    return await page(await core.events(cursor, limit), cursor, limit, core.head_position)


async def page(entries: Sequence[Entry], cursor: int, limit: int, head: int) -> web.Response:
    """``entries``, at most ``limit`` behind ``cursor``, as a page of a log that ends at ``head``."""
    items: list[bytes] = []
    worked = 0
    for entry in entries:
        items.append(item(entry))
        worked += len(entry.event)
        if worked > _AT_ONCE:
            worked = 0
            await asyncio.sleep(0)
    last = entries[-1].position if entries else cursor
    more = len(entries) == limit or (bool(entries) and last < head)
    end = json.dumps(last if more else None).encode()
    body = b'{"items":[' + b",".join(items) + b'],"next":' + end + b"}"
    return web.Response(body=body, content_type="application/json", charset="utf-8")


def item(entry: Entry) -> bytes:
    """One entry as JSON; an event of more than 16 MiB is left out."""
    return to_line(entry, MAX_RAW_BYTES)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/v1/events",
        handler=list_events,
        name="listEvents",
        tag="Log",
        role="viewer",
        summary="The log as stored, oldest first",
        params=(CURSOR, LIMIT),
        answers=(Answer(200, "A page of the log.", LogPage),),
        problems=("invalid", *READS_LOG),
    ),
)
