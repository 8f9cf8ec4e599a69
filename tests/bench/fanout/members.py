"""Members: a process that holds many replicas, or bare readers, of one log.

``python -m tests.bench.fanout.members ours|bare URL FIRST COUNT`` prints how many have joined, now and
then, and ``joined`` when all have; then, for each event, the time of day (µs) at which the last of its
members had it. It runs until it is ended.

Ours are what ``promptcast chat`` is composed of, with its connections, heartbeats, reports, metrics and
log lines; only its HTTP ports are not opened, and nobody checks the server once a minute.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry

from events.chain import Entry
from services.chat.main import build
from services.logs import configure
from services.settings import Settings
from tests.bench.bare import reading
from tests.bench.ledger import NAMESPACE
from tests.waiting import until

AT_A_TIME = 20
"""Join together: a fleet that is started by somebody does not come all at once either."""
JOIN_SECONDS = 60.0
URL = "http://replica.example:8080"
"""What each tells the fleet view: it makes its heartbeat as long as one in earnest."""


@dataclass(slots=True)
class Tally:
    """Counts those who have an event; when it is everybody, the time is printed."""

    members: int
    counts: bool = False
    _had: int = 0

    def note(self) -> None:
        """One more has the next event. Only one event at a time is on its way."""
        if not self.counts:
            return
        self._had += 1
        if self._had % self.members == 0:
            print(time.time_ns() // 1000, flush=True)


@asynccontextmanager
async def replica(url: str, name: str, had: Callable[[], None]) -> AsyncIterator[None]:
    """A replica that is current; ``had`` is called right behind each swap."""
    settings = Settings(redis_url=url, namespace=NAMESPACE, replica_id=name)
    parts = build(settings, CollectorRegistry())
    parts.member.url, kept = URL, parts.follower.taken

    def taken(entries: Sequence[Entry]) -> None:
        kept(entries)
        for _ in entries:
            had()

    parts.follower.taken = taken
    running = asyncio.create_task(parts.join())
    running.add_done_callback(_told)
    try:
        ready = lambda: parts.follower.serving and parts.follower.state == "current"  # noqa: E731
        await until(ready, JOIN_SECONDS)
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await parts.leave()


def _told(running: "asyncio.Task[None]") -> None:
    """A replica follows until it is cancelled; whoever waits for it would wait in vain."""
    if not running.cancelled():
        print(f"a replica ended: {running.exception()!r}", file=sys.stderr)


async def join(kind: str, url: str, names: Sequence[str], tally: Tally) -> None:
    """All of them, until this is cancelled."""
    follow = replica if kind == "ours" else reading
    async with AsyncExitStack() as stack:
        for first in range(0, len(names), AT_A_TIME):
            batch = names[first : first + AT_A_TIME]
            entered = (stack.enter_async_context(follow(url, name, tally.note)) for name in batch)
            await asyncio.gather(*entered)
            print(first + len(batch), flush=True)
        tally.counts = True
        print("joined", flush=True)
        await asyncio.Event().wait()


def main(kind: str, url: str, first: str, count: str) -> None:
    """Until it is ended."""
    with Path("/dev/null").open("w") as nowhere:
        configure("info", "json", nowhere)
        names = [f"replica-{int(first) + number:04}" for number in range(int(count))]
        asyncio.run(join(kind, url, names, Tally(len(names))))


if __name__ == "__main__":
    main(*sys.argv[1:])
