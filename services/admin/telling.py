"""Telling: what happens in the core, as metrics, log lines and updates."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

import structlog

from events.chain import Outcome, Recorded, Rejected
from events.envelope import rfc3339
from events.errors import LogDiverged, LogError
from events.log import Pulse
from events.model import PromptArchived, PromptEvent, PromptRestored, PromptSaved
from projections.fleet import Member
from projections.history import Action
from projections.reports import Report
from services.admin.core import AdminCore
from services.admin.views import Kind, Update
from services.membership import Group
from services.metrics import AdminMetrics

SILENT_SECONDS = 2.5
"""Two heartbeats late: as much as may happen to anybody."""
SILENT_TOLD = 50
"""Silent members that listeners hear of at each look; a look at the fleet shows all of them."""
_log = structlog.stdlib.get_logger()
_ACTIONS: dict[Action, str] = {"saved": "save", "restored": "restore", "archived": "archive"}


@dataclass(slots=True)
class Telling:
    """Observer of the follower, the writer and the fleet watch at once."""

    metrics: AdminMetrics
    core: AdminCore | None = None
    doubt: Callable[[str], None] = lambda _reason: None
    """Told when the log is not the one that was followed."""
    _states: dict[str, str] = field(default_factory=dict)
    _silent: set[str] = field(default_factory=set)

    @property
    def _core(self) -> AdminCore:
        if self.core is None:
            raise RuntimeError("the core is not there yet")
        return self.core

    # the follower's observer

    def applied(self, outcomes: Sequence[Outcome], lag_us: int | None) -> None:
        """See :class:`~projections.observer.Observer`."""
        self.metrics.log_head_position.set(self._core.head_position)
        for outcome in outcomes:
            if isinstance(outcome, Rejected):
                self._rejected(outcome)
            elif lag_us is not None:
                self._recorded(outcome)

    def _rejected(self, outcome: Rejected) -> None:
        _log.error(
            "event_rejected",
            position=outcome.position,
            reason=outcome.reason.value,
            detail=outcome.detail,
            read_only=outcome.newer,
        )

    def _recorded(self, recorded: Recorded) -> None:
        event = recorded.event
        if not isinstance(event, PromptEvent):
            return
        kinds: dict[type, Kind] = {
            PromptSaved: "saved",
            PromptRestored: "restored",
            PromptArchived: "archived",
        }
        data = {
            "prompt": event.prompt,
            "branch": event.branch,
            "version": getattr(event, "version", None),
            "position": recorded.position,
            "revision": recorded.position,
            "hash": recorded.hash,
            "author": recorded.actor,
            "recorded_at": rfc3339(recorded.recorded_at),
            "note": event.note,
        }
        self._core.hub.tell(Update(kind=kinds[type(event)], data=data))

    def reached(self, pulse: Pulse, position: int) -> None:
        """See :class:`~projections.observer.Observer`."""
        self.metrics.log_connected.set(1)
        self.metrics.log_head_position.set(max(pulse.head_position, position))

    def lost(self, error: LogError) -> None:
        """See :class:`~projections.observer.Observer`."""
        self.metrics.log_connected.set(0)
        _log.warning("log_lost", error=str(error), kind=type(error).__name__)
        if isinstance(error, LogDiverged):
            self.doubt(f"saving waits for the log: {error}")

    def changed(self, state: str, reason: str) -> None:
        """See :class:`~projections.observer.Observer`."""
        _log.info("state_changed", state=state, reason=reason)

    def crashed(self, error: Exception) -> None:
        """See :class:`~projections.observer.Observer`."""
        _log.error("follower_crashed", error=repr(error), exc_info=error)

    # the writer's observer

    def settled(self, action: Action, outcome: str) -> None:
        """See :class:`~services.admin.writer.WriteObserver`."""
        self.metrics.changes.labels(_ACTIONS[action], outcome).inc()

    def appended(self, seconds: float) -> None:
        """See :class:`~services.admin.writer.WriteObserver`."""
        self.metrics.append.observe(seconds)

    def not_durable(self, position: int) -> None:
        """See :class:`~services.admin.writer.WriteObserver`."""
        self.metrics.not_durable.inc()
        _log.warning("append_not_durable", log="log", position=position)

    # the fleet watch's observer

    def converged(self, seconds: float) -> None:
        """From an append here until the last member had it, it took this long."""
        self.metrics.propagation.observe(seconds)

    def report(self, report: Report, before: Member | None, member: Member | None) -> None:
        """A report was taken in."""
        if member is None:
            self._gone(report.replica, reaped=report.reaped)
            return
        self.metrics.replica_applied_position.labels(report.replica).set(member.position)
        known = before.report if before else None
        before_it = known and (known.position, known.rejected)
        if before_it != (report.position, report.rejected) and self._core.hub.listeners:
            self._core.hub.tell(Update(kind="reported", data=_reported(report)))
        told = known and (known.instance, known.state) == (report.instance, report.state)
        if not told or report.replica in self._silent:
            self._silent.discard(report.replica)
            self._tell_member(member)

    def looked(self, groups: list[Group]) -> None:
        """The consumer groups were looked at."""
        head = self._core.head_position
        members = self._core.watch.fleet.members
        for group in groups:
            lag = max(0, head - group.delivered) + group.pending
            self.metrics.replica_lag_events.labels(group.replica).set(lag)
        states = self._core.watch.states()
        self.metrics.set_replicas(states.values())
        self.metrics.groups_without_replica.set(len(self._core.watch.unclaimed()))
        for name, state in states.items():
            if self._states.get(name) != state and name in self._states:
                _log.info("replica_state_changed", replica=name, state=state)
                self._tell_member(members[name])
        for name in self._states.keys() - states.keys():
            self._gone(name)
        self._states = states
        self._tell_silence()

    def _tell_silence(self) -> None:
        """Nobody announces that he has fallen silent: said of some at each look, while it lasts."""
        watch = self._core.watch
        members = watch.fleet.members
        silent = [name for name in members if (watch.silent(members[name]) or 0) > SILENT_SECONDS]
        self._silent = set(silent)
        for name in silent[:SILENT_TOLD]:
            self._tell_member(members[name])

    def _gone(self, replica: str, reaped: bool = False) -> None:
        _log.info("replica_reaped" if reaped else "replica_left", replica=replica)
        self.metrics.forget_replica(replica)
        self._states.pop(replica, None)
        self._silent.discard(replica)
        self._core.hub.tell(Update(kind="replica", data={"id": replica, "state": "left"}))

    def _tell_member(self, member: Member) -> None:
        view = asdict(self._core.view(member))
        self._core.hub.tell(Update(kind="replica", data=view))


def _reported(report: Report) -> dict[str, object]:
    return {
        "replica": report.replica,
        "position": report.position,
        "hash": report.hash,
        "lag_ms": None if report.lag_us is None else report.lag_us / 1e3,
        "rejected": [asdict(each) for each in report.rejected],
        "changed": {name: live and asdict(live) for name, live in report.changed.items()},
    }
