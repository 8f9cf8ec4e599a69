"""Importing: a log from a file takes the place of the one that is there, or of none.

The file is written beside the log while nobody may append, checked on the way, and swapped in by one
step that looks once more whether the log is still what it was. What goes wrong leaves all as it was.
"""

from collections.abc import AsyncIterable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from events.chain import Entry, Head
from events.errors import Conflict
from events.streams.entries import RawHead
from events.streams.log import RedisLog
from events.streams.rebuilding import Rebuilding
from events.verify import Finding, Verifier
from projections.refusals import Invalid, Mistake
from services.admin.mending.closing import Closing
from services.admin.mending.mended import Keep, Mended
from services.admin.mending.present import Present

MOST_FINDINGS = 100
_BATCH = 256


@dataclass(slots=True)
class Importing:
    """One import into one log. ``furthest`` is the last position that any member has ever reported."""

    log: RedisLog
    rebuilding: Rebuilding
    closing: Closing
    keep: Keep
    furthest: Callable[[], int]
    replace: bool

    async def run(self, batches: AsyncIterable[Sequence[Entry]]) -> Mended:
        """Import what ``batches`` hold, from position 1 on.

        Raises ``Invalid`` for a file that is not whole, or that the log contradicts (unless
        ``replace``), and the ``LogError`` that stood in the way. Then nothing has changed.
        """
        await self.rebuilding.begin()
        try:
            old, present, verifier = await self.log.raw_head(), Present(self.log), self._verifier()
            async for batch in batches:
                check(verifier, batch)
                await present.compare(batch)
                await self.rebuilding.add(batch)
            return await self._settled(verifier, present, old)
        finally:
            await self.rebuilding.abandon()

    def _verifier(self) -> Verifier:
        return Verifier(self.closing.keys)

    async def _settled(self, verifier: Verifier, present: Present, old: RawHead | None) -> Mended:
        head, common = verifier.chain.head, present.common
        if not verifier.events:
            raise Invalid((Mistake("", "the file holds no event"),))
        lost = old is not None and old.id != f"{common.position}-0"
        if not lost and common == head:
            return Mended(verifier.events, head.position, head.digest, changed=False)
        if not self.replace:
            self._refuse_to_give_up(lost, common, head)
        file = await self.keep(present.rest()) if lost else None
        end = await self._closed(head, common, lost)
        if not await self.rebuilding.swap(old.id if old else None, old.stored if old else ""):
            raise Conflict(end.position, end.stored)
        return Mended(end.position, end.position, end.digest, changed=True, file=file)

    def _refuse_to_give_up(self, lost: bool, common: Head, head: Head) -> None:
        """Raises ``Invalid`` when the import would cost something."""
        if lost:
            raise Invalid((Mistake("", _contradiction(common, head)),))
        if head.position < self.furthest():
            seen = f"somebody has seen position {self.furthest()}, the file ends at {head.position}"
            raise Invalid((Mistake("", f"{seen}: with 'replace' the rest is given up"),))

    async def _closed(self, head: Head, common: Head, lost: bool) -> Head:
        """Write what is said behind the file's events; the head then."""
        closing = self.closing
        said: Iterator[Entry]
        if lost or head.position < self.furthest():
            said = closing.settled(head, "file", common.position, self.furthest())
        else:
            said = iter([closing.healed(head, common.position, "file")])
        while entries := list(islice(said, _BATCH)):
            await self.rebuilding.add(entries)
        return self.rebuilding.head


def _contradiction(common: Head, head: Head) -> str:
    if common == head:
        return (
            f"the file ends at position {head.position}, and the log goes on:"
            " with 'replace' that is given up, and kept as a file"
        )
    return (
        f"the log holds other events behind position {common.position}:"
        " with 'replace' they are given up, and kept as a file"
    )


def check(verifier: Verifier, batch: Sequence[Entry]) -> None:
    """Raises ``Invalid`` with what is wrong, at the first batch where something is.

    What a whole log may hold all the same (poison that was passed over) is no reason: the chain is.
    """
    for entry in batch:
        verifier.feed(entry)
    broken = [each for each in verifier.findings if each.is_break]
    if broken:
        raise Invalid(tuple(map(_mistake, broken[:MOST_FINDINGS])))


def _mistake(finding: Finding) -> Mistake:
    return Mistake("", f"position {finding.position}: {finding.reason}: {finding.detail}"[:500])
