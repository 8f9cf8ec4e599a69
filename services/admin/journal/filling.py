"""Filling: what a journal lacks, from another copy of the log. Everything here blocks.

Nobody need be trusted: what fills a hole must chain, hash for hash, from what lies before it to what
lies behind it. Until that is shown it stands beside the journal, in files that the next start sweeps up.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from events.chain import GENESIS_HASH, Entry
from events.envelope import digest, prevhash
from events.errors import BadLine
from events.lines import checked, to_line
from services.admin.journal.segments import Segment, path_of
from services.admin.journal.store import Store


@dataclass(slots=True)
class Filling:
    """Of the first hole of ``store``, with entries that are taken in order."""

    store: Store
    after: int = 0
    """The last position that is here, or was taken."""
    _began: int = 0
    _behind: Segment | None = None
    _hash: str = GENESIS_HASH
    _parts: list[tuple[Path, Segment]] = field(default_factory=list)
    _lines: bytearray = field(default_factory=bytearray)
    _first: int = 0

    def __post_init__(self) -> None:
        for after, behind in self.store.holes()[:1]:
            self.after, self._began, self._behind = after, after, behind
            if after:
                self._hash = digest(self._last(after).event)

    @property
    def through(self) -> int:
        """The last position of the hole; 0: there is none."""
        return self._behind.first - 1 if self._behind else 0

    def take(self, entries: Sequence[Entry]) -> None:
        """The next entries; those that are here already are passed over.

        Raises ``BadLine`` when one does not chain to the one before it, and ``OSError``.
        """
        for entry in entries:
            if not self.after < entry.position <= self.through:
                continue
            if entry.position != self.after + 1 or prevhash(entry.event) != self._hash:
                raise BadLine(f"position {entry.position} does not follow upon what is here")
            self.after, self._hash = entry.position, digest(entry.event)
            self._first = self._first or entry.position
            self._lines += checked(to_line(entry)) + b"\n"
            if len(self._lines) >= self.store.most:
                self._part()

    def end(self) -> int:
        """Put what was taken into the journal; how many entries that are. Nobody else may write to the
        store meanwhile. Raises ``BadLine`` when the hole was not filled to its end, and ``OSError``."""
        if self._behind is None:
            return 0
        if self.after < self.through:
            raise BadLine(
                f"it ends with position {self.after}; {self.through} is the last that lacks"
            )
        if (self._began, self._behind) not in self.store.holes():
            raise BadLine("the journal has changed meanwhile: try again")
        if self._hash != self._behind.before():
            raise BadLine(f"position {self.through} is not what the next event here follows upon")
        self._part()
        for part, segment in self._parts:
            part.rename(segment.path)
        self.store.added([segment for _, segment in self._parts])
        return sum(segment.count for _, segment in self._parts)

    def discard(self) -> None:
        """Leave no pieces behind."""
        for part, _ in self._parts:
            part.unlink(missing_ok=True)

    def _part(self) -> None:
        if self._lines:
            directory = self.store.directory
            part = directory / f"filling-{secrets.token_hex(4)}.new"
            self.store.disk.replace(part, bytes(self._lines))
            count, size = self.after - self._first + 1, len(self._lines)
            segment = Segment(path_of(directory, self._first), self._first, count, size)
            self._parts.append((part, segment))
            self._lines, self._first = bytearray(), 0

    def _last(self, position: int) -> Entry:
        segment = next(each for each in self.store.segments if each.last == position)
        return next(segment.entries(position - 1))
