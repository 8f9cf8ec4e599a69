"""The log as it is now, read beside another copy of it: how far the two are the same."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from events.chain import GENESIS, Entry, Head, head_of
from events.errors import StrayId, TrimmedPast
from events.log import EventLog


@dataclass(slots=True)
class Present:
    """Compares what the log holds with entries that are handed over in order, from position 1."""

    log: EventLog
    common: Head = GENESIS
    """The last event that both hold, with all before it."""
    parted: bool = False
    """Whether they differ behind :attr:`common`, or the log ends there."""
    _begins: int = 1
    """Where the log begins, as far as it can be read here: what was trimmed before that is the other
    copy's if the event there is, whose bytes say what it follows upon."""

    async def compare(self, entries: Sequence[Entry]) -> None:
        """The next entries of the other copy."""
        while entries and not self.parted:
            here = await self._read(self.common.position, len(entries))
            if gone := [entry for entry in entries if entry.position < self._begins]:
                self.common, entries = head_of(gone[-1]), entries[len(gone) :]
                continue
            self.parted = not here
            for entry, mine in zip(entries, here, strict=False):
                if (entry.position, entry.hash, entry.event) != (
                    mine.position,
                    mine.hash,
                    mine.event,
                ):
                    self.parted = True
                    return
                self.common = head_of(mine)
            entries = entries[len(here) :]

    async def rest(self) -> AsyncIterator[Sequence[Entry]]:
        """What only the log holds, behind :attr:`common`, up to an id that is no position."""
        position = self.common.position
        while entries := await self._read(position, 256):
            yield entries
            position = entries[-1].position

    async def _read(self, position: int, count: int) -> Sequence[Entry]:
        try:
            return await self.log.read(position, count=count)
        except TrimmedPast as past:
            self._begins = past.first
            return await self.log.read(past.first - 1, count=count)
        except StrayId:
            return ()
