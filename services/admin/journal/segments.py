"""Segments: the files of a journal, each named by the position of its first line."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

from events.chain import GENESIS, Chain, Entry, Head
from events.envelope import prevhash
from events.errors import BadLine
from events.lines import from_line

_NAME = re.compile(r"(\d{20})\.jsonl")


@dataclass(slots=True)
class Segment:
    """A file of ``count`` lines, the first of which is position ``first``; ``size`` is its bytes.

    ``size`` matters, and is right, only for the newest one.
    """

    path: Path
    first: int
    count: int
    size: int = 0

    @property
    def last(self) -> int:
        """The position of its last line."""
        return self.first + self.count - 1

    @property
    def chain_path(self) -> Path:
        """The file beside it, which holds the chain as it was before its first line."""
        return self.path.with_suffix(".chain")

    def entries(self, after: int) -> Iterator[Entry]:
        """Its entries behind position ``after``. Raises ``OSError``, and ``BadLine`` for damage."""
        skipped = max(0, after + 1 - self.first)
        with self.path.open("rb") as file:
            for line in islice(file, skipped, self.count):
                yield from_line(line.rstrip(b"\n"))

    def remove(self) -> None:
        """Remove it, and what stands beside it."""
        self.path.unlink(missing_ok=True)
        self.chain_path.unlink(missing_ok=True)

    def chain(self) -> Chain | None:
        """The chain before its first line; None when it was not kept, or cannot be read."""
        try:
            kept = json.loads(self.chain_path.read_bytes())
            floor = Head(*kept["trimmed"]) if "trimmed" in kept else GENESIS
            chain = Chain(Head(*kept["head"]), str(kept["log_id"]), bool(kept["signed"]), floor)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return chain if chain.head.position == self.first - 1 else None

    def before(self) -> str:
        """The hash of the event before its first one: as it was known when it was begun, since poison may
        say anything; else as its first event says. Raises ``OSError``, and ``BadLine`` for damage."""
        chain = self.chain()
        if chain is not None and chain.head.digest:
            return chain.head.digest
        return prevhash(next(self.entries(0)).event)

    def reach(self, following: "Segment") -> int:
        """The position of its last line, if nothing of it is damaged: ``following`` was begun behind it,
        or, where what lies between was not to be had, says behind which line that was."""
        try:
            after = json.loads(following.chain_path.read_bytes())["after"]
        except (OSError, ValueError, KeyError, TypeError):
            return following.first - 1
        is_its = isinstance(after, int) and self.first <= after < following.first
        return after if is_its else following.first - 1


def packed(chain: Chain, after: int) -> bytes:
    """What :meth:`Segment.chain` and :meth:`Segment.reach` read: the chain before a segment, and the
    last position that was here when it was begun."""
    kept = {"head": list(chain.head), "log_id": chain.log_id, "signed": chain.signed}
    if chain.trimmed.position:
        kept["trimmed"] = list(chain.trimmed)
    if after != chain.head.position:
        kept["after"] = after
    return json.dumps(kept).encode()


def path_of(directory: Path, first: int) -> Path:
    """The segment that begins with position ``first``."""
    return directory / f"{first:020}.jsonl"


def segments_in(directory: Path) -> list[Segment]:
    """The segments, oldest first, each taken to reach as far as the next one begins.

    How much the newest one holds is not known before it was examined.
    """
    found = sorted(
        (int(match[1]), path)
        for path in directory.iterdir()
        if (match := _NAME.fullmatch(path.name))
    )
    made = [Segment(path, first, 0) for first, path in found]
    for segment, following in pairwise(made):
        segment.count = segment.reach(following) - segment.first + 1
    return made


class Run(NamedTuple):
    """Sound lines behind each other: their positions, and the bytes that they take up."""

    first: int
    lines: int
    start: int
    end: int


class Examined(NamedTuple):
    """What a file holds: runs of sound lines, in order, and its size."""

    runs: tuple[Run, ...]
    size: int

    def is_whole(self, first: int, count: int) -> bool:
        """Whether it holds these positions and nothing else."""
        return self.runs == (Run(first, count, 0, self.size),)

    def is_torn(self, first: int) -> bool:
        """Whether it was cut short: sound from its beginning, and behind that nothing is sound."""
        return not self.runs or (len(self.runs) == 1 and self.runs[0][::2] == (first, 0))


def examine(path: Path) -> Examined:
    """Read all of a file and find what is sound in it. A last line without an end is not."""
    runs: list[Run] = []
    start = 0
    with path.open("rb") as file:
        for line in file:
            end = start + len(line)
            position = _position(line)
            if position is not None:
                _add(runs, position, start, end)
            start = end
    return Examined(tuple(runs), start)


def _position(line: bytes) -> int | None:
    if not line.endswith(b"\n"):
        return None
    try:
        return from_line(line[:-1]).position
    except BadLine:
        return None


def _add(runs: list[Run], position: int, start: int, end: int) -> None:
    last = runs[-1] if runs else None
    if last and last.end == start and last.first + last.lines == position:
        runs[-1] = last._replace(lines=last.lines + 1, end=end)
    elif not last or position >= last.first + last.lines:
        runs.append(Run(position, 1, start, end))
