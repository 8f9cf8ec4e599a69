"""The book: who may do what, as this admin instance knows it from the access log, and changes to it.

The access log is a log of its own beside the prompts', with the same rules: compare-and-append, a
hash chain, signatures. A change is decided upon what is known here and appended only if that was the
head; what appends nothing is answered only once the head has proved it. So two admins can never both
add one name, nor remove the last two admins at the same moment.
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from events.chain import Entry, read
from events.errors import LogDiverged
from events.limits import MAX_READ_BYTES
from events.log import EventLog, Feed
from events.model import Event
from events.signing import KeyRing
from events.streams.durability import Durability
from events.streams.feeds import TailFeed
from events.streams.keys import Keys
from events.streams.link import Connect, Link
from events.streams.log import RedisLog
from projections import access as rules
from projections.access import Access, Key, Person
from projections.applying import Applied
from projections.follower import Follower
from projections.held import Held
from projections.pace import Pace
from projections.refusals import Refused
from services.admin.access.observing import AccessObserver
from services.admin.appending import AppendQueue
from services.admin.healing.gate import Gate, opened
from services.admin.journal.journal import journal_of
from services.admin.opening import open_log, recall
from services.admin.tracked import Tracked
from services.metrics import AdminMetrics
from services.settings import Settings


class Settled(NamedTuple):
    """What came of a change: who may do what right behind it, the position where that was, and whether
    the server has confirmed it as durable."""

    access: Access
    position: int
    durable: bool = True


async def _nothing() -> None:
    return None


@dataclass(slots=True)
class Book:
    """Follows the access log while :meth:`run` runs.

    Every change raises a ``Refused``, or the ``LogError`` that stood in the way; names and ids are
    checked. ``actor`` is who makes it.
    """

    tracked: Tracked[Access]
    queue: AppendQueue
    observer: AccessObserver
    close_log: Callable[[], Awaitable[None]] = _nothing

    @property
    def access(self) -> Access:
        """Who may do what, as it is known here at this moment."""
        return self.tracked.held.state

    @property
    def position(self) -> int:
        """The position of the access log that :attr:`access` is of."""
        return self.tracked.follower.position

    @property
    def head_position(self) -> int:
        """The access log's last position, as far as it is known here."""
        return self.tracked.follower.head_position

    @property
    def state(self) -> str:
        """How well the log is followed, in the words of the follower.

        ``stale`` as soon as it was not reached for the limit, even while a call still hangs.
        """
        follower = self.tracked.follower
        silent = follower.state == "current" and follower.stale_seconds() is not None
        return "stale" if silent else follower.state

    @property
    def read_only(self) -> str | None:
        """Why nothing can be written here until an upgrade; None when it can."""
        newer = self.access.newer
        return f"position {newer.position}: {newer.detail}" if newer else None

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever :attr:`access` may be another one; it must not raise."""
        self.observer.listeners.append(listener)

    async def run(self) -> None:
        """Open the log if there is none, and follow it; raises ``LogError`` to be tried again."""
        follower, queue = self.tracked.follower, self.queue
        if not follower.position:
            await recall(self.tracked)
        try:
            await open_log(self.tracked.log, self.tracked, queue.keys, queue.source)
        except LogDiverged as error:  # the follower takes it from here
            structlog.get_logger().error("log_diverged", log="access", error=str(error))
            follower.distrust(error)
        await follower.run()

    async def close(self) -> None:
        """Close what is open; behind the end of :meth:`run`."""
        await self.tracked.follower.feed.close()
        if self.tracked.journal:
            await self.tracked.journal.close()
        await self.close_log()

    async def confirm(self) -> int:
        """Catch up with the log's head; the position where :attr:`access` was proved to be true."""
        await self.tracked.confirmed()
        return self.position

    async def events(self, cursor: int, limit: int) -> Sequence[Entry]:
        """Entries of the access log behind ``cursor``, as stored."""
        return await self.tracked.log.read(cursor, limit, MAX_READ_BYTES)

    async def add_person(self, name: str, role: str, actor: str) -> Person:
        """Let somebody in, once they have a password."""
        done = await self._change(lambda a: rules.decide_add_person(a, name, role), actor)
        return done.access.people[name]

    async def set_role(self, name: str, role: str, actor: str) -> Person:
        """Let somebody do more, or less; appends nothing when it is their role already."""
        done = await self._change(lambda a: rules.decide_set_role(a, name, role, actor), actor)
        return done.access.people[name]

    async def remove_person(self, name: str, actor: str) -> int:
        """Shut somebody out; the position of that."""
        done = await self._change(lambda a: rules.decide_remove_person(a, name, actor), actor)
        return done.position

    async def password_set(self, name: str, actor: str) -> int:
        """Tell that somebody's password is another one, which ends their sessions; the position."""
        done = await self._change(lambda a: rules.decide_password_set(a, name), actor)
        return done.position

    async def sign_out(self, name: str, actor: str) -> int:
        """End all of somebody's sessions: those of a lower position than the one returned."""
        done = await self._change(lambda a: rules.decide_sign_out(a, name), actor)
        return done.position

    async def add_key(self, id: str, name: str, role: str, actor: str) -> Key:
        """Let a program in by the API key ``id``."""
        done = await self._change(lambda a: rules.decide_add_key(a, id, name, role), actor)
        return done.access.keys[id]

    async def revoke_key(self, id: str, actor: str) -> int:
        """Shut an API key out; the position of that."""
        done = await self._change(lambda a: rules.decide_revoke_key(a, id), actor)
        return done.position

    async def _change(self, decide: Callable[[Access], Event | None], actor: str) -> Settled:
        done = await self.queue.in_turn(lambda: self._attempt(decide, actor))
        if not (await self.tracked.is_safe(done.position) and done.durable):
            self.observer.not_durable(done.position)
        return done

    async def _attempt(
        self, decide: Callable[[Access], Event | None], actor: str
    ) -> Settled | None:
        """One round; None when the log has moved, and it must be decided again."""
        seen, access = self.tracked.follower.applied.chain, self.access
        try:
            event = decide(access)
        except Refused:
            if await self.queue.is_head(seen):
                raise
            return None
        if event is None:
            here = seen.head.position
            return Settled(access, here) if await self.queue.is_head(seen) else None
        done = await self.queue.append(event, actor, seen)
        if done is None:
            return None
        _, outcome = read(seen, done.entry, self.queue.keys)
        return Settled(rules.apply(access, outcome), done.entry.position, done.durable)


def make_book(log: EventLog, feed: Feed, ring: KeyRing, source: str, pace: Pace) -> Book:
    """A book over a log; nothing is connected or started."""
    held = Held(Access(), Access(), rules.fold)
    applied = Applied(held, ring)
    observer = AccessObserver()
    follower = Follower(log, feed, applied, observer, pace=pace, jitter=random.uniform)
    tracked = Tracked(log, follower, held)
    return Book(tracked, AppendQueue(tracked, ring, source), observer)


def build_book(
    settings: Settings,
    connect: Connect,
    keys: Keys,
    ring: KeyRing,
    metrics: AdminMetrics,
    gate: Gate | None = None,
) -> Book:
    """The book of a namespace, on connections of its own; nothing is connected or started.

    ``gate`` is kept by a healer; without one anybody may append at any time.
    """
    durability, gate = Durability.of(settings.durability), gate or opened("access")
    log = RedisLog.over(connect, keys.access, durability, gate.met, gate.noted)
    book = make_book(
        log,
        TailFeed(Link(connect), keys.access),
        ring,
        f"/promptcast/{settings.namespace}/access",
        Pace(stale_after=settings.stale_after, rebuild_after=None),
    )
    book.close_log = log.close
    book.observer.count_not_durable = metrics.not_durable.inc
    book.tracked.gate = gate
    book.observer.doubt = gate.doubt
    book.tracked.journal = journal_of(
        settings.state_dir, "access", log, book.tracked.follower, metrics
    )
    return book
