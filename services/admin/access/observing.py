"""Telling of the access log: log lines, and who listens for changes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from events.chain import Outcome, Recorded, Rejected
from events.envelope import TYPES, subject
from events.errors import LogDiverged, LogError
from events.log import Pulse

_log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True)
class AccessObserver:
    """See :class:`~projections.observer.Observer`."""

    listeners: list[Callable[[], None]] = field(default_factory=list)
    doubt: Callable[[str], None] = lambda _reason: None
    """Told when the log is not the one that was followed."""
    count_not_durable: Callable[[], None] = lambda: None

    def applied(self, outcomes: Sequence[Outcome], lag_us: int | None) -> None:
        """See :class:`~projections.observer.Observer`."""
        for outcome in outcomes:
            if isinstance(outcome, Rejected):
                self._rejected(outcome)
            elif lag_us is not None:
                self._changed(outcome)
        for listener in self.listeners:
            listener()

    def not_durable(self, position: int) -> None:
        """A change was not confirmed to be as durable as was asked for."""
        self.count_not_durable()
        _log.warning("append_not_durable", log="access", position=position)

    def _rejected(self, outcome: Rejected) -> None:
        _log.error(
            "event_rejected",
            log="access",
            position=outcome.position,
            reason=outcome.reason.value,
            detail=outcome.detail,
            read_only=outcome.newer,
        )

    def _changed(self, recorded: Recorded) -> None:
        _log.info(
            "access_changed",
            change=TYPES[type(recorded.event)],
            subject=subject(recorded.event),
            actor=recorded.actor,
            position=recorded.position,
        )

    def reached(self, pulse: Pulse, position: int) -> None:
        """Nothing: that all is well is told of the prompts' log."""

    def lost(self, error: LogError) -> None:
        """See :class:`~projections.observer.Observer`."""
        _log.warning("log_lost", log="access", error=str(error), kind=type(error).__name__)
        if isinstance(error, LogDiverged):
            self.doubt(f"saving waits for the log: {error}")

    def changed(self, state: str, reason: str) -> None:
        """See :class:`~projections.observer.Observer`."""
        _log.info("state_changed", log="access", state=state, reason=reason)

    def crashed(self, error: Exception) -> None:
        """See :class:`~projections.observer.Observer`."""
        _log.error("follower_crashed", log="access", error=repr(error), exc_info=error)
