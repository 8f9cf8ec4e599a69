"""A process that appends: for each line that it is sent one event, and it prints when it began.

``ours`` appends as the admin does, by the compare-and-append script; ``floor`` with a plain XADD of the
same bytes. Both have sealed the event before the clock starts. The log holds its opening already.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from events.log import Draft
from events.streams.link import connector
from events.streams.log import RedisLog
from tests.bench.bare import ask, connected
from tests.bench.ledger import KEYS, Ledger, fields

if TYPE_CHECKING:
    from events.chain import Head

APPEND_SECONDS = 5.0


async def lines() -> AsyncIterator[None]:
    """One for each line on standard input."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        yield


async def ours(url: str, size: int) -> None:
    """Append with the log's own method."""
    log, ledger = RedisLog.over(connector(url), KEYS), Ledger(size)
    ledger.entry()
    await log.pulse()
    print("ready", flush=True)
    async for _ in lines():
        after: Head = ledger.head
        entry = ledger.entry()
        draft = Draft(f"bench-{entry.position}", entry.event, entry.hash)
        began = time.monotonic_ns()
        await log.append(draft, after, APPEND_SECONDS)
        print(began, flush=True)


async def floor(url: str, size: int) -> None:
    """Append with XADD."""
    connection, ledger = await connected(url), Ledger(size)
    ledger.entry()
    print("ready", flush=True)
    async for _ in lines():
        entry = ledger.entry()
        began = time.monotonic_ns()
        await ask(connection, "XADD", KEYS.log, *fields(entry))
        print(began, flush=True)


if __name__ == "__main__":
    side, url, size = sys.argv[1:]
    asyncio.run({"ours": ours, "floor": floor}[side](url, int(size)))
