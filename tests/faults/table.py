"""The table that people read: one line a scenario, over all of its seeds."""

from collections.abc import Sequence
from functools import reduce
from operator import add
from statistics import median

from tests.faults.results import Counts, Result

HEAD = (
    "scenario", "seeds", "ok/unknown/refused", "lost", "doubled", "answers", "failed", "(excused)",
    "converge p50", "max", "verdict",
)  # fmt: skip


def printed(results: Sequence[Result]) -> str:
    """All of them, in columns, in the order in which the scenarios first came."""
    names = dict.fromkeys(each.scenario for each in results)
    rows = [_row(name, [each for each in results if each.scenario == name]) for name in names]
    lines = [HEAD, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(
            _aligned(cell, widths[column], column) for column, cell in enumerate(line)
        ).rstrip()
        for line in lines
    )


def _aligned(cell: str, width: int, column: int) -> str:
    return cell.rjust(width) if 0 < column < len(HEAD) - 1 else cell.ljust(width)


def _row(name: str, results: Sequence[Result]) -> tuple[str, ...]:
    shown = [each for each in results if each.verdict != "void"]
    counts = reduce(add, (each.counts for each in shown), Counts())
    times = [each.converge for each in shown] or [0.0]
    return (
        name,
        str(len(shown)),
        f"{counts.ok}/{counts.unknown}/{counts.refused}",
        str(counts.lost),
        str(counts.doubled),
        str(counts.answers),
        str(counts.failed),
        f"({counts.excused})",
        f"{median(times):.2f} s",
        f"{max(times):.2f} s",
        verdict(results),
    )


def verdict(results: Sequence[Result]) -> str:
    """One word for a scenario; void runs are counted beside it."""
    bad = [each for each in results if each.verdict == "BAD"]
    void = sum(1 for each in results if each.verdict == "void")
    if bad:
        seeds = ", ".join(str(each.seed) for each in bad[:5])
        return f"BAD (seeds {seeds})"
    if void == len(results):
        return "VOID"
    return f"good ({void} void)" if void else "good"


def line(result: Result) -> str:
    """One run, as it is told when it has ended."""
    counts = result.counts
    saves = f"{counts.ok}/{counts.unknown}/{counts.refused}"
    told = (
        f"{result.scenario:<24} seed {result.seed:<4} {result.verdict:<4} {result.seconds:5.1f} s"
        f"  changes {saves}  answers {counts.answers} ({counts.failed} failed)"
        f"  converged in {result.converge:.2f} s"
    )
    return f"{told}  void: {result.void}" if result.void else told
