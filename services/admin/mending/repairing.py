"""Repairing: a log with strange ids, or with holes, is put together again from what is known.

Every entry with an id of ours is taken as it is; where one is missing, the journal's stands in. An id
that is no position is somebody's ``XADD *``: it is left out. One whose bytes are not those of its
hash was changed where it stands: the journal's is taken instead. Only the chain decides whether this
is the log that it was.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from events.chain import GENESIS, STRAY_FROM, Entry, Head
from events.envelope import digest
from events.errors import Conflict, StrayId
from events.streams.entries import RawEntry
from events.streams.log import RedisLog
from events.streams.rebuilding import Rebuilding
from events.verify import Verifier
from projections.refusals import Invalid, Mistake
from services.admin.mending.closing import Closing
from services.admin.mending.importing import check
from services.admin.mending.mended import Mended


class Copy(Protocol):
    """Another copy of the log, such as the journal."""

    async def behind(
        self, position: int, count: int = ..., max_bytes: int = ...
    ) -> Sequence[Entry]:
        """Entries behind ``position``; empty where there are none."""
        ...


@dataclass(slots=True)
class Repairing:
    """One repair of one log. ``copy`` fills its holes, if there is one; through ``trimmed`` it may have
    been trimmed, and stays so."""

    log: RedisLog
    rebuilding: Rebuilding
    closing: Closing
    copy: Copy | None
    trimmed: Head = GENESIS
    stray: list[str] = field(default_factory=list)
    """Ids that are no positions, and were left out."""
    filled: list[int] = field(default_factory=list)
    """Positions that were missing or damaged, and stand there again."""

    async def run(self) -> Mended:
        """Repair it. Raises ``Invalid`` when something is missing everywhere, or does not chain."""
        start = await self._start()
        await self.rebuilding.begin(start)
        try:
            old, verifier = await self.log.raw_head(), Verifier(self.closing.keys)
            async for batch in self._batches(start.position):
                if not verifier.events:
                    verifier.begins_with(batch[0])
                    if start.digest:  # the log says itself what it goes on from
                        verifier.chain = verifier.chain._replace(head=start)
                check(verifier, batch)
                await self.rebuilding.add(batch)
            head = verifier.chain.head
            if not (self.stray or self.filled or await self.log.is_closed()):
                return Mended(verifier.events, head.position, head.digest, changed=False)
            after = min(self.filled, default=head.position + 1) - 1
            cause: Literal["missing", "holes", "stray"]
            cause = "missing" if old is None else "holes" if self.filled else "stray"
            await self.rebuilding.add([self.closing.healed(head, after, cause)])
            end = self.rebuilding.head
            if not await self.rebuilding.swap(old.id if old else None, old.stored if old else ""):
                raise Conflict(end.position, end.stored)
            return Mended(end.position, end.position, end.digest, changed=True)
        finally:
            await self.rebuilding.abandon()

    async def _start(self) -> Head:
        """What the log begins behind, as far as it may."""
        begins = await self.log.begins()
        if begins is None or begins.position > self.trimmed.position:
            return self.trimmed
        return Head(begins.position - 1, "", "") if begins.position > 1 else GENESIS

    async def _batches(self, position: int) -> AsyncIterator[Sequence[Entry]]:
        """The log's entries in order, without what is strange and with what was missing."""
        last = "0-0"
        while found := await self.log.raw(last):
            last = found[-1].id
            for together in _without_holes(self._ours(found)):
                async for missing in self._between(position, together[0].position):
                    yield missing
                yield together
                position = together[-1].position
        async for missing in self._between(position, None):
            yield missing

    def _ours(self, found: Sequence[RawEntry]) -> list[Entry]:
        ours = []
        for raw in found:
            try:
                entry = raw.entry()
            except StrayId:
                self.stray.append(raw.id)
                continue
            if entry.position >= STRAY_FROM:
                self.stray.append(raw.id)
            elif self.copy is None or digest(entry.event) == entry.hash:
                ours.append(entry)  # one that is damaged leaves a hole, which the copy fills
        return ours

    async def _between(self, position: int, until: int | None) -> AsyncIterator[Sequence[Entry]]:
        """What the copy holds behind ``position`` and before ``until`` (None: to its end)."""
        while until is None or position + 1 < until:
            found = await self.copy.behind(position) if self.copy else ()
            found = [each for each in found if until is None or each.position < until]
            if not found:
                break
            self.filled += [each.position for each in found]
            yield found
            position = found[-1].position
        if until is not None and position + 1 < until:
            gap = (
                f"positions {position + 1} to {until - 1} are neither in the log nor in the journal"
            )
            raise Invalid((Mistake("", gap),))


def _without_holes(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """``entries``, as they follow each other: what is written at once costs the disk one sync."""
    together: list[Entry] = []
    for entry in entries:
        if together and entry.position != together[-1].position + 1:
            yield together
            together = []
        together.append(entry)
    if together:
        yield together
