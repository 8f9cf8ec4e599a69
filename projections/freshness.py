"""Freshness: for how long what a follower holds may be old, by a clock that nobody sets."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Freshness:
    """Of one follower. ``limit``: what is younger counts as fresh. Seconds; ``clock`` is monotonic."""

    limit: float
    clock: Callable[[], float]
    diverged_since: float | None = None
    """Since when the log is not the one that is followed."""
    reached_at: float | None = None
    """When a look last found the log."""
    _behind: tuple[float, int] | None = None
    """A look found the log at this position, which was not applied; the look before it began then.
    Until it is applied, what is held may be as old as that."""

    def resumed(self, silent: float) -> None:
        """What is held was kept ``silent`` seconds ago."""
        self.reached_at = self.clock() - max(silent, self.limit)

    def distrust(self) -> None:
        """From now on the log is not the one that is followed, unless it is so already."""
        self.diverged_since = self.diverged_since or self.clock()

    def looked(self, before: float, position: int, head: int) -> None:
        """A look found the log to end at ``head``, while ``position`` was applied; the look ``before``
        it was then."""
        if self._behind is None or position >= self._behind[1]:
            self._behind = before, head
        self.reached_at = self.clock()

    def rebuilt(self) -> None:
        """Another log is followed from its beginning."""
        self._behind = None

    def silent(self) -> float | None:
        """For how long the log was not reached, once that is longer than the limit."""
        if self.reached_at is None:
            return None
        silent = self.clock() - self.reached_at
        return silent if silent > self.limit else None

    def outdated(self, position: int) -> float | None:
        """For how long what is held, through ``position``, may be old: the log was not reached, or not
        read as far as it was seen to go, or is another one; None while that is within the limit."""
        behind = self._behind[0] if self._behind and position < self._behind[1] else None
        known = (self.reached_at, self.diverged_since, behind)
        since = [each for each in known if each is not None]
        old = self.clock() - min(since) if since else 0.0
        return old if old > self.limit else None
