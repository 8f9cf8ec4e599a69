"""The mirror: this admin instance's own projection of the prompts' log."""

from dataclasses import dataclass

from events.chain import Recorded, decode
from events.errors import LogForked
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
        """The event at a position, known by its hash. Raises ``LogForked`` if another is there."""
        found = await self.log.read(position - 1, count=1)
        recorded = decode(found[0], hash) if found and found[0].position == position else None
        if recorded is None:
            raise LogForked(position)
        return recorded
