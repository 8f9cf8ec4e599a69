"""Looks: where a log ended when it was looked at, and how late an entry of it was applied.

A server's clock may be set, back or ahead: what was appended since is told by positions, and a lag is
never longer than the time since the last look, by a clock that nobody sets.
"""

from collections import deque
from dataclasses import dataclass, field

from events.chain import STRAY_FROM, Chain, Entry, Head, Recorded, read
from events.envelope import digest
from events.errors import LogError, LogForked, LogMended, LogMissing, LogShorter, TrimmedPast
from events.log import EventLog, Pulse
from events.signing import KeyRing

LOOKS_KEPT = 16


@dataclass(slots=True)
class Looks:
    """Of one log by one follower. Times are monotonic seconds, lags µs."""

    live_from: int | None = None
    """Entries behind this position were appended since it is followed."""
    _seen: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=LOOKS_KEPT))
    """Where it ended, and when the look began; oldest first."""

    def note(self, head: int, began: float) -> None:
        """A look that began then found the log to end at ``head``."""
        if self.live_from is None:
            self.live_from = head
        self._seen.append((head, began))

    def is_live(self, entry: Entry) -> bool:
        """Whether it was appended since, and is no old one that is read again."""
        return self.live_from is not None and entry.position > self.live_from

    def lag(self, entry: Entry, server_us: int, now: float) -> int:
        """From its append to now, by the server's time; at most since the last look without it."""
        by_server, seen = max(0, server_us - entry.at), self._seen
        while len(seen) > 1 and seen[1][0] < entry.position:
            seen.popleft()
        if not seen or seen[0][0] >= entry.position:
            return by_server
        return min(by_server, round((now - seen[0][1]) * 1e6))

    def forget(self) -> None:
        """Another log is followed from now on."""
        self.live_from = None
        self._seen.clear()


def confirm(pulse: Pulse, known: Head) -> None:
    """Raises the ``LogDiverged`` that fits unless the log that was looked at holds ``known``."""
    if not pulse.exists:
        raise LogMissing(known.position)
    if pulse.head_position < known.position:
        raise LogShorter(pulse.head_position, known.position)
    if max(known.position, 1) < pulse.first <= pulse.head_position < STRAY_FROM:
        raise TrimmedPast(known.position, pulse.first)
    if known.position and pulse.stored_at != known.stored:
        raise LogForked(known.position)


async def confirm_bytes(log: EventLog, known: Head) -> None:
    """Raises ``LogMended`` when the entry there was damaged when it was read, and is another one now: of
    bytes that it does not fit, a stored hash says nothing."""
    if known.position and known.stored != known.digest:
        found = await log.read(known.position - 1, count=1)
        is_there = bool(found) and found[0].position == known.position
        if is_there and digest(found[0].event) != known.digest:
            raise LogMended(known.position)


async def opens(log: EventLog, signed: bool, keys: KeyRing) -> bool:
    """Whether ``log`` begins as a log should; ``signed``: its first event has to be."""
    try:
        first = await log.read(0, count=1)
        return bool(first) and isinstance(read(Chain(signed=signed), first[0], keys)[1], Recorded)
    except LogError:
        return False
