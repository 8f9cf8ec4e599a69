"""The last of 100 followers in one process, against 100 bare loops.

All followers share one event loop, so this is the work of one follower a hundred times over, and the
server waking a hundred readers. The event is appended with a plain XADD from the same process on both
sides; the clock stops when the last of them has swapped it in, on the floor when the last has it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from redis.asyncio.connection import AbstractConnection

from tests.bench.bare import ask, connected, reading
from tests.bench.ledger import KEYS, Ledger, fields, write
from tests.bench.replica import following
from tests.bench.rounds import Measure, take_turns
from tests.bench.row import Bound, Row
from tests.bench.scale import Scale
from tests.bench.server import server

SIZE = 2048
SPREAD_SECONDS = 30.0


@dataclass(slots=True)
class Spread:
    """Appends, and waits until ``members`` have what was appended."""

    connection: AbstractConnection
    ledger: Ledger
    members: int
    _left: int = 0
    _ended: float = 0.0
    _everywhere: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self) -> None:
        """One more has it. The clock is looked at here: who waits for it has its turn later."""
        self._left -= 1
        if self._left == 0:
            self._ended = time.perf_counter()
            self._everywhere.set()

    async def measure(self, count: int) -> Sequence[float]:
        """ms until the last one has it, so many times."""
        return [await self._one() for _ in range(count)]

    async def _one(self) -> float:
        entry = self.ledger.entry()
        self._left, self._everywhere = self.members, asyncio.Event()
        began = time.perf_counter()
        appending = asyncio.create_task(ask(self.connection, "XADD", KEYS.log, *fields(entry)))
        await asyncio.wait_for(self._everywhere.wait(), SPREAD_SECONDS)
        await appending
        return (self._ended - began) * 1e3


async def rows(scale: Scale) -> list[Row]:
    """The one row."""
    count, events = scale.followers, scale.fleet_events
    async with side(count, events, ours=True) as our, side(count, events, ours=False) as bare:
        rounds = await take_turns(our, bare, scale.rounds)
    return [Row.of(f"last of {count} followers, 2 KB", "ms", rounds, Bound("ratio", "≤", 2.0))]


@asynccontextmanager
async def side(members: int, events: int, *, ours: bool) -> AsyncIterator[Measure]:
    """So many of ours, or bare loops, on a server of their own."""
    async with AsyncExitStack() as stack:
        running, ledger = stack.enter_context(server()), Ledger(SIZE)
        write(running.client(), ledger.entries(1))
        connection = await connected(running.url)
        stack.push_async_callback(connection.disconnect, nowait=True)
        spread = Spread(connection, ledger, members)
        follow = following if ours else reading
        for number in range(members):
            await stack.enter_async_context(follow(running.url, f"r{number}", spread.note))
        yield lambda: spread.measure(events)
