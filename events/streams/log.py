"""The log on a Redis stream: compare-and-append, pulse, bounded reads."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio.connection import AbstractConnection

from events.chain import Entry, Head
from events.clock import ServerClock
from events.errors import (
    AppendExpired,
    Conflict,
    LogDiverged,
    LogUnavailable,
    OutcomeUnknown,
    StrayId,
)
from events.limits import MAX_READ_BYTES
from events.log import READ_COUNT, Draft, Pulse
from events.streams.keys import Keys
from events.streams.link import Link, ReplyLost, Script, Unexpected

_APPEND, _PULSE, _READ = Script.load("append"), Script.load("pulse"), Script.load("read")
_UNSIGNED = [b"event", b"hash", b"at"]
_FIELDS = {*_UNSIGNED, b"kid", b"sig"}
RESOLVE_PAUSE = 0.05
"""Seconds between two looks at the log while the fate of an append is sought."""
RESOLVE_GRACE = 1.0
"""Seconds behind the deadline of an append during which its fate is still sought."""


@dataclass(slots=True)
class RedisLog:
    """An :class:`~events.log.EventLog`. Appends have a connection of their own, reads share one."""

    keys: Keys
    writer: Link
    reader: Link
    clock: ServerClock = field(default_factory=ServerClock)

    @classmethod
    def over(cls, connect: Callable[[], AbstractConnection], keys: Keys) -> "RedisLog":
        """A log that makes its connections with ``connect``."""
        return cls(keys, Link(connect), Link(connect))

    async def append(self, draft: Draft, after: Head, seconds: float) -> int:
        """See :class:`~events.log.EventLog`; a lost reply is resolved by looking at the log."""
        deadline = time.monotonic() + seconds
        not_after = self.clock.now() + int(seconds * 1e6)
        try:
            return await self._append(draft, after, not_after, seconds)
        except ReplyLost as lost:
            search = _Search(draft, after, not_after, deadline)
            return await self._resolve(search, lost)

    async def _append(self, draft: Draft, after: Head, not_after: int, seconds: float) -> int:
        try:
            status, at, head, stored = await self.writer.run(
                _APPEND, [self.keys.log], after.position, after.stored, not_after,
                draft.event, draft.hash, draft.kid, draft.sig, seconds=seconds,
            )  # fmt: skip
        except Unexpected as error:
            behind = f"the log takes no entry behind position {after.position}"
            raise LogDiverged(f"{behind}: {error}") from error
        if status == b"moved":
            raise Conflict(_head_position(head), _text(stored))
        if status == b"expired":
            raise AppendExpired("the append reached the log too late; nothing was written")
        return int(at)

    async def _resolve(self, search: "_Search", lost: LogUnavailable) -> int:
        """Find out what became of an append without a reply; see :meth:`append` for the answers."""
        give_up = search.deadline + RESOLVE_GRACE
        while (left := give_up - time.monotonic()) > 0:
            with contextlib.suppress(LogUnavailable, TimeoutError):
                async with asyncio.timeout(left):
                    landed = await self._landed(search)
                if landed is not None:
                    return landed
            await asyncio.sleep(RESOLVE_PAUSE)
        raise OutcomeUnknown(f"it cannot be shown whether the change was written: {lost}") from lost

    async def _landed(self, search: "_Search") -> int | None:
        """The time at which it landed, or None when that is still open; raises when it never will."""
        next_position = search.after.position + 1
        found = await self.read(search.after.position, count=1)
        if found and found[0].position == next_position and found[0].event == search.draft.event:
            return found[0].at
        pulse = await self.pulse()
        if (pulse.head_position, pulse.head_stored) != (search.after.position, search.after.stored):
            if not found:
                return None  # it moved between the two looks: look again
            raise Conflict(pulse.head_position, pulse.head_stored)
        if pulse.now > search.not_after:
            raise AppendExpired("the change was given up; it was not written and will not be")
        try:
            seconds = max(0.1, search.deadline - time.monotonic())
            return await self._append(search.draft, search.after, search.not_after, seconds)
        except Conflict:
            return None  # the first try may have landed meanwhile: look again

    async def pulse(self, position: int = 0) -> Pulse:
        """See :class:`~events.log.EventLog`."""
        sent = self.clock.monotonic()
        exists, now, head, stored, found, known = await self.reader.run(
            _PULSE, [self.keys.log], position
        )
        self.clock.observe(int(now), sent, self.clock.monotonic())
        return Pulse(
            exists=bool(exists),
            head_position=_head_position(head),
            head_stored=_text(stored),
            stored_at=_text(known) if found else None,
            now=int(now),
        )

    async def read(
        self, after: int, count: int = READ_COUNT, max_bytes: int = MAX_READ_BYTES
    ) -> Sequence[Entry]:
        """See :class:`~events.log.EventLog`."""
        found = await self.reader.run(_READ, [self.keys.log], f"{after}-0", count, max_bytes)
        return entries_of(found, after)

    async def close(self) -> None:
        """Drop both connections."""
        await self.writer.close()
        await self.reader.close()


@dataclass(frozen=True, slots=True)
class _Search:
    """An append whose fate is sought: server time bounds the append, monotonic time the search."""

    draft: Draft
    after: Head
    not_after: int
    deadline: float


def entries_of(found: Iterable[tuple[bytes, Sequence[Any]]], after: int) -> list[Entry]:
    """What stands behind position ``after``, up to the first id that was not given by us.

    Raises ``StrayId`` when that one comes first: what stands before it counts all the same.
    """
    entries: list[Entry] = []
    for id, fields in found:
        try:
            entries.append(entry_of(id, fields, after + 1 + len(entries)))
        except StrayId:
            if not entries:
                raise
            break
    return entries


def position_of(id: bytes, expected: int) -> int:
    """The position that a stream id stands for; raises ``StrayId`` for an id that is none."""
    milliseconds, _, sequence = id.partition(b"-")
    if sequence != b"0":
        raise StrayId(expected, id.decode())
    return int(milliseconds)


def entry_of(id: bytes, fields: Sequence[Any], expected: int) -> Entry:
    """The entry that stands in the stream as ``id`` and a flat list of fields and values."""
    position = position_of(id, expected)
    if fields[::2] == _UNSIGNED:
        event, hash, at = fields[1::2]
        return Entry(position, event, _text(hash), _time(at))
    found: Mapping[bytes, bytes] = dict(zip(fields[::2], fields[1::2], strict=True))
    return Entry(
        position=position,
        event=found.get(b"event", b""),
        hash=_text(found.get(b"hash", b"")),
        at=_time(found.get(b"at", b"")),
        kid=_text(found.get(b"kid", b"")),
        sig=_text(found.get(b"sig", b"")),
        foreign=tuple(_text(name) for name in found if name not in _FIELDS),
    )


def _time(at: bytes) -> int:
    return int(at) if at.isdigit() and len(at) < 18 else 0


def _head_position(id: bytes) -> int:
    """Like :func:`position_of`, but total: a stray head lies beyond every position."""
    return int(id.partition(b"-")[0]) + (0 if id.endswith(b"-0") else 1)


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")
