"""What waits to be written: entries that were applied, in order, and bounded."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from events.chain import Entry
from services.admin.journal.reading import following

MOST_WAITING = 8 * 1024 * 1024
"""Bytes of events; what does not fit is read back from the log later."""


@dataclass(slots=True)
class Waiting:
    """At most ``most`` bytes of events."""

    most: int = MOST_WAITING
    _entries: deque[Entry] = field(default_factory=deque)
    _bytes: int = 0

    def take(self, entries: Sequence[Entry]) -> None:
        """Let ``entries`` wait, as far as they fit."""
        for entry in entries:
            if self._bytes + len(entry.event) > self.most:
                break
            self._entries.append(entry)
            self._bytes += len(entry.event)

    def behind(self, position: int) -> list[Entry]:
        """What follows upon ``position``; what does not lie behind it is let go of."""
        while self._entries and self._entries[0].position <= position:
            self._bytes -= len(self._entries.popleft().event)
        return following(self._entries, position)

    def clear(self) -> None:
        """Nothing waits."""
        self._entries.clear()
        self._bytes = 0
