"""The tail: the last entries of a log as they were stored, held for whom the log may have lost them."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from events.chain import Entry

TAIL_ENTRIES = 64
TAIL_BYTES = 4 * 1024 * 1024
"""Of events: eight of the largest valid ones, and most often all of the 64."""


@dataclass(slots=True)
class Tail:
    """At most ``most`` entries, and ``most_bytes`` of events, without a gap between them."""

    most: int = TAIL_ENTRIES
    most_bytes: int = TAIL_BYTES
    _kept: deque[Entry] = field(default_factory=deque)
    _bytes: int = 0

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What is held, oldest first."""
        return tuple(self._kept)

    def take(self, entries: Sequence[Entry]) -> None:
        """Hold ``entries`` too; the oldest go. What was held before a gap is let go of."""
        for entry in entries:
            if self._kept and entry.position != self._kept[-1].position + 1:
                self.clear()
            self._kept.append(entry)
            self._bytes += len(entry.event)
            while len(self._kept) > self.most or self._bytes > self.most_bytes:
                self._bytes -= len(self._kept.popleft().event)

    def behind(self, position: int) -> tuple[Entry, ...]:
        """What follows ``position``; empty when it does not reach back to there, or nothing follows."""
        if not self._kept or self._kept[0].position > position + 1:
            return ()
        return tuple(entry for entry in self._kept if entry.position > position)

    def clear(self) -> None:
        """Hold nothing."""
        self._kept.clear()
        self._bytes = 0
