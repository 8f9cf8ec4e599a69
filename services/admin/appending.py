"""Appending: one thing at a time, and decided again when the log has moved."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, NamedTuple, TypeVar

import uuid_utils

from events.chain import Chain, Entry, Head
from events.envelope import RequestKey, Stamp
from events.errors import AppendExpired, Conflict, LogDiverged, LogUnavailable, ServerChanged
from events.model import Event
from events.signing import KeyRing
from events.writing import appended, seal
from services.admin.healing.gate import Shut
from services.admin.tracked import Tracked

APPEND_SECONDS = 5.0
"""An append lands within this time or never."""
CHANGE_SECONDS = 10.0
"""For a whole change, its turn in the queue and every decide-again round included."""

Result = TypeVar("Result")


class Appended(NamedTuple):
    """What was appended, when it was done (monotonic seconds), how long that took, and whether the
    server has confirmed that it is as durable as was asked for."""

    entry: Entry
    ended: float
    seconds: float
    durable: bool


@dataclass(slots=True)
class AppendQueue:
    """The one append queue of a log in this process.

    ``doubted`` is the first position whose durability was not confirmed, since the last append that
    was: a server's replicas and its disk take things in order, so that one vouches for all before it.
    """

    tracked: Tracked[Any]
    keys: KeyRing
    source: str
    new_id: Callable[[], str] = lambda: str(uuid_utils.uuid7())
    doubted: int | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def in_turn(self, attempt: Callable[[], Awaitable[Result | None]]) -> Result:
        """What ``attempt`` comes to; it gives None when the log has moved, and is made again.

        While the gate of the log is shut, it waits. Only waiting is cut short: an append that is under
        way is seen through to its end.
        """
        deadline = monotonic() + CHANGE_SECONDS
        while True:
            try:
                return await self._in_turn(attempt, deadline)
            except (Shut, ServerChanged):  # what appends nothing is answered meanwhile
                await self.tracked.gate.passed(deadline - monotonic())

    async def _in_turn(
        self, attempt: Callable[[], Awaitable[Result | None]], deadline: float
    ) -> Result:
        try:
            async with asyncio.timeout(deadline - monotonic()):
                await self._turn.acquire()
        except TimeoutError:
            raise LogUnavailable("too many changes are waiting; nothing was written") from None
        try:
            while monotonic() < deadline:
                result = await attempt()
                if result is not None:
                    return result
        finally:
            self._turn.release()
        raise LogUnavailable("others keep changing the log; nothing was written")

    async def is_head(self, seen: Chain) -> bool:
        """Whether the log ends where ``seen`` does; if not, it is caught up with."""
        return await self.tracked.confirm_to_write() and self.tracked.follower.applied.chain is seen

    async def append(
        self, event: Event, actor: str, seen: Chain, request: RequestKey | None = None
    ) -> Appended | None:
        """Append what was decided upon ``seen``; None when the head has moved meanwhile."""
        self.tracked.gate.check()
        if not self._is_true(seen):
            await self.tracked.confirm_to_write()
            return None
        after, log = self._opened(seen), self.tracked.log
        stamp = Stamp(self.new_id(), self.source, log.clock.now(), actor, request)
        draft = seal(event, stamp, after, self.keys)
        started = monotonic()
        try:
            landed = await log.append(draft, after, APPEND_SECONDS)
        except (Conflict, AppendExpired):
            await self.tracked.confirm_to_write()
            return None
        ended, entry = monotonic(), appended(draft, after, landed.at)
        self._remember(entry.position, landed.durable)
        self.tracked.follower.advance([entry])
        return Appended(entry, ended, ended - started, landed.durable)

    def _is_true(self, seen: Chain) -> bool:
        """Whether the state in force is that of ``seen``; not so while another log is being folded."""
        applied = self.tracked.follower.applied
        return applied.chain is seen and applied.settled

    def is_durable(self, position: int) -> bool:
        """Whether this process knows of nothing that speaks against it; others may know more."""
        return self.doubted is None or position < self.doubted

    def _remember(self, position: int, durable: bool) -> None:
        if durable:
            self.doubted = None
        elif self.doubted is None:
            self.doubted = position

    def _opened(self, seen: Chain) -> Head:
        """Where an event goes. A log that was not opened takes none: it might be one that is gone."""
        if seen.log_id:
            return seen.head
        if self.tracked.follower.state == "diverged":
            raise LogDiverged("there was a log, and it is missing")
        raise LogUnavailable("the log is not opened yet; nothing was written")
