"""The log on a Redis stream: compare-and-append, pulse, bounded reads."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from redis.asyncio.connection import AbstractConnection

from events.chain import Entry, Head
from events.clock import ServerClock
from events.errors import (
    AppendExpired,
    Conflict,
    Fenced,
    LogDiverged,
    LogUnavailable,
    NotDurable,
    OutcomeUnknown,
    TrimmedPast,
)
from events.limits import MAX_READ_BYTES
from events.log import READ_COUNT, Archive, Draft, Landed, Pulse
from events.streams.durability import FSYNCED, Confirmed, Durability
from events.streams.entries import RawEntry, RawHead, entries_of, head_position, to_raw, to_text
from events.streams.keys import Keys
from events.streams.link import Link, ReplyLost, Script
from events.streams.master import Master
from events.streams.naming import Unexpected
from events.streams.putting_back import put_back, unfence
from events.streams.server_id import ServerId
from events.streams.trimming import trim

_APPEND, _PULSE, _READ = Script.load("append"), Script.load("pulse"), Script.load("read")
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
    durability: Durability = FSYNCED
    sure: Callable[[], Awaitable[None]] | None = None
    """Waited for before anything is written: that Sentinel, if it is asked, names the server still."""
    archive: Archive | None = None
    """Where what was trimmed is read; None: it is not to be had here."""
    _confirmed: Confirmed = field(init=False)
    _begins: int = 1
    """With which position the log was last seen to begin."""

    def __post_init__(self) -> None:
        self._confirmed = Confirmed(self.writer, self.durability)

    @classmethod
    def over(
        cls,
        connect: Callable[[], AbstractConnection],
        keys: Keys,
        durability: Durability = FSYNCED,
        met: Callable[[ServerId], None] | None = None,
        noted: Callable[[ServerId], None] | None = None,
    ) -> "RedisLog":
        """A log that makes its connections with ``connect``.

        ``met`` is told of the server behind each new connection for appending, and may refuse it;
        ``noted`` of those for reading and putting back. See :class:`~events.streams.link.Link`.
        """
        sure = connect.sure if isinstance(connect, Master) else None
        links = Link(connect, met), Link(connect, noted)
        return cls(keys, *links, durability=durability, sure=sure)

    async def append(self, draft: Draft, after: Head, seconds: float) -> Landed:
        """See :class:`~events.log.EventLog`; a lost reply is resolved by looking at the log."""
        deadline = time.monotonic() + seconds
        not_after = self.clock.now() + int(seconds * 1e6)
        try:
            return await self._append(draft, after, not_after, seconds)
        except ReplyLost as lost:
            search = _Search(draft, after, not_after, deadline)
            return await self._resolve(search, lost)

    async def _append(self, draft: Draft, after: Head, not_after: int, seconds: float) -> Landed:
        if self.sure is not None:
            await self.sure()
        try:
            (status, at, head, stored), durable = await self._confirmed.run(
                _APPEND, [self.keys.log, self.keys.fence],
                after.position, to_raw(after.stored), not_after,
                draft.event, draft.hash, draft.kid, draft.sig, seconds=seconds,
            )  # fmt: skip
        except Unexpected as error:
            behind = f"the log takes no entry behind position {after.position}"
            raise LogDiverged(f"{behind}: {error}") from error
        if status == b"moved":
            raise Conflict(head_position(head), to_text(stored))
        if status == b"fenced":
            raise Fenced("the log is being put back; nothing was written")
        if status == b"expired":
            raise AppendExpired("the append reached the log too late; nothing was written")
        return Landed(int(at), durable)

    async def _resolve(self, search: "_Search", lost: LogUnavailable) -> Landed:
        """Find out what became of an append without a reply; see :meth:`append` for the answers."""
        give_up = max(search.deadline, time.monotonic()) + RESOLVE_GRACE
        while (left := give_up - time.monotonic()) > 0:
            with contextlib.suppress(LogUnavailable, LogDiverged, TimeoutError):
                async with asyncio.timeout(left):
                    landed = await self._landed(search)
                if landed is not None:
                    return landed
            await asyncio.sleep(RESOLVE_PAUSE)
        raise OutcomeUnknown(f"it cannot be shown whether the change was written: {lost}") from lost

    async def _landed(self, search: "_Search") -> Landed | None:
        """When it landed, or None when that is still open; raises when it never will.

        That it never will is for the writer's link to show: on another server, whose log may have
        lost what the old one took, it refuses to look (``Link.met``) until that is known to be whole.
        """
        next_position = search.after.position + 1
        found = await self.read(search.after.position, count=1)
        if found and found[0].position == next_position and found[0].event == search.draft.event:
            return Landed(found[0].at, self.durability.is_shown_by_reading)
        pulse = await self._pulse(self.writer, 0)
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
        pulse = await self._pulse(self.reader, position)
        if self.archive is None or not await self._is_archived(pulse, max(position, 1)):
            return pulse
        kept = await self.archive.behind(max(position, 1) - 1, 1)
        if not kept:
            return pulse
        there = kept[0].hash if position else None
        return pulse._replace(stored_at=there, first=0, first_stored="")

    async def begins(self) -> Head | None:
        """The entry that the log begins with on the server (its digest is not looked at); None when
        there is none."""
        pulse = await self._pulse(self.reader, 0)
        return Head(pulse.first, pulse.first_stored, "") if pulse.first else None

    async def _pulse(self, link: Link, position: int) -> Pulse:
        sent = self.clock.monotonic()
        told = await link.run(_PULSE, [self.keys.log], position)
        exists, now, head, stored, found, known, first, first_stored = told
        self.clock.observe(int(now), sent, self.clock.monotonic())
        return Pulse(
            exists=bool(exists),
            head_position=head_position(head),
            head_stored=to_text(stored),
            stored_at=to_text(known) if found else None,
            now=int(now),
            first=head_position(first) if first else 0,
            first_stored=to_text(first_stored),
        )

    async def read(
        self, after: int, count: int = READ_COUNT, max_bytes: int = MAX_READ_BYTES
    ) -> Sequence[Entry]:
        """See :class:`~events.log.EventLog`. What was trimmed comes from the archive: raises
        ``TrimmedPast`` when it is not there."""
        is_probe = after + 1 < self._begins  # most of a page would be thrown away
        found = await self._read(after, 1 if is_probe else count, max_bytes)
        if not found or found[0].position == after + 1 or self.archive is None:
            if not is_probe:
                return found
            self._begins = 1
            return await self._read(after, count, max_bytes)
        return await self._archived(after, found, count, max_bytes)

    async def _read(self, after: int, count: int, max_bytes: int) -> list[Entry]:
        found = await self.reader.run(_READ, [self.keys.log], f"{after}-0", count, max_bytes)
        return entries_of(found, after)

    async def _archived(
        self, after: int, found: list[Entry], count: int, max_bytes: int
    ) -> Sequence[Entry]:
        """What lies behind ``after`` and before ``found``, unless nobody said that this was trimmed:
        then it is a hole, and whoever reads on finds it."""
        first, archive = found[0], self.archive
        if archive is None or first.position > archive.trimmed() + 1:
            return found
        self._begins = first.position
        if await archive.holds(Head(first.position, first.hash, "")):
            kept = await archive.behind(after, count, max_bytes)
            if kept := [entry for entry in kept if entry.position < first.position]:
                return kept
        raise TrimmedPast(after, first.position)

    async def _is_archived(self, pulse: Pulse, position: int) -> bool:
        """Whether ``position`` lies before the log's beginning, was trimmed, and is in the archive."""
        archive = self.archive
        if archive is None or not position < pulse.first <= archive.trimmed() + 1:
            return False
        return await archive.holds(Head(pulse.first, pulse.first_stored, ""))

    async def raw(self, after: str, count: int = READ_COUNT) -> Sequence[RawEntry]:
        """What stands behind the stream id ``after`` (``0-0``: from the beginning), ids of others too.

        At most ``count``, and 4 MiB in all unless a single one is larger.
        """
        found = await self.reader.run(_READ, [self.keys.log], after, count, MAX_READ_BYTES)
        return [RawEntry(id.decode(), tuple(fields)) for id, fields in found]

    async def raw_head(self) -> RawHead | None:
        """What stands last, whatever its id; None when there is no log, ``0-0`` in an empty one."""
        exists, _, head, stored, *_ = await self.reader.run(_PULSE, [self.keys.log], 0)
        return RawHead(head.decode(), to_text(stored)) if exists else None

    async def is_closed(self) -> bool:
        """Whether ids behind the last entry were used and deleted: the stream takes the next position
        no more. False where the server would not tell."""
        try:
            told = await self.reader.call("XINFO", "STREAM", self.keys.log)
        except (Unexpected, NotDurable):  # there is no log, or no right to ask
            return False
        last = told.get(b"last-generated-id", b"0-0")
        head = await self.raw_head()
        return head is not None and last.decode() != head.id

    async def trim(self, through: int, after: Head) -> int:
        """Let what lies at ``through`` and before it go from the server, a bounded piece at a time;
        how many entries went. ``after`` is an entry behind that, by which the log is known.

        Raises ``Conflict`` when the log does not hold it, nor what lies behind ``through``; ``Fenced``
        while it is being put back; ``LogUnavailable`` when a replica's group has not been given all of
        that yet. What had gone until then is gone: it may be asked for again.
        """
        if self.sure is not None:
            await self.sure()
        return await trim(self.writer, self.keys, through, after)

    async def put_back(
        self, entries: Sequence[Entry], after: Head, holder: str, last: bool, begins: bool = False
    ) -> None:
        """Append ``entries`` as they were, fenced; see :func:`events.streams.putting_back.put_back`."""
        if self.sure is not None:
            await self.sure()
        stream = self.keys.log
        await put_back(self.reader, self.keys, stream, entries, after, holder, last, begins)

    async def unfence(self, holder: str) -> None:
        """Let others append again, if it is ``holder`` who keeps them out."""
        await unfence(self.reader, self.keys, holder)

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
