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

from events.chain import GENESIS, Entry, head_of
from events.envelope import Stamp
from events.errors import Conflict, LogUnavailable, StrayId
from events.model import LogOpened
from events.streams.log import RedisLog
from events.streams.putting_back import PUT_COUNT
from events.writing import appended, seal
from projections.healing import Side
from services.admin.healing.fork import Fork, fork_of, is_contradicted
from services.admin.healing.forks import ForkFiles
from services.admin.healing.gathering import JOURNAL, Facts
from services.admin.healing.giving_up import GivingUp, behind
from services.admin.healing.healer import Healer
from services.admin.healing.parting import common
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
    giving_up: GivingUp

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
            await self.giving_up.keep_offers(facts)
            if keep == "journal":
                return await self._keep_journal()
            return await self._keep_log(facts.emptied() if facts.begins else facts)

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
                facts = facts.emptied() if facts.begins else facts
        raise LogUnavailable("others keep changing the log; nothing was changed here")

    async def _log_kept(self, facts: Facts, holder: str) -> Mended:
        fork = await self._fork(facts, facts.log)
        kept = await self.giving_up.keep_journal(fork.common)
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
        await self.giving_up.cut(fork.common, kept)  # last: until now it speaks against the log
        return Mended(count, end.position, end.digest, changed=True, file=kept and kept.file)

    def _opened(self) -> Entry:
        """The first event of a log that begins anew, by the operator's word."""
        now = self._log.clock.now()
        source = self.healer.putting_back.source
        stamp = Stamp(str(uuid_utils.uuid7()), source, now, "promptcast")
        event, keys = LogOpened(log_id=secrets.token_hex(16)), self.healer.gathering.keys
        return appended(seal(event, stamp, GENESIS, keys), GENESIS, now)

    # --- the journal goes on ----------------------------------------------------------------------

    async def _keep_journal(self) -> Mended:
        journal = self.journal
        if journal is None or not journal.is_open:
            raise LogUnavailable("this instance has no journal that could be read")
        rebuilding = self.healer.putting_back.rebuilding()
        await rebuilding.begin()
        try:  # from now on nobody appends; what others have appended until just now is kept, too
            facts = await self.healer.gathering.facts()
            held = next((tail for tail in facts.tails if tail.name == JOURNAL), None)
            if held is None:
                raise LogUnavailable("this instance's journal is empty")
            fork, old = await self._fork(facts, held), await self._log.raw_head()
            parted = fork.common.position
            file = await self.forks.keep(self.healer.gathering.name, self._of_log(parted))
            is_its = held.continues(facts.start.position, facts.start.digest)
            start = facts.start if is_its else GENESIS
            await rebuilding.begin(start)
            is_whole = bool(await journal.behind(start.position, 1))  # else it is being filled up
            if not is_whole:
                async for batch in copied(self._log, parted, start.position):
                    await rebuilding.add(batch)
            async for batch in behind(journal, start.position if is_whole else parted, held.last):
                await rebuilding.add(batch)
            said = self.closing().settled(rebuilding.head, "journal", fork.after, fork.furthest)
            for batch in _batches(said):
                await rebuilding.add(batch)
            end = rebuilding.head
            if not await rebuilding.swap(old.id if old else None, old.stored if old else ""):
                raise Conflict(end.position, end.stored)
        finally:
            await rebuilding.abandon()
        return Mended(end.position - parted, end.position, end.digest, changed=True, file=file)

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
        journal = self.journal
        parted = await common(self.healer.gathering, journal) if journal else facts.head
        return fork_of(facts, kept, parted)

    def closing(self) -> Closing:
        """What seals the events behind a history that took another one's place."""
        source = self.healer.putting_back.source
        return Closing(self.healer.gathering.keys, source, self._log.clock.now)


def _batches(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    """In pieces that one call may put back: these entries are small."""
    while batch := list(islice(entries, PUT_COUNT)):
        yield batch
