"""Giving up: events that are to be in no log any more are kept as a file before this instance lets go.

Every step may be interrupted and made again: what is kept twice is one file.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from events.chain import Entry, Head
from events.errors import LogError, LogUnavailable
from events.limits import MAX_READ_BYTES
from events.log import READ_COUNT
from services.admin.healing.forks import ForkFiles
from services.admin.healing.gathering import Facts, Gathering
from services.admin.healing.parting import common
from services.admin.journal.journal import Journal

_log = structlog.stdlib.get_logger(__name__)


class Kept(NamedTuple):
    """The journal's head when what stood before it was kept as ``file``."""

    head: Head
    file: str | None


@dataclass(slots=True)
class GivingUp:
    """Of one log, in this instance. Everything here raises ``LogUnavailable`` when something that
    would go cannot be kept; nothing has gone then."""

    gathering: Gathering
    forks: ForkFiles

    async def give_up(self) -> None:
        """The follower is about to follow the log that was decided for: what is only here is kept.
        What stands in the way is told, once."""
        try:
            await self._give_up()
        except LogError as error:
            if str(error) != self.gathering.hindrance:
                self.gathering.hindrance = str(error)
                _log.error("cannot_give_up", log=self.gathering.name, error=str(error))
            raise
        self.gathering.hindrance = ""

    async def _give_up(self) -> None:
        journal = self._journal()
        if journal is None:
            lost = [e for e in self.gathering.tracked.tail.entries if not await self._in_log(e)]
            await self.keep(lost, "this instance")
            return
        parted = await common(self.gathering, journal)
        await self.cut(parted, await self.keep_journal(parted))

    async def keep_journal(self, parted: Head) -> Kept | None:
        """Keep what the journal has behind ``parted``, and what it could not take yet because its
        disk fails; None without a journal."""
        journal = self._journal()
        if journal is None:
            return None
        head = journal.chain.head
        return Kept(head, await self.forks.keep(self.gathering.name, self._own(journal, parted)))

    async def cut(self, parted: Head, kept: Kept | None) -> None:
        """Take away from the journal what was kept, unless somebody else here has done it already."""
        journal = self._journal()
        if journal is None or kept is None:
            return
        if journal.chain.head != kept.head:
            if not await journal.holds(kept.head):
                return
            raise LogUnavailable("the journal has grown meanwhile: it must be kept anew")
        try:
            await journal.cut(parted.position)
        except OSError as error:
            raise LogUnavailable(f"the journal cannot be cut: {error}") from error

    async def keep_offers(self, facts: Facts) -> None:
        """What replicas offer that would be in no log and no journal: it is their last copy."""
        names = {name for name, word in facts.words if facts.log.at(word.position) != word.hash}
        for name, entries in (await self.gathering.offers(names)).items():
            lost = [entry for entry in entries if not await self._is_kept(entry)]
            await self.keep(lost, name)

    async def keep(self, lost: Sequence[Entry], whose: str) -> str | None:
        """Keep ``lost``; without a place for it, that is told: nobody else may have it."""
        if not lost:
            return None
        name = self.gathering.name
        if self.forks.directory is None:
            shown = {"first": lost[0].position, "last": lost[-1].position, "member": whose}
            _log.error("fork_not_kept", log=name, **shown, error="PROMPTCAST_STATE_DIR is not set")
            return None
        return await self.forks.keep(name, one(lost))

    def _journal(self) -> Journal | None:
        """This instance's own copy of the log, as far as it may be relied upon."""
        journal = self.gathering.tracked.journal
        if journal is not None and not journal.is_open:
            why = journal.trouble or "it is still being read"
            raise LogUnavailable(f"this instance's journal is not open: {why}")
        return journal

    async def _own(self, journal: Journal, parted: Head) -> AsyncIterator[Sequence[Entry]]:
        written = journal.chain.head.position
        for position, through in _runs(journal.lacks, parted.position, written):
            async for entries in behind(journal, position, through):
                yield entries
        known, entries = max(written, parted.position), self.gathering.tracked.tail.entries
        unwritten = [entry for entry in entries if entry.position > known]
        if lost := [entry for entry in unwritten if not await self._in_log(entry)]:
            if (
                lost[0].position > known + 1
            ):  # the disk has failed for longer than the memory reaches
                hole = {"after": known, "before": lost[0].position}
                _log.error("fork_has_a_hole", log=self.gathering.name, **hole)
            yield lost

    async def _is_kept(self, entry: Entry) -> bool:
        if await self._in_log(entry):
            return True
        journal, head = self.gathering.tracked.journal, Head(entry.position, entry.hash, "")
        return journal is not None and await journal.holds(head)

    async def _in_log(self, entry: Entry) -> bool:
        return (await self.gathering.log.pulse(entry.position)).stored_at == entry.hash


def _runs(
    lacks: Sequence[tuple[int, int]], position: int, through: int
) -> Iterator[tuple[int, int]]:
    """What a journal has behind ``position`` through ``through``, without what it ``lacks``."""
    for first, last in lacks:
        if position < last:
            yield position, min(first - 1, through)
            position = last
    yield position, through


async def behind(journal: Journal, position: int, through: int) -> AsyncIterator[Sequence[Entry]]:
    """What a journal holds behind ``position`` through ``through``, in pieces."""
    while position < through:
        found = await journal.behind(position, READ_COUNT, MAX_READ_BYTES)
        if not found or found[0].position != position + 1:
            raise LogUnavailable(f"the journal cannot be read behind position {position}")
        yield found
        position = found[-1].position


async def one(entries: Sequence[Entry]) -> AsyncIterator[Sequence[Entry]]:
    """All of them as one batch."""
    yield entries
