"""The log as it is now, read beside another copy of it: how far the two are the same."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from events.chain import GENESIS, Entry, Head, head_of
from events.errors import StrayId
from events.log import EventLog


@dataclass(slots=True)
class Present:
    """Compares what the log holds with entries that are handed over in order, from position 1."""

    log: EventLog
    common: Head = GENESIS
    """The last event that both hold, with all before it."""
    parted: bool = False
    """Whether they differ behind :attr:`common`, or the log ends there."""

    async def compare(self, entries: Sequence[Entry]) -> None:
        """The next entries of the other copy."""
        while entries and not self.parted:
            here = await self._read(self.common.position, len(entries))
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
        except StrayId:
            return ()
