"""The mirror: this admin instance's own projection of the log, and the proof that it is true now."""

from dataclasses import dataclass

from events.chain import Recorded, decode
from events.errors import LogForked
from events.log import EventLog
from events.model import PromptRestored, PromptSaved
from projections.decisions import Content
from projections.follower import Follower
from projections.held import Held
from projections.history import History, VersionRecord


@dataclass(slots=True)
class Mirror:
    """The history and the follower that keeps it; reads content from the log by position."""

    log: EventLog
    follower: Follower
    held: Held[History]

    @property
    def history(self) -> History:
        """The history as it is known here, at this moment."""
        return self.held.state

    async def confirm(self) -> bool:
        """Whether the history was at the log's head; if it was not, it is caught up.

        Raises a ``LogError`` when the log is not reached or is not the one that we know.
        """
        pulse = await self.follower.look()
        if pulse.head_position == self.follower.position:
            return True
        await self.catch_up()
        return False

    async def catch_up(self) -> None:
        """Apply all that the log holds."""
        while entries := await self.log.read(self.follower.position):
            await self.follower.take(entries)

    async def confirmed(self) -> History:
        """The history at a moment after this was called, as the log's head has proved."""
        while not await self.confirm():
            pass
        return self.history

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
