"""Offering: what this replica holds of a log that it finds diverged, for the admins to heal it with."""

from dataclasses import dataclass

from events.chain import Entry
from events.lines import to_line
from projections.tail import Tail
from services.membership import Membership


@dataclass(slots=True)
class Offering:
    """Offers ``tail`` for as long as the log is another than it should be."""

    membership: Membership
    tail: Tail
    _offered: tuple[Entry, ...] = ()
    _lines: bytes = b""

    async def renew(self, state: str) -> None:
        """With every heartbeat, in the follower's ``state``; raises a ``LogError`` when it failed.

        An offer is taken back once the log holds what was offered. When the replica has given up what
        it held, the offer stands until its time is up: it may be the last copy of something.
        """
        if state == "diverged":
            await self._offer()
        elif state == "current" and self._offered:
            offered, self._offered, self._lines = self._offered, (), b""
            if offered[-1] in self.tail.entries:
                await self.membership.withdraw()

    async def _offer(self) -> None:
        entries = self.tail.entries
        if entries and entries != self._offered:
            self._offered, self._lines = entries, b"\n".join(map(to_line, entries))
        if self._lines:
            await self.membership.offer(self._lines)
