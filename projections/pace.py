"""Pace: how fast a follower does what it does by itself."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast things go. Seconds."""

    beat: float = 1.0
    backoff: float = 0.02
    backoff_most: float = 1.0
    stale_after: float = 5.0
    rebuild_after: float | None = 60.0
    """How long a log that is another one is waited upon before it is believed; None: for ever."""

    def pause(self, failures: int, jitter: Callable[[float, float], float]) -> float:
        """Before the next try, after so many failures in a row."""
        most = min(self.backoff * 2 ** min(failures, 10), self.backoff_most)
        return jitter(most / 2, most)
