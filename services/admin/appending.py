"""Appending: one thing at a time, and decided again when the log has moved."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, NamedTuple, TypeVar

import uuid_utils

from events.chain import Chain, Entry, Head
from events.envelope import RequestKey, Stamp
from events.errors import AppendExpired, Conflict, LogDiverged, LogUnavailable
from events.model import Event
from events.signing import KeyRing
from events.writing import appended, seal
from services.admin.tracked import Tracked

APPEND_SECONDS = 5.0
"""An append lands within this time or never."""
CHANGE_SECONDS = 10.0
"""For a whole change, its turn in the queue and every decide-again round included."""

Result = TypeVar("Result")


class Appended(NamedTuple):
    """What was appended, when it was done (monotonic seconds), and how long that took."""

    entry: Entry
    ended: float
    seconds: float


@dataclass(slots=True)
class AppendQueue:
    """The one append queue of a log in this process."""

    tracked: Tracked[Any]
    keys: KeyRing
    source: str
    new_id: Callable[[], str] = lambda: str(uuid_utils.uuid7())
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def in_turn(self, attempt: Callable[[], Awaitable[Result | None]]) -> Result:
        """What ``attempt`` comes to; it gives None when the log has moved, and is made again.

        Only waiting is cut short: an append that is under way is seen through to its end.
        """
        deadline = monotonic() + CHANGE_SECONDS
        try:
            async with asyncio.timeout(CHANGE_SECONDS):
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
        return await self.tracked.confirm() and self.tracked.follower.applied.chain is seen

    async def append(
        self, event: Event, actor: str, seen: Chain, request: RequestKey | None = None
    ) -> Appended | None:
        """Append what was decided upon ``seen``; None when the head has moved meanwhile."""
        after, log = self._opened(seen), self.tracked.log
        stamp = Stamp(self.new_id(), self.source, log.clock.now(), actor, request)
        draft = seal(event, stamp, after, self.keys)
        started = monotonic()
        try:
            at = await log.append(draft, after, APPEND_SECONDS)
        except (Conflict, AppendExpired):
            await self.tracked.confirm()
            return None
        ended, entry = monotonic(), appended(draft, after, at)
        self.tracked.follower.advance([entry])
        return Appended(entry, ended, ended - started)

    def _opened(self, seen: Chain) -> Head:
        """Where an event goes. A log that was not opened takes none: it might be one that is gone."""
        if seen.log_id:
            return seen.head
        if self.tracked.follower.state == "diverged":
            raise LogDiverged("there was a log, and it is missing")
        raise LogUnavailable("the log is not opened yet; nothing was written")
