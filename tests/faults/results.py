"""Results: one line of JSON a run, in a file that they add up in. Only runs of the present code count."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Literal

MANY, FEW, LONG_SECONDS = 20, 3, 10.0
"""Runs of a scenario that are enough, and of one that takes so long."""
TRIED = 30
"""Seeds at most: a void one shows nothing."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted in a run. ``excused``: answers that failed because we had put it so."""

    ok: int = 0
    unknown: int = 0
    refused: int = 0
    lost: int = 0
    doubled: int = 0
    answers: int = 0
    excused: int = 0
    failed: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        mine, theirs = asdict(self), asdict(other)
        return Counts(**{name: mine[name] + theirs[name] for name in mine})


Verdict = Literal["good", "void", "BAD"]


@dataclass(frozen=True, slots=True)
class Result:
    """What one run has shown. ``converge`` is seconds; ``void`` says why it shows nothing."""

    scenario: str
    seed: int
    seconds: float
    converge: float = 0.0
    void: str = ""
    violations: list[str] = field(default_factory=list)
    counts: Counts = Counts()

    @property
    def verdict(self) -> Verdict:
        """A violation is one whether the fault bit or not."""
        if self.violations:
            return "BAD"
        return "void" if self.void else "good"


def add(file: Path, result: Result, code: str) -> None:
    """Write a result behind the others."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as lines:
        lines.write(json.dumps({"code": code, **asdict(result)}) + "\n")


def read(file: Path, code: str) -> list[Result]:
    """All results of this code, of each scenario and seed the last one."""
    if not file.exists():
        return []
    with file.open() as lines:
        told = [json.loads(line) for line in lines if line.strip()]
    of_this = (each for each in told if each.pop("code") == code)
    return latest(Result(**{**each, "counts": Counts(**each["counts"])}) for each in of_this)


def latest(results: Iterable[Result]) -> list[Result]:
    """Of each scenario and seed the last result; a violation is not made good by another try."""
    found: dict[tuple[str, int], Result] = {}
    for each in results:
        known = found.get((each.scenario, each.seed))
        if known is None or known.verdict != "BAD":
            found[each.scenario, each.seed] = each
    return list(found.values())


def are_enough(results: Sequence[Result]) -> bool:
    """Whether so many runs of one scenario have shown enough: of a long one some, else many."""
    shown = [each for each in results if each.verdict != "void"]
    if len(shown) < FEW:
        return False
    return len(shown) >= MANY or median(each.seconds for each in shown) >= LONG_SECONDS
