"""Settling: an operator decides which of two chains goes on; the other one is kept as a file.

Every step may be interrupted and made again: what is given up is kept before it goes, what is kept
twice is one file, and nothing is written into a log that is in no doubt.
"""

import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import structlog
import uuid_utils

from events.chain import GENESIS, Entry, Head, head_of
from events.envelope import Stamp
from events.errors import Conflict, LogDiverged, LogUnavailable, StrayId
from events.limits import MAX_READ_BYTES
from events.log import READ_COUNT
from events.model import LogOpened
from events.streams.log import RedisLog
from events.streams.putting_back import PUT_COUNT
from events.writing import appended, seal
from projections.healing import Side
from services.admin.healing.fork import Fork, fork_of, is_contradicted
from services.admin.healing.forks import ForkFiles
from services.admin.healing.gathering import JOURNAL, Facts
from services.admin.healing.healer import Healer
from services.admin.healing.latecomers import one
from services.admin.healing.putting_back import TRIES, copied
from services.admin.journal.journal import Journal
from services.admin.mending.closing import Closing
from services.admin.mending.mended import Mended

Keep = Literal["log", "journal"]


@dataclass(slots=True)
class Settling:
    """Of one log."""

    healer: Healer
    forks: ForkFiles

    @property
    def _log(self) -> RedisLog:
        return self.healer.gathering.log

    @property
    def journal(self) -> Journal | None:
        """This instance's own copy of the log."""
        return self.healer.gathering.tracked.journal

    async def settle(self, keep: Keep) -> Mended:
        """``keep`` goes on, numbered behind everything that was ever reported; the other side is in the
        file that is named. Nothing is changed when nothing contradicts the log.

        Raises the ``LogError`` that stood in the way: then it may be asked for again.
        """
        async with self.healer.turn:
            facts = await self.healer.gathering.facts()
            if self.healer.gate.is_open or not is_contradicted(facts):
                return Mended(0, facts.head.position, facts.head.digest, changed=False)
            structlog.get_logger().warning(
                "fork_settled", log=self.healer.gathering.name, kept=keep, head=facts.head.position
            )
            await self._keep_offers(facts)
            return await (self._keep_log(facts) if keep == "log" else self._keep_journal(facts))

    # --- the log goes on --------------------------------------------------------------------------

    async def _keep_log(self, facts: Facts) -> Mended:
        holder = secrets.token_hex(8)
        try:
            return await self._log_kept(await self._fenced(facts, holder), holder)
        finally:
            await self._log.unfence(holder)

    async def _fenced(self, facts: Facts, holder: str) -> Facts:
        """What is so once nobody else can append: other admins may have gone on until just now."""
        for _ in range(TRIES):
            try:
                await self._log.put_back([], facts.head, holder, last=False)
                return facts
            except Conflict:
                facts = await self.healer.gathering.facts()
        raise LogUnavailable("others keep changing the log; nothing was changed here")

    async def _log_kept(self, facts: Facts, holder: str) -> Mended:
        fork = await self._fork(facts, facts.log)
        file = await self._cut_journal(fork.common)
        head, opening = facts.head, []
        if not head.position:
            opening = [self._opened()]
            head = head_of(opening[0])
        closing = self.closing().settled(head, "log", fork.after, fork.furthest)
        end, count = facts.head, 0
        for batch in (opening, *_batches(closing)):
            if batch:
                await self._log.put_back(batch, end, holder, last=False)
                end, count = head_of(batch[-1]), count + len(batch)
        return Mended(count, end.position, end.digest, changed=True, file=file)

    def _opened(self) -> Entry:
        """The first event of a log that begins anew, by the operator's word."""
        now = self._log.clock.now()
        source = self.healer.putting_back.source
        stamp = Stamp(str(uuid_utils.uuid7()), source, now, "promptcast")
        event, keys = LogOpened(log_id=secrets.token_hex(16)), self.healer.gathering.keys
        return appended(seal(event, stamp, GENESIS, keys), GENESIS, now)

    async def give_up(self) -> None:
        """The follower is about to follow the log that was decided for: what is only here is kept.

        Raises ``LogUnavailable`` when it cannot be.
        """
        if self.journal is not None:
            await self._cut_journal(await self.common(self.journal))
            return
        lost = [e for e in self.healer.gathering.tracked.tail.entries if not await self._holds(e)]
        if lost and self.forks.directory is not None:
            await self.forks.keep(self.healer.gathering.name, one(lost))

    async def _cut_journal(self, common: Head) -> str | None:
        """Keep what the journal holds behind ``common`` as a file, and take it away from there."""
        journal = self.journal
        if journal is None or journal.chain.head.position <= common.position:
            return None
        side = _behind(journal, common.position, journal.chain.head.position)
        file = await self.forks.keep(self.healer.gathering.name, side)
        try:
            await journal.cut(common.position)
        except OSError as error:
            raise LogUnavailable(f"the journal cannot be cut: {error}") from error
        return file

    # --- the journal goes on ----------------------------------------------------------------------

    async def _keep_journal(self, facts: Facts) -> Mended:
        journal = self.journal
        held = next((tail for tail in facts.tails if tail.name == JOURNAL), None)
        if journal is None or held is None:
            raise LogUnavailable("this instance has no journal: set PROMPTCAST_STATE_DIR")
        fork = await self._fork(facts, held)
        common = fork.common.position
        rebuilding = self.healer.putting_back.rebuilding()
        await rebuilding.begin()
        try:  # other admins may have appended until just now: that is kept, too
            old = await self._log.raw_head()
            file = await self.forks.keep(self.healer.gathering.name, self._of_log(common))
            whole = bool(
                await journal.behind(0, 1)
            )  # it may not be filled up from the beginning yet
            if not whole:
                async for batch in copied(self._log, common):
                    await rebuilding.add(batch)
            async for batch in _behind(journal, 0 if whole else common, held.last):
                await rebuilding.add(batch)
            closing = self.closing()
            for batch in _batches(
                closing.settled(rebuilding.head, "journal", fork.after, fork.furthest)
            ):
                await rebuilding.add(batch)
            end = rebuilding.head
            if not await rebuilding.swap(old.id if old else None, old.stored if old else ""):
                raise Conflict(end.position, end.stored)
        finally:
            await rebuilding.abandon()
        return Mended(end.position - common, end.position, end.digest, changed=True, file=file)

    async def _of_log(self, position: int) -> AsyncIterator[Sequence[Entry]]:
        """What the log holds behind ``position``, up to an id that is no position."""
        while entries := await self._read(position):
            yield entries
            position = entries[-1].position

    async def _read(self, position: int) -> Sequence[Entry]:
        try:
            return await self._log.read(position)
        except StrayId:
            return ()

    # --- what both need ---------------------------------------------------------------------------

    async def _fork(self, facts: Facts, kept: Side) -> Fork:
        common = facts.head if self.journal is None else await self.common(self.journal)
        return fork_of(facts, kept, common)

    async def common(self, journal: Journal) -> Head:
        """The last event that the log and the journal both hold, with all before it."""
        pulse = await self._log.pulse()
        low, high = 0, min(pulse.head_position, journal.chain.head.position)
        while low < high:
            middle = (low + high + 1) // 2
            stored = (await self._log.pulse(middle)).stored_at
            if stored is not None and await journal.holds(Head(middle, stored, "")):
                low = middle
            else:
                high = middle - 1
        entry = await self.healer.gathering.entry(low) if low else None
        if low and entry is None:
            raise LogDiverged("the log is being changed while it is looked at")
        return head_of(entry)

    async def _holds(self, entry: Entry) -> bool:
        return (await self._log.pulse(entry.position)).stored_at == entry.hash

    async def _keep_offers(self, facts: Facts) -> None:
        """What replicas offer that would be in no log and no journal: it is their last copy."""
        gathering = self.healer.gathering
        names = {name for name, word in facts.words if facts.log.at(word.position) != word.hash}
        for entries in (await gathering.offers(names)).values():
            lost = [entry for entry in entries if not await self._is_kept(entry)]
            if lost and self.forks.directory is not None:
                await self.forks.keep(gathering.name, one(lost))

    async def _is_kept(self, entry: Entry) -> bool:
        if await self._holds(entry):
            return True
        journal, head = self.journal, Head(entry.position, entry.hash, "")
        return journal is not None and await journal.holds(head)

    def closing(self) -> Closing:
        """What seals the events behind a history that took another one's place."""
        source = self.healer.putting_back.source
        return Closing(self.healer.gathering.keys, source, self._log.clock.now)


def _batches(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    """In pieces that one call may put back: these entries are small."""
    while batch := list(islice(entries, PUT_COUNT)):
        yield batch


async def _behind(journal: Journal, position: int, through: int) -> AsyncIterator[Sequence[Entry]]:
    while position < through:
        found = await journal.behind(position, READ_COUNT, MAX_READ_BYTES)
        if not found or found[0].position != position + 1:
            raise LogUnavailable(f"the journal cannot be read behind position {position}")
        yield found
        position = found[-1].position
