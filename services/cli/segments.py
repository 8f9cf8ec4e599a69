"""Segments: the files of a backup, each named by the log and the positions that it holds."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from events.chain import Entry
from events.errors import BadLine
from events.lines import from_line
from events.verify import Finding
from services.cli.errors import CliError
from services.cli.line_files import lines_of

LogName = Literal["log", "access"]
LOGS: Final = get_args(LogName)
_NAME = re.compile(r"(log|access)-([0-9]{12})-([0-9]{12})\.jsonl\.zst")


@dataclass(frozen=True, slots=True)
class Segment:
    """A file that holds every position of ``log`` from ``first`` through ``last``."""

    log: LogName
    first: int
    last: int
    directory: Path

    @classmethod
    def of(cls, path: Path) -> "Segment | None":
        """The one that has this name; None when none has."""
        found = _NAME.fullmatch(path.name)
        if found is None:
            return None
        log: LogName = "log" if found[1] == "log" else "access"
        made = cls(log, int(found[2]), int(found[3]), path.parent)
        return made if 1 <= made.first <= made.last else None

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.directory / f"{self.log}-{self.first:012}-{self.last:012}.jsonl.zst"

    def lines(self, through: int | None = None) -> Iterator[tuple[bytes, Entry]]:
        """Its lines and what they stand for: exactly the positions that its name says, or those of
        them up to ``through``; what stands behind is then not looked at.

        Raises :class:`CliError`, which names the file, where it is damaged or holds something else.
        """
        position, end = self.first, self.last if through is None else through
        for line in lines_of(self.path):
            if position > end and through is not None:
                return
            try:
                entry = from_line(line)
            except BadLine as error:
                raise CliError(f"{self.path}: position {position}: {error}") from None
            if entry.position != position or position > self.last:
                raise CliError(f"{self.path}: {self._expected(position)}, not {entry.position}")
            yield line, entry
            position += 1
        if position <= min(self.last, end):
            raise CliError(f"{self.path}: it ends where position {position} should be")

    def _expected(self, position: int) -> str:
        return f"position {position} is next" if position <= self.last else "it should end"


def segments_in(directory: Path) -> dict[LogName, list[Segment]]:
    """The segments of each log, in the order of their positions; other files are nobody's concern."""
    found: dict[LogName, list[Segment]] = {log: [] for log in LOGS}
    for path in directory.iterdir():
        if segment := Segment.of(path):
            found[segment.log].append(segment)
    for segments in found.values():
        segments.sort(key=lambda each: (each.first, each.last))
    return found


def gaps_and_overlaps(segments: Sequence[Segment]) -> Iterator[Finding]:
    """What their names say is wrong: positions that no segment holds, or more than one.

    ``segments`` are those of one log, in order. That the newest are missing no name can show.
    """
    reached, before = 0, ""
    for segment in segments:
        name = segment.path.name
        if segment.first > reached + 1:
            lost = f"positions {reached + 1} to {segment.first - 1} are in no file before {name}"
            yield Finding(reached + 1, "missing_segment", lost)
        elif segment.first <= reached:
            both = f"{before} and {name} both hold it"
            yield Finding(segment.first, "overlapping_segments", both)
        if segment.last > reached:
            reached, before = segment.last, name
