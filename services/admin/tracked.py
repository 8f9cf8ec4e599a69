"""A log as this admin instance knows it: the state folded from it, and the proof that it is true now."""

from dataclasses import dataclass
from typing import Generic

from events.log import EventLog
from projections.follower import Follower
from projections.held import Held, State


@dataclass(slots=True)
class Tracked(Generic[State]):
    """A log, the follower that keeps up with it, and what is held."""

    log: EventLog
    follower: Follower
    held: Held[State]

    async def confirm(self) -> bool:
        """Whether the state was at the log's head; if it was not, it is caught up.

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

    async def confirmed(self) -> State:
        """The state at a moment after this was called, as the log's head has proved."""
        while not await self.confirm():
            pass
        return self.held.state
