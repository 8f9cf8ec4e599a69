"""A row of the table: what was measured, beside its floor, and what it has to reach."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Literal

from tests.bench.rounds import Rounds, p99, pooled

Of = Literal["ours", "ratio", "p99_ratio"]


@dataclass(frozen=True, slots=True)
class Bound:
    """What one number of a row has to reach: at most, or at least, ``limit``."""

    of: Of
    kind: Literal["≤", "<", "≥"]
    limit: float

    def met(self, value: float) -> bool:
        """Whether ``value`` is within the bound."""
        return {"≤": value <= self.limit, "<": value < self.limit, "≥": value >= self.limit}[
            self.kind
        ]


@dataclass(frozen=True, slots=True)
class Row:
    """``ours`` and ``floor`` are medians in ``unit``; ratios are ours over floor."""

    name: str
    unit: str
    ours: float
    floor: float | None = None
    ratio: float | None = None
    ours_p99: float | None = None
    floor_p99: float | None = None
    bounds: tuple[Bound, ...] = ()

    @classmethod
    def of(cls, name: str, unit: str, rounds: Rounds, *bounds: Bound) -> "Row":
        """A row of what was measured in turn."""
        ours, floor = pooled(rounds.ours), pooled(rounds.floor)
        return cls(
            name, unit, median(ours), median(floor), rounds.ratio, p99(ours), p99(floor), bounds
        )

    @classmethod
    def of_rates(cls, name: str, unit: str, rounds: Rounds, *bounds: Bound) -> "Row":
        """A row of rates: one sample a round, so that there are no percentiles."""
        ours, floor = median(pooled(rounds.ours)), median(pooled(rounds.floor))
        return cls(name, unit, ours, floor, rounds.ratio, bounds=bounds)

    @property
    def p99_ratio(self) -> float | None:
        """Of the 99th percentiles of all samples."""
        if self.ours_p99 is None or self.floor_p99 is None:
            return None
        return self.ours_p99 / self.floor_p99

    @property
    def met(self) -> bool | None:
        """Whether every bound is met; None for a row that is only reported."""
        if not self.bounds:
            return None
        values = {bound: getattr(self, bound.of) for bound in self.bounds}
        return all(value is not None and bound.met(value) for bound, value in values.items())

    @property
    def target(self) -> str:
        """The bounds in words."""
        names = {"ours": "", "ratio": "× ", "p99_ratio": "p99 × "}
        return ", ".join(f"{names[b.of]}{b.kind} {b.limit:,g}" for b in self.bounds) or "reported"

    def numbers(self) -> Iterator[float]:
        """Every number of the row that is there."""
        every = (self.ours, self.floor, self.ratio, self.ours_p99, self.floor_p99, self.p99_ratio)
        yield from (number for number in every if number is not None)

    @property
    def sound(self) -> bool:
        """Whether every number is one."""
        return all(math.isfinite(number) for number in self.numbers())

    def as_json(self) -> dict[str, Any]:
        """All of it, for a program."""
        told = {"p99_ratio": self.p99_ratio, "target": self.target, "met": self.met}
        return {**asdict(self), **told}
