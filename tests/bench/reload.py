"""Append → swapped in, one replica, 2 KB.

Three processes on each side: who appends, the server (in memory: a disk would hide our own part), and
this one, which follows. The clock starts before the append is sent and stops at the swap here; on the
floor, when the entry is parsed, before it is acknowledged. One event at a time.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.bench.bare import reading
from tests.bench.child import Child, child
from tests.bench.ledger import Ledger, write
from tests.bench.replica import following
from tests.bench.rounds import Measure, take_turns
from tests.bench.row import Bound, Row
from tests.bench.scale import Scale
from tests.bench.server import server

SIZE = 2048
SWAP_SECONDS = 10.0
GROUP = "replica"


class Swaps:
    """When each swap happened, in ns of the monotonic clock, which processes share."""

    def __init__(self) -> None:
        self._times: asyncio.Queue[int] = asyncio.Queue()

    def note(self) -> None:
        """It happened now."""
        self._times.put_nowait(time.monotonic_ns())

    def forget(self) -> None:
        """Forget what happened so far."""
        self._times = asyncio.Queue()

    async def measure(self, appender: Child, count: int) -> Sequence[float]:
        """Have so many events appended, one after the other; µs from append to swap."""
        return [await self._one(appender) for _ in range(count)]

    async def _one(self, appender: Child) -> float:
        began = await appender.ask()
        ended = await asyncio.wait_for(self._times.get(), SWAP_SECONDS)
        return (ended - int(began)) / 1e3


async def rows(scale: Scale) -> list[Row]:
    """The one row."""
    async with ours(scale.swaps) as our, floor(scale.swaps) as bare:
        rounds = await take_turns(our, bare, scale.rounds)
    return [Row.of("append → swapped in, 1 replica, 2 KB", "µs", rounds, Bound("ratio", "≤", 2.5))]


@asynccontextmanager
async def ours(count: int) -> AsyncIterator[Measure]:
    """A follower with all that a replica has, on a server of its own."""
    with server() as running:
        write(running.client(), Ledger(SIZE).entries(1))
        swaps = Swaps()
        async with (
            following(running.url, GROUP, swaps.note),
            child("appender", "ours", running.url, str(SIZE)) as appender,
        ):
            swaps.forget()
            yield lambda: swaps.measure(appender, count)


@asynccontextmanager
async def floor(count: int) -> AsyncIterator[Measure]:
    """A bare loop of XREADGROUP and XACK, on a server of its own."""
    with server() as running:
        write(running.client(), Ledger(SIZE).entries(1))
        swaps = Swaps()
        async with (
            reading(running.url, GROUP, swaps.note),
            child("appender", "floor", running.url, str(SIZE)) as appender,
        ):
            yield lambda: swaps.measure(appender, count)
