"""Reading: what is in the segments of a journal (it blocks), and what follows upon what."""

from collections.abc import Iterable, Iterator, Sequence

from events.chain import Entry
from events.errors import BadLine
from services.admin.journal.segments import Segment


def read_back(
    segments: Sequence[Segment], position: int, count: int, max_bytes: int
) -> list[Entry]:
    """Entries behind ``position``: at most ``count``, and ``max_bytes`` of events or a single one.

    They follow upon each other; it ends before what is missing, damaged, or was just taken away.
    """
    found: list[Entry] = []
    try:
        for entry in bounded(_behind(segments, position), count, max_bytes):
            found.append(entry)  # noqa: PERF402  what was read before an error counts
    except (OSError, BadLine):
        pass  # whoever tends the journal finds it, and tells
    return found


def _behind(segments: Sequence[Segment], position: int) -> Iterator[Entry]:
    for segment in segments:
        if segment.last <= position:
            continue
        for entry in segment.entries(position):
            if entry.position != position + 1:
                return
            yield entry
            position += 1


def bounded(entries: Iterable[Entry], count: int, max_bytes: int) -> Iterator[Entry]:
    """The first of ``entries``: at most ``count``, and ``max_bytes`` of events or a single one."""
    left = max_bytes
    for number, entry in enumerate(entries):
        left -= len(entry.event)
        if number == count or (number and left < 0):
            return
        yield entry


def following(entries: Iterable[Entry], position: int, through: int | None = None) -> list[Entry]:
    """Those of ``entries`` that follow upon ``position`` and each other, none beyond ``through``."""
    found: list[Entry] = []
    for place, entry in enumerate(entries, position + 1):
        if entry.position != place or (through is not None and place > through):
            break
        found.append(entry)
    return found
