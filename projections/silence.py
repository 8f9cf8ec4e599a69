"""Silence: for how long members have said nothing, by one observer's own unbroken observation.

Whoever was away himself (stopped, cut off, late) has heard nobody, and that says nothing of anybody: all
silences then begin anew. Times are monotonic seconds of the observer; no wall clock plays a role.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

LATE_SECONDS = 3.0
"""A look that comes this long behind the one before is a gap in the observation."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Since when each member has been silent; ``looked_at`` is None before the first look."""

    looked_at: float | None = None
    since: Mapping[str, float] = field(default_factory=dict)


def observed(
    silence: Silence, now: float, members: Collection[str], heard: Collection[str], whole: bool
) -> Silence:
    """After a look at ``now``: who is a member, who of them was heard since the look before, and
    whether everything that was said in between would have been heard."""
    before = silence.looked_at
    unbroken = whole and before is not None and 0 <= now - before <= LATE_SECONDS
    known = silence.since if unbroken else {}
    since = {name: now if name in heard else known.get(name, now) for name in members}
    return Silence(now, since)


def overdue(silence: Silence, limit: float) -> list[str]:
    """Who was silent for longer than ``limit`` seconds, longest first."""
    now = silence.looked_at or 0.0
    late = [(since, name) for name, since in silence.since.items() if now - since > limit]
    return [name for _, name in sorted(late)]
