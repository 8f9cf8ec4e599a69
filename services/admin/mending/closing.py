"""Closing: the events that stand behind a history which was put in another one's place."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import uuid_utils

from events.chain import Entry, Head, head_of
from events.envelope import Stamp
from events.model import ForkSettled, LogHealed, PositionPassed
from events.signing import KeyRing
from events.writing import appended, seal

MOST_PASSED = 1_000_000
"""Positions that are passed at most: somebody who reports a larger one reports nonsense."""


@dataclass(frozen=True, slots=True)
class Closing:
    """Seals events behind a head, without a log. ``now`` is server time in µs."""

    keys: KeyRing
    source: str
    now: Callable[[], int]

    def settled(
        self, head: Head, kept: Literal["log", "journal", "file"], after: int, furthest: int
    ) -> Iterator[Entry]:
        """Positions up to ``furthest`` are passed, so that nobody uses one a second time; then what was
        decided is said, last: whoever holds something else finds it beyond all that they know."""
        furthest = min(furthest, head.position + MOST_PASSED)
        while head.position < furthest:
            entry = self._entry(PositionPassed(), head)
            yield entry
            head = head_of(entry)
        event = ForkSettled(kept=kept, after=after, through=max(furthest, head.position))
        yield self._entry(event, head)

    def healed(
        self, head: Head, after: int, cause: Literal["missing", "stray", "holes", "file"]
    ) -> Entry:
        """Says that what stands behind ``after`` was put back."""
        return self._entry(LogHealed(after=after, through=head.position, cause=cause), head)

    def _entry(self, event: LogHealed | ForkSettled | PositionPassed, head: Head) -> Entry:
        now = self.now()
        stamp = Stamp(str(uuid_utils.uuid7()), self.source, now, "promptcast")
        return appended(seal(event, stamp, head, self.keys), head, now)
