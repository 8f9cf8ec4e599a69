"""The journal as the archive of its log: what was trimmed from the server is read from here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from events.chain import GENESIS, Chain, Entry, Head
from events.limits import MAX_READ_BYTES
from events.log import READ_COUNT
from services.admin.journal.journal import Journal
from services.admin.tracked import Tracked


def archive_of(tracked: Tracked[Any]) -> "JournalArchive":
    """What reads of this log go to for what was trimmed."""
    applied = tracked.follower.applied
    return JournalArchive(tracked.journal, lambda: applied.chain)


@dataclass(frozen=True, slots=True)
class JournalArchive:
    """An :class:`events.log.Archive`. ``followed`` is the chain of what this instance has applied.
    Without a journal nothing is here: then it is told, and not passed over, that the log was trimmed."""

    journal: Journal | None
    followed: Callable[[], Chain]

    def trimmed(self) -> int:
        """See :class:`events.log.Archive`."""
        known = [self.followed().trimmed, self.journal.chain.trimmed if self.journal else GENESIS]
        return max(known).position

    async def behind(
        self, position: int, count: int = READ_COUNT, max_bytes: int = MAX_READ_BYTES
    ) -> Sequence[Entry]:
        """See :class:`events.log.Archive`. What lies before a hole may be of another history."""
        if self.journal is None or position + 1 < self.journal.first:
            return ()
        return await self.journal.behind(position, count, max_bytes)

    async def holds(self, head: Head) -> bool:
        """See :class:`events.log.Archive`."""
        return self.journal is not None and await self.journal.holds(head)
