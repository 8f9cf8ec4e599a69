"""What a fan-out has shown: plain numbers, by the number of replicas."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.bench.fanout.meter import Used
from tests.bench.rounds import p99


@dataclass(frozen=True, slots=True)
class Times:
    """How long the same thing took, again and again. ms."""

    samples: tuple[float, ...]

    @property
    def p50(self) -> float:
        """The median."""
        return median(self.samples)

    @property
    def p99(self) -> float:
        """The 99th percentile; of fewer than a hundred, the longest."""
        return p99(self.samples)


@dataclass(frozen=True, slots=True)
class Spread:
    """Saves of one size, to members of one kind. Costs are a save's, beyond those of an idle fleet."""

    size: int
    last: Times
    """From the server's own time of the append until the last member had it."""
    answered: Times
    """Until the append's reply."""
    cpu: float
    """The server's, ms."""
    sent: float
    logged: float
    burst: float
    """Bytes of memory that the server held for a moment beyond what it holds."""


@dataclass(frozen=True, slots=True)
class Idle:
    """A fleet to which nobody saves: heartbeats."""

    memory: float
    """Of the server, bytes for each replica; without the reports."""
    used: Used
    """By the server, a second."""
    ping: Times
    """How long anybody waits for the server's answer."""
    reports: int
    """Bytes of the stream of reports, which keeps about 10,000."""
    admin_cpu: float | None
    """Share of a core; None where the system does not show it."""
    admin_memory: int


@dataclass(frozen=True, slots=True)
class Fleet:
    """So many replicas, and as many bare readers, on one server."""

    members: int
    connections: float
    """Of each replica."""
    idle: Idle
    saved: Times
    """``POST …/versions?wait=all`` of 2 KB, until its answer."""
    missed: int
    """Answers that not everybody had applied by."""
    ours: Sequence[Spread]
    floor: Sequence[Spread]


@dataclass(slots=True)
class Run:
    """All that was measured."""

    processes: int
    server: str = ""
    """Program and version."""
    seconds: float = 0.0
    fleets: list[Fleet] = field(default_factory=list)
