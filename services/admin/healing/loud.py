"""Loud: what happens to a log is said where people look: log lines, metrics, and the panel."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import structlog

from events.envelope import rfc3339
from projections.healing import Heal
from services.admin.healing.gate import Gate
from services.metrics import AdminMetrics

_log = structlog.stdlib.get_logger(__name__)
_REMEDY = "see 'promptcast fork show'"


@dataclass(slots=True)
class Loud:
    """Speaks of one log's gate. ``tell`` hands an update to whoever listens."""

    gate: Gate
    metrics: AdminMetrics
    now: Callable[[], int]
    """Server time in µs."""
    tell: list[Callable[[dict[str, Any]], None]] = field(default_factory=list)
    since: int = 0
    """When the present state began, µs."""
    _told: str = "open"
    _went_back: tuple[int, int, float] | None = None
    _shut_at: float = field(default_factory=monotonic)

    def __post_init__(self) -> None:
        self.since = self.now()
        self.gate.on_change.append(self.changed)
        self.metrics.log_writable.labels(self.gate.log).set(0)
        self.metrics.log_healed.labels(self.gate.log)
        self.metrics.log_healed_events.labels(self.gate.log)

    def changed(self) -> None:
        """The gate's state, or its reason, is another one."""
        gate = self.gate
        self.metrics.log_writable.labels(gate.log).set(gate.is_open)
        if gate.state != self._told:
            self.since = self.now()
            self._line()
            self._told = gate.state
        for each in self.tell:
            each(self.view())

    def _line(self) -> None:
        gate = self.gate
        if gate.state == "diverged":
            _log.error("log_forked", log=gate.log, reason=gate.reason, remedy=_REMEDY)
        elif gate.is_open:
            seconds = round(monotonic() - gate.doubted_at, 3)
            _log.info("saving_resumed", log=gate.log, seconds=seconds)
        elif self._told == "open":
            _log.warning("saving_waits", log=gate.log, reason=gate.reason)

    def view(self) -> dict[str, Any]:
        """The gate as people see it."""
        gate = self.gate
        since = rfc3339(self.since)
        return {"log": gate.log, "state": gate.state, "reason": gate.reason, "since": since}

    def went_back(self, heal: Heal, head: int) -> None:
        """The log has lost something, and it is about to be put back; told once, however often it is
        tried."""
        what = heal.after, heal.through, self.gate.doubted_at
        if what == self._went_back:
            return
        self._went_back = what
        sides = [part.side for part in heal.parts]
        _log.error(
            "log_went_back", log=self.gate.log, head=head, lost=heal.through - head, held_by=sides
        )

    def healed(self, after: int, through: int) -> None:
        """What stood behind ``after`` through ``through`` is back."""
        self.metrics.log_healed.labels(self.gate.log).inc()
        self.metrics.log_healed_events.labels(self.gate.log).inc(through - after)
        _log.warning("log_healed", log=self.gate.log, after=after, through=through)

    def missed(self, names: Sequence[str]) -> None:
        """Saving goes on without their word."""
        for name in names:
            self.metrics.members_missed.inc()
            _log.error("member_missed", log=self.gate.log, member=name)
