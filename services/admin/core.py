"""The core of the admin service: history, writer, fleet and updates behind one port."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from events.chain import Entry
from events.envelope import rfc3339
from events.limits import MAX_READ_BYTES
from events.log import EventLog
from events.model import PromptSaved
from projections.decisions import Content, Save, check_content
from projections.fleet import Member, answers
from projections.history import History, VersionRecord
from services.admin.fleet_watch import FleetWatch
from services.admin.hub import Hub, Listener
from services.admin.mirror import Mirror
from services.admin.views import Address, Change, FleetView, MemberView, Propagation, ReloadLag
from services.admin.writer import Command, Writer


@dataclass(slots=True)
class AdminCore:
    """See :class:`~services.admin.port.Core`."""

    log: EventLog
    mirror: Mirror
    writer: Writer
    watch: FleetWatch
    hub: Hub
    gates: Callable[[], Sequence[Mapping[str, Any]]] = list
    """How saving goes, for each log."""

    @property
    def head_position(self) -> int:
        """The log's last position, as far as it is known here."""
        return self.mirror.follower.head_position

    @property
    def state(self) -> str:
        """How well this instance follows the log."""
        return self.mirror.follower.state

    @property
    def read_only(self) -> str | None:
        """Why nothing can be written here until an upgrade; None when it can."""
        newer = self.mirror.history.newer
        return f"position {newer.position}: {newer.detail}" if newer else None

    def saving(self) -> Sequence[Mapping[str, Any]]:
        """How saving goes, for each log."""
        return self.gates()

    @property
    def known(self) -> History:
        """The history as it is known here, unproved."""
        return self.mirror.history

    async def history(self) -> History:
        """The history, confirmed to be at the log's head."""
        return await self.mirror.confirmed()

    async def content(self, record: VersionRecord) -> Content:
        """What a version says."""
        return await self.mirror.content(record)

    async def change(self, command: Command, actor: str = "admin") -> Change:
        """Carry a command out."""
        change = await self.writer.change(command, actor)
        if change.appended_at is not None:
            self.watch.time(change.position, change.prompt, change.appended_at)
        if not await self.mirror.is_safe(change.position):
            change = replace(change, durable=False)
        if change.appended_at is not None and not change.durable:
            self.writer.observer.not_durable(change.position)
        return change

    async def validate(self, command: Save) -> PromptSaved:
        """The event that a save of this content would make; appends nothing."""
        known = (await self.mirror.confirmed()).prompts.get(command.prompt)
        return check_content(command, known.next_version if known else 1)

    async def events(self, cursor: int, limit: int) -> Sequence[Entry]:
        """Entries of the log behind ``cursor``."""
        return await self.log.read(cursor, limit, MAX_READ_BYTES)

    async def propagation(
        self, position: int, seconds: float = 0.0, since: float | None = None
    ) -> Propagation:
        """Who has the event at ``position``."""
        return await self.watch.barrier(position, self._prompt_at(position), seconds, since)

    def _prompt_at(self, position: int) -> str | None:
        """The prompt that the event at ``position`` is about, newest prompts' activations first."""
        for name, prompt in self.mirror.history.prompts.items():
            if prompt.revision == position:
                return name
        for name, prompt in self.mirror.history.prompts.items():
            if any(a.position == position for a in prompt.activations):
                return name
        return None

    def fleet(self) -> FleetView:
        """Every member, as known now."""
        members = self.watch.fleet.members
        views = tuple(self.view(members[name]) for name in sorted(members))
        return FleetView(head=self.head_position, members=views)

    def view(self, member: Member) -> MemberView:
        """One member as people see it."""
        report, status = member.report, member.status
        reload_at = status.last_reload_at if status else None
        started = status.started_at if status else None
        now = self.log.clock.now()
        return MemberView(
            id=member.replica,
            instance=report.instance if report else None,
            url=status.url if status else None,
            state=self.watch.state(member),
            applied_position=member.position,
            hash=report.hash if report else None,
            live=status.live if status else {},
            lag_ms=member.lags[-1][1] / 1e3 if member.lags else None,
            last_reload=rfc3339(reload_at) if reload_at else None,
            rejected=report.rejected if report else (),
            uptime_seconds=max(0.0, (now - started) / 1e6) if started else None,
            silent_seconds=self.watch.silent(member),
            prompts=status.globs if status else ("*",),
            recent_lags=tuple(ReloadLag(position=at, lag_ms=us / 1e3) for at, us in member.lags),
        )

    def address(self, replica: str) -> Address | None:
        """Where a member is, by its last heartbeat."""
        member = self.watch.fleet.members.get(replica)
        status = member.status if member else None
        return Address(status.url, status.voucher) if status and status.url else None

    def answers(self, prompt: str) -> Mapping[int, int]:
        """Answers from each version of a prompt, over all members, as known now."""
        return answers(self.watch.fleet, prompt)

    def subscribe(self) -> Listener:
        """Hear of what happens from now on."""
        return self.hub.subscribe()
