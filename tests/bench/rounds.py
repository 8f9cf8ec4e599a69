"""Rounds: both sides measured in turn, so that whatever else the machine does hits both."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles

Measure = Callable[[], Awaitable[Sequence[float]]]
"""Measures one side once more: some samples, all in the same unit."""


@dataclass(slots=True)
class Rounds:
    """The samples of both sides, by round."""

    ours: list[Sequence[float]] = field(default_factory=list)
    floor: list[Sequence[float]] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """The median of what each round says: median of ours over median of the floor."""
        both = zip(self.ours, self.floor, strict=True)
        return median(median(ours) / median(floor) for ours, floor in both)


async def take_turns(ours: Measure, floor: Measure, count: int) -> Rounds:
    """Measure ``count`` rounds after one to warm up; the side that begins changes each time."""
    await floor()
    await ours()
    rounds = Rounds()
    for number in range(count):
        if number % 2:
            rounds.ours.append(await ours())
            rounds.floor.append(await floor())
        else:
            rounds.floor.append(await floor())
            rounds.ours.append(await ours())
    return rounds


def pooled(rounds: Sequence[Sequence[float]]) -> list[float]:
    """All samples of one side."""
    return [sample for samples in rounds for sample in samples]


def p99(samples: Sequence[float]) -> float:
    """The 99th percentile; of a few samples, the largest."""
    if len(samples) < 100:
        return max(samples)
    return quantiles(samples, n=100, method="inclusive")[98]
