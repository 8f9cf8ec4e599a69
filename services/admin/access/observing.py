"""Telling of the access log: log lines, what this machine remembers, and who listens for changes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from events.chain import Chain, Outcome, Recorded, Rejected
from events.envelope import TYPES, subject
from events.errors import LogError
from events.log import Pulse
from services.admin.opening import Memory

_log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True)
class AccessObserver:
    """See :class:`~projections.observer.Observer`; ``chain`` tells how far the log was read."""

    memory: Memory
    chain: Callable[[], Chain]
    listeners: list[Callable[[], None]] = field(default_factory=list)

    def applied(self, outcomes: Sequence[Outcome], lag_us: int | None) -> None:
        """Remembered at once: who was let in or shut out must not be forgotten by a sudden end."""
        for outcome in outcomes:
            if isinstance(outcome, Rejected):
                self._rejected(outcome)
            elif lag_us is not None:
                self._changed(outcome)
        try:
            self.memory.keep(self.chain())
        except OSError as error:  # the change stands, whatever is wrong with this disk
            _log.error("access_log_not_remembered", error=str(error))
        for listener in self.listeners:
            listener()

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

    def changed(self, state: str, reason: str) -> None:
        """See :class:`~projections.observer.Observer`."""
        _log.info("state_changed", log="access", state=state, reason=reason)

    def crashed(self, error: Exception) -> None:
        """See :class:`~projections.observer.Observer`."""
        _log.error("follower_crashed", log="access", error=repr(error), exc_info=error)
