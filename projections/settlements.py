"""Settlements: where in a log an operator's decision stands, and what it made void."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from events.chain import Entry, decode
from events.envelope import TYPES, digest
from events.errors import LogGap, TrimmedPast
from events.log import READ_COUNT, EventLog
from events.model import ForkSettled
from events.signing import KeyRing

SEARCHED = 10_000
"""Entries that one search reads at most; the next goes on from there."""
_TYPE = TYPES[ForkSettled].encode()


class Settlement(NamedTuple):
    """An operator's decision that stands in the log at ``position``: what was beside it is void."""

    after: int
    position: int


def settlement(entry: Entry, keys: KeyRing, signed: bool) -> Settlement | None:
    """The decision that ``entry`` is, if it is one; where events are ``signed``, by one of ours."""
    if _TYPE not in entry.event:
        return None
    own = digest(entry.event)
    if signed and not (entry.kid in keys and keys.verifies(own, entry.kid, entry.sig)):
        return None
    recorded = decode(entry, own) if entry.hash == own else None
    if recorded is None or not isinstance(recorded.event, ForkSettled):
        return None
    return Settlement(recorded.event.after, entry.position)


@dataclass(slots=True)
class Search:
    """A search for settlements behind the position ``start``, some thousand entries at a time."""

    keys: KeyRing
    start: int
    found: list[Settlement] = field(default_factory=list)
    _at: int = -1

    async def go_on(self, log: EventLog, signed: bool) -> bool:
        """Whether the end of the log was reached. Raises a ``LogError`` when it is not reached."""
        self._at = max(self._at, self.start)
        for _ in range(0, SEARCHED, READ_COUNT):
            try:
                entries = await log.read(self._at)
            except TrimmedPast as past:  # what was decided lately stands further on
                self._at = past.first - 1
                continue
            except LogGap:  # an id of somebody else: nothing of ours can follow
                return True
            if not entries:
                return True
            self.found += self._in(entries, signed)
            self._at = entries[-1].position
        return False

    def _in(self, entries: Iterable[Entry], signed: bool) -> list[Settlement]:
        found = (settlement(entry, self.keys, signed) for entry in entries)
        return [each for each in found if each is not None]
