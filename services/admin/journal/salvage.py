"""Salvage: what is sound in a damaged segment stays in the journal; the damaged file is put aside."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from events.chain import Entry
from events.lines import checked, to_line
from services.admin.journal.disk import Disk
from services.admin.journal.segments import Examined, Run, Segment, path_of


def salvage(segment: Segment, found: Examined, disk: Disk) -> list[Segment]:
    """Segments of all that is sound in ``segment``, oldest first; a copy of it stays as ``.damaged``.

    Cut short in its midst it does no harm: it is done again when the file is next examined.
    """
    aside = _free(segment.path.with_suffix(".damaged"))
    shutil.copyfile(segment.path, aside)
    aside.chmod(0o600)
    data = segment.path.read_bytes()
    runs = [run for run in found.runs if run.first >= segment.first]
    made = [  # the one that takes the damaged file's place comes last
        _written(segment.path.parent, run, data[run.start : run.end], disk)
        for run in reversed(runs)
    ]
    if not runs or runs[0].first != segment.first:
        segment.remove()
    return made[::-1]


def segment_of(directory: Path, entries: Sequence[Entry], disk: Disk) -> Segment:
    """A new segment that holds ``entries``, which follow upon each other."""
    lines = b"".join(checked(to_line(entry)) + b"\n" for entry in entries)
    return _written(directory, Run(entries[0].position, len(entries), 0, len(lines)), lines, disk)


def _written(directory: Path, run: Run, data: bytes, disk: Disk) -> Segment:
    path = path_of(directory, run.first)
    disk.replace(path, data)
    return Segment(path, run.first, run.lines, run.end - run.start)


def _free(path: Path) -> Path:
    """``path``, or the first like it that is not taken."""
    tried, number = path, 1
    while tried.exists():
        number += 1
        tried = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return tried
