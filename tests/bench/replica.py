"""What a replica follows the log with, without the process around it."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from events.chain import Outcome
from events.errors import LogError
from events.log import Pulse
from events.signing import KeyRing
from events.streams.feeds import GroupFeed
from events.streams.link import Link, connector
from events.streams.log import RedisLog
from projections.applying import Applied
from projections.follower import Follower
from projections.held import Held
from projections.live import Live, fold
from services.chat.member import Member
from tests.bench.ledger import KEYS
from tests.waiting import until


@dataclass(slots=True)
class Noticed:
    """What is live, and somebody who is told of each swap right after it."""

    held: Held[Live]
    swapped: Callable[[], None]

    def fold(self, outcomes: Sequence[Outcome]) -> None:
        """See :class:`~projections.applying.Projection`."""
        self.held.fold(outcomes)
        self.swapped()

    def begin(self) -> None:
        """See :class:`~projections.applying.Projection`."""
        self.held.begin()

    def commit(self) -> None:
        """See :class:`~projections.applying.Projection`."""
        self.held.commit()


class Silent:
    """A :class:`~projections.observer.Observer` that keeps nothing; a crash is raised."""

    def applied(self, outcomes: Sequence[Outcome], lag_us: int | None) -> None:
        """Nothing."""

    def reached(self, pulse: Pulse, position: int) -> None:
        """Nothing."""

    def lost(self, error: LogError) -> None:
        """Nothing."""

    def changed(self, state: str, reason: str) -> None:
        """Nothing."""

    def crashed(self, error: Exception) -> None:
        """Fail the bench."""
        raise error


@dataclass(slots=True)
class Replica:
    """A follower with the group, the projection and the reports of a replica."""

    log: RedisLog
    follower: Follower

    @classmethod
    def at(cls, url: str, name: str, swapped: Callable[[], None] = lambda: None) -> "Replica":
        """On the server at ``url``; ``swapped`` is called right after each swap."""
        connect, instance, empty = connector(url), secrets.token_hex(8), Live()
        held = Held(empty, empty, fold)
        log, member = RedisLog.over(connect, KEYS), Member(name, instance, held)
        member.follower = follower = Follower(
            log,
            GroupFeed(Link(connect), KEYS, name, instance),
            Applied(Noticed(held, swapped), KeyRing()),
            Silent(),
            report=member.acknowledgement,
        )
        return cls(log, follower)

    async def close(self) -> None:
        """Drop the connections."""
        await self.follower.feed.close()
        await self.log.close()


@asynccontextmanager
async def following(
    url: str, name: str, swapped: Callable[[], None] = lambda: None
) -> AsyncIterator[Replica]:
    """A replica that follows the log from now on."""
    replica = Replica.at(url, name, swapped)
    running = asyncio.create_task(replica.follower.run())
    try:
        await until(lambda: replica.follower.state == "current")
        yield replica
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await replica.close()
