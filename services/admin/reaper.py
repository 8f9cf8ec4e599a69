"""The reaper: replicas that died without a word cease to be members, so that nobody waits for them.

Reaping is for the dead alone. Nobody is reaped who was heard within the limit of this admin's own
unbroken observation; and the script that does it looks once more, in Redis: whoever lives, however slow
or cut off from us, holds a claim there. Who was reaped and comes back makes its group anew, where it was.
Who has no group to take away (it went with the log, or its last word was not heard) is forgotten just
so late, by each admin for itself.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

import structlog

from events.streams.feeds import BLOCK_SECONDS
from projections.fleet import Member
from projections.reports import Report
from projections.silence import LATE_SECONDS, Silence, observed, overdue
from services.admin.fleet_watch import FleetWatch

LOOK_SECONDS = 1.0
"""Between two looks."""
FED_SECONDS = BLOCK_SECONDS + LATE_SECONDS
"""A feed of reports that was not asked for so long hangs, and what it has not brought says nothing."""
_log = structlog.stdlib.get_logger()


@dataclass(slots=True)
class Reaper:
    """Looks at who is silent while :meth:`run` runs; ``reaped`` is told of each that this one reaped."""

    watch: FleetWatch
    after: float
    """Seconds of unbroken silence."""
    reaped: Callable[[], None]
    clock: Callable[[], float] = monotonic
    _silence: Silence = field(default_factory=Silence)
    _turns: int = 0

    async def run(self) -> None:
        """Look each second until cancelled; raises a ``LogError`` when Redis is not reached."""
        self._silence = Silence()  # whatever ended the run before: nobody was watched since
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """One look, and the reaping of who is overdue."""
        now, members = self.clock(), self.watch.fleet.members
        before = self._silence.looked_at or 0.0
        heard = {name for name, each in members.items() if each.report and each.heard_at >= before}
        whole = self.watch.turns == self._turns and now - self.watch.fed_at <= FED_SECONDS
        self._turns = self.watch.turns
        self._silence = observed(self._silence, now, members.keys(), heard, whole)
        for name in overdue(self._silence, self.after):
            await self._reap(members[name], now - self._silence.since[name])

    async def _reap(self, member: Member, seconds: float) -> None:
        last = member.report or Report(member.replica, "unknown", 0, 0, "", "gone")
        instance = member.report.instance if member.report else ""
        word, silent = last.epitaph(), round(seconds, 1)
        found = await self.watch.reports.reap(member.replica, instance, word.to_bytes())
        if found == "reaped":
            self.reaped()
            _log.warning("replica_presumed_dead", replica=member.replica, silent=silent)
        elif found == "gone":  # with the log, or it has left unheard: there is nothing to take away
            _log.warning("replica_forgotten", replica=member.replica, silent=silent)
            self.watch.presume(word)
