"""The log in memory: the reference that every other implementation is held against, and for tests."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from events.chain import GENESIS, Entry, Head
from events.clock import ServerClock
from events.errors import AppendExpired, Conflict
from events.limits import MAX_READ_BYTES
from events.log import READ_COUNT, Draft, Landed, Pulse


@dataclass(slots=True)
class MemoryLog:
    """An :class:`~events.log.EventLog` in a list; ``entries`` may be tampered with by tests."""

    clock: ServerClock = field(default_factory=ServerClock)
    entries: list[Entry] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def append(self, draft: Draft, after: Head, seconds: float) -> Landed:
        """See :class:`~events.log.EventLog`."""
        position, stored = self._head()
        if (position, stored) != (after.position, after.stored):
            raise Conflict(position, stored)
        if seconds < 0:
            raise AppendExpired("the append reached the log too late; nothing was written")
        at = self.clock.now()
        await self.put(Entry(position + 1, draft.event, draft.hash, at, draft.kid, draft.sig))
        return Landed(at, durable=True)

    async def put(self, entry: Entry) -> None:
        """Write ``entry`` as it is, and wake the feeds."""
        self.entries.append(entry)
        async with self.changed:
            self.changed.notify_all()

    async def pulse(self, position: int = 0) -> Pulse:
        """See :class:`~events.log.EventLog`."""
        head, stored = self._head()
        there = next((e.hash for e in self.entries if e.position == position), None)
        first = self.entries[0] if self.entries and there is None else None
        begins = (first.position, first.hash) if first else (0, "")
        return Pulse(bool(self.entries), head, stored, there, self.clock.now(), *begins)

    async def read(
        self, after: int, count: int = READ_COUNT, max_bytes: int = MAX_READ_BYTES
    ) -> Sequence[Entry]:
        """See :class:`~events.log.EventLog`."""
        found: list[Entry] = []
        for entry in self.entries:
            if entry.position <= after:
                continue
            max_bytes -= size_of(entry)
            if len(found) == count or (found and max_bytes < 0):
                break
            found.append(entry)
        return found

    def _head(self) -> tuple[int, str]:
        if not self.entries:
            return GENESIS.position, GENESIS.stored
        return self.entries[-1].position, self.entries[-1].hash


def size_of(entry: Entry) -> int:
    """What an entry adds to a reply: the bytes of its fields' names and values."""
    fields = {"event": entry.event, "hash": entry.hash, "kid": entry.kid, "sig": entry.sig}
    at = len("at") + len(str(entry.at))
    return at + sum(len(name) + len(value) for name, value in fields.items() if value)


@dataclass(slots=True)
class MemoryFeed:
    """A :class:`~events.log.Feed` over a :class:`MemoryLog`; keeps what it was told."""

    log: MemoryLog
    wait_seconds: float = 5.0
    published: Callable[[bytes], None] = lambda _report: None
    acknowledged: list[int] = field(default_factory=list)
    _position: int = 0

    async def open(self, position: int) -> None:
        """See :class:`~events.log.Feed`."""
        self._position = position

    async def next(self) -> Sequence[Entry]:
        """See :class:`~events.log.Feed`."""
        try:
            async with asyncio.timeout(self.wait_seconds), self.log.changed:
                await self.log.changed.wait_for(self._behind)
        except TimeoutError:
            return []
        entries = [e for e in self.log.entries if e.position > self._position]
        self._position = entries[-1].position
        return entries

    def _behind(self) -> bool:
        return bool(self.log.entries) and self.log.entries[-1].position > self._position

    async def done(self, entries: Sequence[Entry], report: bytes) -> None:
        """See :class:`~events.log.Feed`."""
        self.acknowledged += [entry.position for entry in entries]
        self.published(report)

    async def close(self) -> None:
        """See :class:`~events.log.Feed`."""
