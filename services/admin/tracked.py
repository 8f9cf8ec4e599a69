"""A log as this admin instance knows it: the state folded from it, and the proof that it is true now."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Generic

from events.chain import Entry
from events.errors import LogDiverged, LogMissing, LogUnavailable, TrimmedPast
from events.log import EventLog, Pulse
from projections.follower import Follower
from projections.held import Held, State
from projections.tail import Tail
from services.admin.healing.gate import Gate, Shut, opened
from services.admin.journal.journal import Journal

SAFE_SECONDS = 2.0
"""How long an answer waits for the journal, before it says that the change is not safe there."""

OPENED_SECONDS, OPENED_LOOK = 3.0, 0.05
"""How long a log that was never there is waited for, right after a first start; and between looks."""
READ_WAITS_SECONDS = 3.0
"""How long an answer waits for a log that is being made whole: most are, in less."""


@dataclass(slots=True)
class Tracked(Generic[State]):
    """A log, the follower that keeps up with it, and what is held: the state, and the last entries.

    Without a journal nothing outlives this process.
    """

    log: EventLog
    follower: Follower
    held: Held[State]
    journal: Journal | None = None
    tail: Tail = field(default_factory=Tail)
    gate: Gate = field(default_factory=opened)
    """Nobody appends while it is shut."""

    def __post_init__(self) -> None:
        self.follower.taken, self.follower.rebuilt = self._taken, self.tail.clear

    def _taken(self, entries: Sequence[Entry]) -> None:
        self.tail.take(entries)
        if self.journal:
            self.journal.taken(entries)

    async def is_safe(self, position: int) -> bool:
        """Whether the entry at ``position`` is in the journal soon; without one nobody asked for it."""
        return self.journal is None or await self.journal.safe(position, SAFE_SECONDS)

    async def confirm(self) -> bool:
        """Whether the state was at the log's head; if it was not, it is caught up.

        Raises a ``LogError`` when the log is not reached or is not the one that we know.
        """
        pulse = await self._looked()
        if pulse.head_position == self.follower.position and self.follower.applied.settled:
            return True
        await self.catch_up()
        return False

    async def _looked(self) -> Pulse:
        """A look at the log; while nothing of it is known here it is waited for a moment: it is being
        opened, or the journal is."""
        deadline = monotonic() + OPENED_SECONDS
        while True:
            try:
                return await self.follower.look()
            except (LogMissing, TrimmedPast):
                follower = self.follower
                if follower.position or follower.remembered or follower.state == "diverged":
                    raise
            if monotonic() > deadline:
                raise LogUnavailable("the log is not opened yet; nothing was written")
            await asyncio.sleep(OPENED_LOOK)

    async def confirm_to_write(self) -> bool:
        """Like :meth:`confirm`; a log that is not the one that we know shuts the gate (``Shut``)."""
        try:
            return await self.confirm()
        except LogDiverged as error:
            self.gate.doubt(f"saving waits for the log: {error}")
            if self.gate.is_open:
                raise
            raise Shut(str(error)) from error

    async def catch_up(self) -> None:
        """Apply all that the log holds; a state that was rebuilt comes into force."""
        while entries := await self.log.read(self.follower.position):
            await self.follower.take(entries)
        self.follower.applied.settle()

    async def confirmed(self) -> State:
        """The state at a moment after this was called, as the log's head has proved.

        While the log is being made whole, it waits for that, but not for long.
        """
        try:
            return await self._confirmed()
        except LogDiverged as error:
            self.gate.doubt(f"saving waits for the log: {error}")
            if self.gate.is_open:
                raise
        await self.gate.passed(READ_WAITS_SECONDS)
        return await self._confirmed()

    async def _confirmed(self) -> State:
        while not await self.confirm():
            pass
        return self.held.state
