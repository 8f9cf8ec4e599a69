"""Tending a journal: what was written long ago is read again once, and what is damaged is mended."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog

from events.chain import Entry
from events.errors import LogError, LogForked, TrimmedPast
from events.log import EventLog
from services.admin.journal.reading import following
from services.admin.journal.segments import Segment, examine
from services.admin.journal.store import Store

PAUSES = (0.5, 30.0)
_log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True)
class Tending:
    """Examines every segment but the newest, then fills the holes from the log.

    ``in_thread`` runs what changes the store in its thread; ``told`` counts an error.
    """

    store: Store
    log: EventLog
    in_thread: Callable[..., Awaitable[Any]]
    told: Callable[[Exception], None]

    async def run(self) -> None:
        """Return once the journal is whole; trouble is told and tried again."""
        pause, most = PAUSES
        examined: set[int] = set()
        while True:
            try:
                if self.store.is_open:
                    await self._examine(examined)
                    await self._fill()
                    return
            except TrimmedPast as past:  # the log has it no more: somebody has to fill it in
                _log.error("journal_not_whole", log=self.store.name, reason=str(past))
                return
            except (OSError, LogError) as error:
                self.told(error)
                _log.warning("journal_not_mended", log=self.store.name, error=str(error))
            await asyncio.sleep(pause)
            pause = min(pause * 2, most)

    async def _examine(self, examined: set[int]) -> None:
        for segment in self.store.segments[:-1]:
            if segment.first in examined:
                continue
            found = await asyncio.to_thread(examine, segment.path)
            if not found.is_whole(segment.first, segment.count):
                await self.in_thread(self.store.put_aside, segment, found)
                self.told(OSError("damaged"))
            examined.add(segment.first)

    async def _fill(self) -> None:
        while holes := self.store.holes():
            after, segment = holes[0]
            entries = await self._read(after, segment)
            if not entries:
                raise LogForked(after + 1)
            await self.in_thread(self.store.fill, entries)
            last = entries[-1].position
            _log.info("journal_filled", log=self.store.name, first=after + 1, last=last)

    async def _read(self, after: int, segment: Segment) -> list[Entry]:
        """What is missing behind ``after``, or the beginning of it, out of the log.

        Raises ``LogForked`` unless the log holds the very entry that comes behind the hole.
        """
        behind = next(segment.entries(0))
        if (await self.log.pulse(segment.first)).stored_at != behind.hash:
            raise LogForked(segment.first)
        found: list[Entry] = []
        size, last = 0, segment.first - 1
        while after < last and size < self.store.most:
            read = following(await self.log.read(after), after, last)
            if not read:
                break
            found += read
            after, size = after + len(read), size + sum(len(entry.event) for entry in read)
        return found
