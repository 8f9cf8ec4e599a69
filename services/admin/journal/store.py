"""The store: what a journal does to its files, one thing at a time. Everything here blocks.

A line counts once it was synced. After any error what was not synced is cut off before anything more
is written: a second sync that succeeds says nothing of pages that the first one failed to write.
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from events.chain import Chain, Entry, Head, Rejected, read
from events.errors import BadLine
from events.lines import checked, to_line
from events.signing import KeyRing
from services.admin.journal.disk import Disk
from services.admin.journal.salvage import salvage, segment_of
from services.admin.journal.segments import (
    Examined,
    Run,
    Segment,
    examine,
    packed,
    path_of,
    segments_in,
)

SEGMENT_BYTES = 16 * 1024 * 1024
_log = structlog.stdlib.get_logger(__name__)


class Unchained(Exception):
    """The entry does not show that it follows the one that the journal ends with."""


class Taken(OSError):
    """Another process writes to this journal."""


@dataclass(slots=True)
class Store:
    """The files in ``directory``. ``chain`` is that of the last line that is safe."""

    directory: Path
    name: str
    keys: KeyRing
    disk: Disk = field(default_factory=Disk)
    most: int = SEGMENT_BYTES
    chain: Chain = Chain()
    segments: list[Segment] = field(default_factory=list)
    """Oldest first; replaced as a whole, so that readers hold on to what they have."""
    is_open: bool = False
    """Whether it was found out what is there, and nobody else writes to it."""
    _lock: int | None = None
    _pen: int | None = None

    # --- opening ------------------------------------------------------------------------------

    def open(self) -> None:
        """Lock it, and examine the newest segment. Raises ``OSError`` (:class:`Taken` among them)."""
        self.disk.directory(self.directory)
        if self._lock is None:
            self._lock = self.disk.lock(self.directory / "lock")
        if self._lock is None:
            raise Taken(f"another process writes to {self.directory}")
        self._sweep()
        self._load()
        self.is_open = True

    def _sweep(self) -> None:
        for left_over in self.directory.glob("*.new"):
            left_over.unlink()

    def _load(self) -> None:
        """Take stock of what is sound in the newest segment, and of the chain there."""
        self._lift()
        segments = segments_in(self.directory)
        while segments:
            newest = segments.pop()
            found = examine(newest.path)
            if found.is_torn(newest.first):
                kept = self._cut_off(newest, found)
            else:
                kept = self._salvaged(newest, found)
            if kept:
                segments += kept
                break
        self.segments = segments
        self.chain = self._chain()

    def _cut_off(self, newest: Segment, found: Examined) -> list[Segment]:
        """Without its torn end; nothing when nothing is left."""
        run = found.runs[0] if found.runs else Run(newest.first, 0, 0, 0)
        newest.count, newest.size = run.lines, run.end
        if found.size > newest.size:  # it was never acknowledged; it is told all the same
            torn = found.size - newest.size
            _log.warning("journal_torn", log=self.name, segment=newest.path.name, bytes=torn)
        if not newest.count:
            newest.remove()
            return []
        self._shortened(newest)
        return [newest]

    def _shortened(self, segment: Segment) -> None:
        """On disk, too, a segment has no more than its size from now on."""
        descriptor = self.disk.opened(segment.path, segment.size)
        try:
            self.disk.sync(descriptor)
        finally:
            os.close(descriptor)

    def _chain(self) -> Chain:
        """The chain at the end: the newest one that was kept beside a segment, and read on from it."""
        kept, rest = Chain(), self.segments
        for number in range(len(self.segments) - 1, -1, -1):
            if (found := self.segments[number].chain()) is not None:
                kept, rest = found, self.segments[number:]
                break
        for segment in rest:
            with suppress(BadLine):  # an older one: it is told of when it is examined
                for entry in segment.entries(0):
                    kept = _on(kept, entry, self.keys)
        return kept

    # --- writing ------------------------------------------------------------------------------

    def append(self, entries: Iterable[Entry], confirmed: bool = False) -> None:
        """Write those that are new, in order; what is behind :attr:`chain` then is safe.

        Raises ``OSError``, ``LogGap`` when one is missing before them, and :class:`Unchained` unless
        it was ``confirmed`` that the log itself holds what this journal ends with.
        """
        chain, lines, room = self.chain, bytearray(), self._room()
        count, before = 0, self.chain
        for entry in entries:
            if entry.position <= chain.head.position:
                continue
            after, outcome = read(chain, entry, self.keys)
            if not confirmed and chain is self.chain and isinstance(outcome, Rejected):
                raise Unchained(f"it is not shown that {entry.position} follows this journal's end")
            line = checked(to_line(entry)) + b"\n"
            if len(lines) + len(line) > room:
                self._write(before, lines, count, chain)
                lines, count, before, room = bytearray(), 0, chain, self.most
            lines += line
            count, chain = count + 1, after
        self._write(before, lines, count, chain)

    def skip(self, chain: Chain) -> None:
        """Go on behind ``chain``: what lies before is not to be had, and leaves a hole."""
        self.chain = chain

    def _room(self) -> int:
        return self.most - self.segments[-1].size if self.segments else self.most

    def _write(self, before: Chain, lines: bytearray, count: int, after: Chain) -> None:
        """Lines into the newest segment if they fit, else into the next one."""
        if not count:
            return
        newest = self.segments[-1] if self.segments else None
        goes_on = newest is not None and newest.last == before.head.position
        if newest is None or not goes_on or newest.size + len(lines) > self.most:
            newest = self._begun(before)
        try:
            if self._pen is None:
                self._pen = self.disk.opened(newest.path, newest.size)
            self.disk.write(self._pen, lines)
            self.disk.sync(self._pen)
            if not newest.count:
                self.disk.sync_names(self.directory)
        except BaseException:
            self._lift()
            raise
        newest.size, newest.count = newest.size + len(lines), newest.count + count
        if newest is not (self.segments[-1] if self.segments else None):
            self.segments = [*self.segments, newest]
        self.chain = after

    def _begun(self, chain: Chain) -> Segment:
        """The segment that goes on behind ``chain``, empty."""
        self._lift()
        first = chain.head.position + 1
        segment = Segment(path_of(self.directory, first), first, 0)
        if first > 1:
            after = self.segments[-1].last if self.segments else 0
            self.disk.replace(segment.chain_path, packed(chain, after))
        return segment

    def _lift(self) -> None:
        """Close the newest segment; the next write cuts off what is not known to be safe."""
        pen, self._pen = self._pen, None
        if pen is not None:
            os.close(pen)

    # --- mending ------------------------------------------------------------------------------

    def put_aside(self, segment: Segment, found: Examined) -> None:
        """Put a damaged segment aside; what is sound in it stays in the journal."""
        if segment in self.segments:
            place = self.segments.index(segment)
            later = {each.first for each in self.segments[place + 1 :]}
            runs = tuple(run for run in found.runs if run.first not in later)
            salvaged = self._salvaged(segment, found._replace(runs=runs))
            self.segments = [*self.segments[:place], *salvaged, *self.segments[place + 1 :]]

    def _salvaged(self, segment: Segment, found: Examined) -> list[Segment]:
        made = salvage(segment, found, self.disk)
        sound = sum(each.count for each in made)
        _log.error("journal_damaged", log=self.name, segment=segment.path.name, sound=sound)
        return made

    def fill(self, entries: Sequence[Entry]) -> None:
        """Put ``entries`` into a hole before a later segment, as a segment of their own."""
        self.added([segment_of(self.directory, entries, self.disk)])

    def added(self, segments: Sequence[Segment]) -> None:
        """``segments`` stand in a hole now."""
        self.disk.sync_names(self.directory)
        self.segments = sorted([*self.segments, *segments], key=lambda segment: segment.first)

    def holes(self) -> list[tuple[int, Segment]]:
        """Where something is missing: the position behind which, and the segment that comes then."""
        found, last = [], 0
        for segment in self.segments:
            if segment.first > last + 1:
                found.append((last, segment))
            last = segment.last
        return found

    # --- cutting ------------------------------------------------------------------------------

    def cut(self, after: int) -> int:
        """Take away every line behind position ``after``; how many. After an error: open it again."""
        self.is_open = False
        self._lift()
        before = self.chain.head.position
        while self.segments and self.segments[-1].first > after:
            *self.segments, newest = self.segments
            newest.remove()
        if self.segments:
            newest = self.segments[-1]
            newest.count = min(newest.count, after - newest.first + 1)
            with newest.path.open("rb") as file:
                newest.size = sum(len(file.readline()) for _ in range(newest.count))
            self._shortened(newest)
        self.disk.sync_names(self.directory)
        self.chain = self._chain() if self.segments else Chain(signed=self.chain.signed)
        self.is_open = True
        return before - self.chain.head.position

    def close(self) -> None:
        """Let go of the files, and of the lock."""
        self._lift()
        self.is_open = False
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)


def _on(chain: Chain, entry: Entry, keys: KeyRing) -> Chain:
    """The chain behind ``entry``, whatever is missing before it."""
    if entry.position != chain.head.position + 1:
        chain = chain._replace(head=Head(entry.position - 1, "", chain.head.digest))
    return read(chain, entry, keys)[0]
