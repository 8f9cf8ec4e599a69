"""A crowd: many members on few processes, and somebody who appends and waits until all have it."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise

from redis._parsers.helpers import parse_info
from redis.asyncio.connection import AbstractConnection

from events.chain import Head
from events.streams.link import Script
from tests.bench.bare import Word, ask, connected, send
from tests.bench.child import Child, child
from tests.bench.ledger import KEYS, Ledger

_APPEND = Script.load("append")
_NO_DEADLINE = 1 << 62


@asynccontextmanager
async def crowd(kind: str, url: str, members: int, processes: int) -> AsyncIterator[list[Child]]:
    """So many members of a kind (``ours``, ``bare``), all joined, as evenly spread as can be."""
    cuts = [members * number // processes for number in range(processes + 1)]
    spans = [(first, end - first) for first, end in pairwise(cuts) if end > first]
    async with AsyncExitStack() as stack:
        words = [("fanout.members", kind, url, *map(str, span)) for span in spans]
        children = await asyncio.gather(*(stack.enter_async_context(child(*w)) for w in words))
        await asyncio.gather(*map(_joined, children))
        yield children


async def _joined(each: Child) -> None:
    line = each.ready
    while line != "joined":
        line = await each.line()


@dataclass(slots=True)
class Appender:
    """Appends the ledger's entries, by the very script that an admin appends with."""

    connection: AbstractConnection
    ledger: Ledger
    behind: Head
    """The last entry of the log."""

    async def append(self) -> tuple[int, float]:
        """One entry: the server's time of it (µs), and ms until its reply."""
        command, began = self._next(), time.perf_counter()
        at = self._appended(await ask(self.connection, *command))
        return at, (time.perf_counter() - began) * 1e3

    async def append_and_weigh(self) -> int:
        """One entry, and the bytes of memory that the server holds with it. It is asked in the same
        write, so that the answers to everybody who was woken lie in their buffers still."""
        await send(self.connection, self._next(), ("INFO", "memory"))
        self._appended(await self.connection.read_response())
        told = parse_info(await self.connection.read_response())
        return int(told["used_memory"])

    def _next(self) -> tuple[Word, ...]:
        entry = self.ledger.entry()
        return _APPEND.by_hash(
            [KEYS.log, KEYS.fence], self.behind.position, self.behind.stored, _NO_DEADLINE,
            entry.event, entry.hash, "", "",
        )  # fmt: skip

    def _appended(self, reply: Sequence[bytes]) -> int:
        status, at, *_ = reply
        if status != b"appended":
            raise RuntimeError(f"not appended but {status!r}")
        self.behind = self.ledger.head
        return int(at)

    async def ping(self) -> float:
        """ms until the answer."""
        began = time.perf_counter()
        await ask(self.connection, "PING")
        return (time.perf_counter() - began) * 1e3


@asynccontextmanager
async def appending(url: str, ledger: Ledger) -> AsyncIterator[Appender]:
    """Somebody who appends behind what ``ledger`` has made."""
    connection = await connected(url)
    try:
        await ask(connection, "SCRIPT", "LOAD", _APPEND.source)
        yield Appender(connection, ledger, ledger.head)
    finally:
        await connection.disconnect(nowait=True)


async def everywhere(children: Sequence[Child]) -> int:
    """The time (µs) at which the last member of the last process had the next event."""
    return max(map(int, await asyncio.gather(*(each.line() for each in children))))
