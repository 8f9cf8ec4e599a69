"""Trimming: the oldest events of the prompts' log go from the server, which holds it in memory.

They stay part of the log: an archive of the operator's has them, and the journal of each admin, from
which they are read as before. The log says so itself (``LogTrimmed``), so that whoever finds them missing
knows that it is no loss. It is never trimmed past what a member, an admin or a snapshot still needs.
"""

from dataclasses import dataclass
from typing import NamedTuple

import structlog

from events.chain import Entry, Head
from events.envelope import digest
from events.errors import LogDiverged, LogUnavailable
from events.model import LogTrimmed
from events.streams.log import RedisLog
from projections.refusals import Invalid, Mistake
from services.admin.appending import AppendQueue
from services.admin.fleet_watch import FleetWatch
from services.admin.healing.roll import Roll
from services.admin.journal.journal import Journal
from services.admin.keeping import Keeper
from services.admin.mirror import Mirror

LEAST_KEPT = 100
"""Events that stay on the server at least: what members that were away for a while have to catch up."""
LEAST_TRIMMED = 10
"""Fewer are not worth the event that says so."""
_log = structlog.stdlib.get_logger(__name__)


class Trimmed(NamedTuple):
    """The log was trimmed through ``through``, and begins behind it; ``events`` went by this call."""

    through: int
    head: int
    events: int


@dataclass(slots=True)
class Trimming:
    """Of the prompts' log, by one admin instance."""

    log: RedisLog
    mirror: Mirror
    queue: AppendQueue
    keeper: Keeper
    watch: FleetWatch
    roll: Roll

    async def run(self, keep: int, archived: Head, actor: str) -> Trimmed:
        """Let everything go but the last ``keep`` events, as far as that may be. ``archived`` is the last
        event that the operator's archive holds (its ``stored`` is not looked at).

        Raises ``Invalid`` when the archive is not of this log, ``LogUnavailable`` while something still
        stands in the way, and any other ``LogError``: then it may be asked for again.
        """
        await self.mirror.confirmed()
        journal = await self._check(archived)
        through = min(self.mirror.follower.position - keep, archived.position, *self._needed())
        known = self.mirror.follower.applied.chain.trimmed.position
        if through >= known + LEAST_TRIMMED:
            await self._say(await self._last(through, journal), actor)
        else:  # it may not have come to its end
            through = known
        events = 0
        if through:
            await self.keeper.keep()  # whoever starts from now on needs nothing of what goes
            await self.keeper.prove(through)
            events = await self.log.trim(through, self.mirror.follower.applied.chain.head)
        if events:
            _log.warning("log_trimmed", through=through, events=events, actor=actor)
        return Trimmed(through, self.mirror.follower.position, events)

    def _needed(self) -> list[int]:
        """Positions that others need no more: but for the event that they have read last, by which they
        know the log again."""
        members = [each.position - 1 for each in self.watch.fleet.members.values()]
        log_id = self.mirror.follower.applied.chain.log_id
        others = self.roll.of["log"].of(log_id).values()
        return members + [each.last.position - 1 for each in others if each.log_id]

    async def _check(self, archived: Head) -> Journal:
        journal = self.mirror.journal
        if journal is None:
            raise LogUnavailable("this admin keeps no journal: nothing was trimmed")
        if journal.lacks or not (journal.is_examined and await journal.behind(0, 1)):
            raise LogUnavailable(
                "this admin's journal is not whole, or not read through yet: nothing was trimmed"
            )
        if not await journal.safe(self.mirror.follower.position, 2.0):
            raise LogUnavailable("this admin's journal does not keep up: nothing was trimmed")
        if archived.position > self.mirror.follower.position:
            raise Invalid((Mistake("/archived", "the log does not reach as far as the archive"),))
        if digest((await self._entry(archived.position)).event) != archived.digest:
            raise Invalid((Mistake("/archived", "the log holds another event there"),))
        return journal

    async def _last(self, through: int, journal: Journal) -> Entry:
        """The last event that goes: it must be what stays in the journal, since its hash is said."""
        entry, kept = await self._entry(through), await journal.behind(through - 1, 1)
        if not kept or (kept[0].position, kept[0].event) != (through, entry.event):
            differ = f"the log and this admin's journal differ at position {through}"
            raise LogDiverged(f"{differ}: run 'promptcast repair'")
        return entry

    async def _entry(self, position: int) -> Entry:
        found = await self.log.read(position - 1, count=1)
        if not found or found[0].position != position:
            raise LogDiverged(f"position {position} is missing: run 'promptcast repair'")
        return found[0]

    async def _say(self, last: Entry, actor: str) -> None:
        event = LogTrimmed(through=last.position, hash=digest(last.event))
        await self.queue.in_turn(
            lambda: self.queue.append(event, actor, self.mirror.follower.applied.chain)
        )
