"""The mirror: this admin instance's own projection of the prompts' log."""

from dataclasses import dataclass

from events.chain import Entry, Recorded, decode
from events.envelope import digest
from events.errors import LogForked, TrimmedPast
from events.model import PromptRestored, PromptSaved
from projections.decisions import Content
from projections.history import History, VersionRecord
from services.admin.tracked import Tracked


@dataclass(slots=True)
class Mirror(Tracked[History]):
    """The prompts' log as it is known here; reads content from it by position."""

    @property
    def history(self) -> History:
        """The history as it is known here, at this moment."""
        return self.held.state

    async def content(self, record: VersionRecord) -> Content:
        """What a version says. Raises ``LogForked`` when the log holds something else there."""
        event = (await self.event(record.position, record.hash.hex())).event
        if not isinstance(event, PromptSaved | PromptRestored):
            raise LogForked(record.position)
        return Content(event.template, event.config)

    async def event(self, position: int, hash: str) -> Recorded:
        """The event at a position, known by its hash. Raises ``LogForked`` if another is there, and
        ``TrimmedPast`` when it was trimmed, and this instance's journal lacks it."""
        recorded = decode(await self.entry(position, hash), hash)
        if recorded is None:
            raise LogForked(position)
        return recorded

    async def entry(self, position: int, hash: str) -> Entry:
        """The entry at a position, as it is stored; raises like :meth:`event`."""
        found = await self.log.read(position - 1, count=1)
        if found and found[0].position == position and digest(found[0].event) == hash:
            return found[0]
        if found and found[0].position > position and (await self.log.pulse(position)).first:
            raise TrimmedPast(position - 1, found[0].position)
        raise LogForked(position)
