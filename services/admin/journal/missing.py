"""What is missing at a journal's end: applied by its instance, and not written yet; out of the log."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from events.chain import Chain, Entry, Head
from events.envelope import prevhash
from events.errors import LogForked, TrimmedPast
from events.log import EventLog
from services.admin.journal.reading import following
from services.admin.journal.store import Store

_log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True)
class Missing:
    """``followed`` is the chain of what was applied of ``log``; ``in_thread`` runs what changes the
    store in its thread."""

    store: Store
    log: EventLog
    followed: Callable[[], Chain]
    in_thread: Callable[..., Awaitable[Any]]

    async def entries(self) -> Sequence[Entry]:
        """Some of what follows upon the journal's end, or nothing. Raises any ``LogError``."""
        head, applied = self.store.chain.head, self.followed().head.position
        if applied <= head.position:
            return ()
        try:
            await self.confirm()
            return following(await self.log.read(head.position), head.position, applied)
        except TrimmedPast as past:
            return following(await self._skipped(past.first), past.first - 1, applied)

    async def confirm(self) -> None:
        """Raises ``LogForked`` unless the log holds the very entry that the journal ends with, or begins
        right behind it; and ``TrimmedPast`` where it begins further on."""
        head = self.store.chain.head
        pulse = await self.log.pulse(head.position)
        is_trimmed = 1 < pulse.first <= self.followed().trimmed.position + 1
        if is_trimmed and head.position + 1 < pulse.first:
            raise TrimmedPast(head.position, pulse.first)
        if is_trimmed and head.position + 1 == pulse.first:
            found = await self.log.read(head.position, count=1)
            if not found or self._before(found[0]) != head.digest:
                raise LogForked(head.position)
        elif head.position and pulse.stored_at != head.stored:
            raise LogForked(head.position)

    async def _skipped(self, first: int) -> Sequence[Entry]:
        """The log was trimmed while this instance was away: go on with what it begins with now."""
        entries = await self.log.read(first - 1)
        if entries and entries[0].position == first:
            lacks, chain = self.store.chain.head.position + 1, self.followed()
            head = Head(first - 1, "", self._before(entries[0]))
            await self.in_thread(self.store.skip, chain._replace(head=head))
            hole = {"first": lacks, "last": first - 1, "remedy": "promptcast fill"}
            _log.error("journal_has_a_hole", log=self.store.name, **hole)
        return entries

    def _before(self, entry: Entry) -> str:
        """The hash of the event before ``entry``, which the log begins with."""
        trimmed = self.followed().trimmed
        if trimmed.position == entry.position - 1:
            return trimmed.digest
        return prevhash(entry.event)
