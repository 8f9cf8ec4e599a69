"""Differences between two texts, line by line, in bounded time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from projections.matching import Match, longest_match

CONTEXT = 3
"""Equal lines shown around each change."""
BUDGET = 500_000
"""Steps that a comparison may take: a quarter of a second, or 1,000 lines taken out or put in."""

Op = Literal[" ", "-", "+"]
_Block = tuple[int, int, int, int]
"""Lines [0:1] of the old text are replaced by lines [2:3] of the new one."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a hunk: kept, removed or added. ``ended``: by a newline, as all but a last one."""

    op: Op
    text: str
    ended: bool = True


@dataclass(frozen=True, slots=True)
class Hunk:
    """Neighbouring changes with their context.

    Lines count from 1; the start of a side without lines is the line before, as in unified diffs.
    """

    old_start: int
    old_lines: int
    new_start: int
    new_lines: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Diff:
    """All hunks in order; none when the texts are equal.

    ``coarse``: telling the lines apart was too much work, so all that lies between the common
    beginning and the common end is shown as replaced.
    """

    hunks: tuple[Hunk, ...] = ()
    coarse: bool = False


def diff(old: str, new: str, context: int = CONTEXT, budget: int = BUDGET) -> Diff:
    """How ``old`` becomes ``new``. Only a newline ends a line."""
    a, b = _lines(old), _lines(new)
    head = _common(a, b)
    tail = _common(a[head:][::-1], b[head:][::-1])
    matches = _matches(a[head : len(a) - tail], b[head : len(b) - tail], budget)
    kept = [(i + head, j + head) for i, j in matches or ()]
    blocks = _blocks([*kept, (len(a) - tail, len(b) - tail)], head)
    hunks = tuple(_hunk(group, a, b, context) for group in _groups(blocks, 2 * context))
    return Diff(hunks, coarse=matches is None)


def unified(difference: Diff, old_name: str, new_name: str) -> str:
    """The difference as unified diff text, empty when there is none."""
    if not difference.hunks:
        return ""
    written = [f"--- {old_name}\n+++ {new_name}\n"]
    for hunk in difference.hunks:
        old, new = _span(hunk.old_start, hunk.old_lines), _span(hunk.new_start, hunk.new_lines)
        written.append(f"@@ -{old} +{new} @@\n")
        written += (
            f"{line.op}{line.text}\n{'' if line.ended else _UNENDED}" for line in hunk.lines
        )
    return "".join(written)


_UNENDED = "\\ No newline at end of file\n"


def _span(start: int, lines: int) -> str:
    return str(start) if lines == 1 else f"{start},{lines}"


def _lines(text: str) -> list[str]:
    *ended, last = text.split("\n")
    lines = [f"{line}\n" for line in ended]
    return [*lines, last] if last else lines


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    """How many lines are the same at the beginning of both."""
    count = 0
    for one, other in zip(a, b, strict=False):
        if one != other:
            break
        count += 1
    return count


def _matches(a: list[str], b: list[str], budget: int) -> list[Match] | None:
    """Lines that stay, in order. A line of only one text is left out: it can match nothing."""
    numbers = {line: number for number, line in enumerate(set(a) & set(b))}
    at = [i for i, line in enumerate(a) if line in numbers]
    to = [j for j, line in enumerate(b) if line in numbers]
    found = longest_match([numbers[a[i]] for i in at], [numbers[b[j]] for j in to], budget)
    return None if found is None else [(at[x], to[y]) for x, y in found]


def _blocks(matches: list[Match], head: int) -> Iterator[_Block]:
    i = j = head
    for to_i, to_j in matches:
        if to_i > i or to_j > j:
            yield i, to_i, j, to_j
        i, j = to_i + 1, to_j + 1


def _groups(blocks: Iterator[_Block], gap: int) -> Iterator[list[_Block]]:
    """Blocks so near to each other that their contexts touch, together."""
    group: list[_Block] = []
    for block in blocks:
        if group and block[0] - group[-1][1] > gap:
            yield group
            group = []
        group.append(block)
    if group:
        yield group


def _hunk(group: list[_Block], a: list[str], b: list[str], context: int) -> Hunk:
    before = min(context, group[0][0])
    after = min(context, len(a) - group[-1][1])
    old, new = group[0][0] - before, group[0][2] - before
    lines: list[Line] = []
    i = old
    for from_i, to_i, from_j, to_j in group:
        lines += [_line(" ", text) for text in a[i:from_i]]
        lines += [_line("-", text) for text in a[from_i:to_i]]
        lines += [_line("+", text) for text in b[from_j:to_j]]
        i = to_i
    lines += [_line(" ", text) for text in a[i : i + after]]
    old_lines = i + after - old
    new_lines = group[-1][3] + after - new
    return Hunk(old + (old_lines > 0), old_lines, new + (new_lines > 0), new_lines, tuple(lines))


def _line(op: Op, text: str) -> Line:
    return Line(op, text[:-1]) if text.endswith("\n") else Line(op, text, ended=False)
