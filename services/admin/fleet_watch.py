"""The fleet watch: takes in the replicas' reports, and knows when an event has reached everybody."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from projections.fleet import (
    Fleet,
    Limits,
    Member,
    convergence,
    heard,
    known_groups,
    outcome,
    spread,
    state,
)
from projections.reports import AdminReport, Report
from services.admin.views import Propagation
from services.membership import Group, Reports

LOOK_SECONDS = 2.0
"""Between two looks at the consumer groups, and at who has fallen silent."""

YIELD_EVERY = 50
"""Reports that are taken in before others have their turn."""
TIMED_SECONDS = 60.0
"""An event that has not reached everybody by then is no longer timed; alerts have fired long ago."""


def _unheard(_report: AdminReport) -> None:
    return None


def _unheeded(_report: Report) -> None:
    return None


@dataclass(slots=True)
class FleetWatch:
    """Members and their progress. ``on_report`` and ``on_look`` are told after each change."""

    reports: Reports
    head: Callable[[], int]
    on_report: Callable[[Report, Member | None, Member | None], None]
    on_look: Callable[[list[Group]], None]
    on_converged: Callable[[float], None]
    """Told the seconds from an append until every member had applied it."""
    on_admin: Callable[[AdminReport], None] = _unheard
    """Told what admins say, who are no members."""
    also_told: Callable[[Report], None] = _unheeded
    """Told of every report, of late ones too."""
    limits: Limits = Limits()
    fleet: Fleet = field(default_factory=Fleet)
    fed_at: float = 0.0
    """When reports were last asked for, monotonic: those before were taken in by then."""
    turns: int = 0
    """How often the following of reports has begun: between two turns some may have been missed."""
    _barriers: set["_Barrier"] = field(default_factory=set)

    async def follow_reports(self) -> None:
        """Take reports in until cancelled; raises a ``LogError`` when Redis is not reached."""
        for report in await self.reports.recent():
            self._hear(report)
        await self._look()
        self.turns += 1
        while True:
            self.fed_at = monotonic()
            for number, report in enumerate(await self.reports.next(), 1):
                self._hear(report)
                if number % YIELD_EVERY == 0:
                    await asyncio.sleep(0)
            await asyncio.sleep(0)  # who waited for these goes first, before the next are asked for

    async def look_around(self) -> None:
        """Look at the log's groups now and then, until cancelled; raises like the above."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._look()

    async def _look(self) -> None:
        groups = await self.reports.groups()
        names = [group.replica for group in groups]
        self.fleet = known_groups(self.fleet, names, monotonic())
        self.on_look(groups)

    def _hear(self, report: Report | AdminReport) -> None:
        if isinstance(report, AdminReport):
            self.on_admin(report)
            return
        before = self.fleet.members.get(report.replica)
        self.fleet = heard(self.fleet, report, self.head(), monotonic())
        member = self.fleet.members.get(report.replica)
        for barrier in tuple(self._barriers):
            barrier.hear(report.replica, member)
        self.also_told(report)
        self.on_report(report, before, member)

    def presume(self, last_word: Report) -> None:
        """Take in the last word of a member that nobody has published, nor will."""
        self._hear(last_word)

    def furthest(self) -> int:
        """The last position that any member has reported."""
        return max((member.position for member in self.fleet.members.values()), default=0)

    def state(self, member: Member) -> str:
        """The member's state as of now."""
        return state(member, monotonic(), self.limits)

    def silent(self, member: Member) -> float | None:
        """Seconds since the member was last heard of; None: never."""
        return round(monotonic() - member.heard_at, 3) if member.report else None

    def unclaimed(self) -> list[str]:
        """Consumer groups that no replica has spoken for, though it had the time: somebody else's,
        or of one that had died before this admin came. Until it is reaped, each counts as a member."""
        return [
            name
            for name, each in self.fleet.members.items()
            if each.report is None and self.state(each) == "gone"
        ]

    def states(self) -> dict[str, str]:
        """All members' states by id."""
        return {name: self.state(member) for name, member in self.fleet.members.items()}

    def time(self, position: int, prompt: str, since: float) -> None:
        """Measure how long the event at ``position`` takes to be everywhere; does not wait."""
        if not self.fleet.members:
            return
        barrier = self._barrier(position, prompt)
        loop = asyncio.get_running_loop()
        late = loop.call_later(TIMED_SECONDS, self._barriers.discard, barrier)

        def over(_: asyncio.Future[bool]) -> None:
            late.cancel()
            self._barriers.discard(barrier)
            spreads = self._spread(position, prompt, since, waited=False)
            if spreads.state == "converged":
                self.on_converged(monotonic() - since)

        barrier.over.add_done_callback(over)

    async def barrier(
        self, position: int, prompt: str | None, seconds: float, since: float | None
    ) -> Propagation:
        """Who has the event at ``position``: when all have, or one rejected it, or time is up."""
        waited = False
        if seconds > 0 and self.fleet.members:
            waited = not await self._over(self._barrier(position, prompt), seconds)
        return self._spread(position, prompt, since, waited)

    async def _over(self, barrier: "_Barrier", seconds: float) -> bool:
        """Whether the barrier is over in time."""
        late = asyncio.get_running_loop().call_later(seconds, barrier.end, False)
        try:
            return await barrier.over
        finally:
            late.cancel()
            self._barriers.discard(barrier)

    def _barrier(self, position: int, prompt: str | None) -> "_Barrier":
        barrier = _Barrier(position, prompt, set(self.fleet.members))
        self._barriers.add(barrier)
        for name, member in self.fleet.members.items():
            barrier.hear(name, member)
        return barrier

    def _spread(
        self, position: int, prompt: str | None, since: float | None, waited: bool
    ) -> Propagation:
        elapsed = (monotonic() - since) * 1e3 if since is not None else None
        members = sorted(self.fleet.members.items())
        spreads = tuple(spread(member, position, prompt) for _, member in members)
        if since is None:
            lags = [each.lag_us for each in spreads if each.lag_us is not None]
            elapsed = max(lags) / 1e3 if lags else None
        return Propagation(state=convergence(spreads, waited), elapsed_ms=elapsed, replicas=spreads)


@dataclass(slots=True, eq=False)
class _Barrier:
    """Who has not answered yet. ``over`` is true when nobody is left, or somebody rejected."""

    position: int
    prompt: str | None
    pending: set[str]
    said: set[str] = field(default_factory=set)
    """Members that have said what they made of it: they change their minds no more."""
    over: asyncio.Future[bool] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def hear(self, name: str, member: Member | None) -> None:
        """Take in a member's news; None when it has left."""
        if name in self.said:
            return
        made = outcome(member, self.position, self.prompt) if member else "skipped"
        if made == "pending":
            return
        self.said.add(name)
        self.pending.discard(name)
        if made == "rejected" or not self.pending:
            self.end(True)

    def end(self, over: bool) -> None:
        """It is over, or time is up."""
        if not self.over.done():
            self.over.set_result(over)
