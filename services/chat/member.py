"""This replica as a member of the fleet: what it serves, what it reports, what it tells of itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from events.chain import Outcome, Recorded, Rejected
from events.errors import LogError
from events.log import Pulse
from events.model import PromptEvent
from projections.follower import Follower
from projections.held import Held
from projections.live import Live, LivePrompt
from projections.reports import LIVE_LISTED, LiveVersion, Rejection, Report, Status
from services.chat.answers import Answers
from services.metrics import ReplicaMetrics
from services.vouching import vouch

_log = structlog.stdlib.get_logger()


@dataclass(slots=True)
class Member:
    """The ``Replica`` that the chat endpoints see, over a follower and what it holds."""

    id: str
    instance: str
    held: Held[Live]
    follower: Follower | None = None
    url: str | None = None
    chat_key: str | None = field(default=None, repr=False)
    started_at: int = 0
    """Server time in µs."""
    answers: Answers = field(default_factory=Answers)
    _sequence: int = 0
    _told: Mapping[str, LivePrompt] = field(default_factory=dict)

    @property
    def _following(self) -> Follower:
        if self.follower is None:
            raise RuntimeError("the follower is not there yet")
        return self.follower

    @property
    def applied_position(self) -> int:
        """See :class:`~services.chat.replica.Replica`."""
        return self._following.position

    @property
    def state(self) -> str:
        """See :class:`~services.chat.replica.Replica`."""
        return self._following.state

    @property
    def serving(self) -> bool:
        """See :class:`~services.chat.replica.Replica`."""
        return self._following.serving

    def prompt(self, name: str) -> LivePrompt | None:
        """See :class:`~services.chat.replica.Replica`."""
        return self.held.state.prompts.get(name)

    def prompts(self) -> Mapping[str, LivePrompt]:
        """See :class:`~services.chat.replica.Replica`."""
        return self.held.state.prompts

    def stale_seconds(self) -> float | None:
        """See :class:`~services.chat.replica.Replica`."""
        return self._following.stale_seconds()

    def outdated_seconds(self) -> float | None:
        """See :class:`~services.chat.replica.Replica`."""
        return self._following.outdated_seconds()

    def rejection(self, name: str, position: int) -> str | None:
        """See :class:`~services.chat.replica.Replica`."""
        for rejected in self._following.applied.rejected:
            if rejected.position == position and rejected.prompt in (None, name):
                return f"{rejected.reason}: {rejected.detail}"
        return None

    async def wait_applied(self, position: int, timeout: float) -> bool:
        """See :class:`~services.chat.replica.Replica`."""
        return await self._following.applied.wait(position, timeout)

    def answered(self, name: str, version: int) -> None:
        """See :class:`~services.chat.replica.Replica`."""
        self.answers.count(name, version)

    def acknowledgement(self) -> bytes:
        """What is published with each acknowledgement: how far, and what was rejected."""
        return self._report().to_bytes()

    def heartbeat(self) -> bytes:
        """What is published with each heartbeat: all of it."""
        return self._report(self._status()).to_bytes()

    def last_word(self) -> bytes:
        """What is published on leaving."""
        return replace(self._report(), left=True).to_bytes()

    def _report(self, status: Status | None = None) -> Report:
        self._sequence += 1
        follower = self._following
        return Report(
            replica=self.id,
            instance=self.instance,
            sequence=self._sequence,
            position=follower.position,
            hash=follower.applied.chain.head.digest,
            state=follower.state,
            lag_us=follower.lag_us,
            rejected=tuple(_rejection(each) for each in follower.applied.rejected),
            changed={} if status else self._changed(),
            left=False,
            status=status,
            log_id=follower.applied.chain.log_id or None,
        )

    def _changed(self) -> dict[str, LiveVersion | None]:
        """What is served differently since the last report."""
        now, before = self.held.state.prompts, self._told
        if now is before:
            return {}
        self._told = now
        changed: dict[str, LiveVersion | None] = {
            name: _live_version(live) for name, live in now.items() if before.get(name) is not live
        }
        return changed | dict.fromkeys(before.keys() - now.keys())

    def _status(self) -> Status:
        held = self.held.state
        newest = sorted(held.prompts.values(), key=lambda live: -live.revision)[:LIVE_LISTED]
        return Status(
            url=self.url,
            started_at=self.started_at,
            head_position=self._following.head_position,
            last_reload_at=self._following.last_reload_at,
            globs=held.globs,
            live={live.name: _live_version(live) for live in newest},
            answers=self.answers.told(),
            voucher=vouch(self.chat_key, self.id, self.url) if self.chat_key and self.url else None,
        )


def _live_version(live: LivePrompt) -> LiveVersion:
    return LiveVersion(version=live.version, revision=live.revision, content_hash=live.content_hash)


def _rejection(rejected: Rejected) -> Rejection:
    return Rejection(
        position=rejected.position,
        reason=rejected.reason.value,
        detail=rejected.detail[:200],
        prompt=rejected.prompt,
    )


@dataclass(slots=True)
class ReplicaObserver:
    """Turns what the follower does into metrics, and one log line a reload."""

    held: Held[Live]
    metrics: ReplicaMetrics
    clock_offset: Callable[[], float]
    position: Callable[[], int]
    _shown: Mapping[str, LivePrompt] = field(default_factory=dict)

    def applied(self, outcomes: Sequence[Outcome], lag_us: int | None) -> None:
        """See :class:`~projections.observer.Observer`."""
        lag = None if lag_us is None else lag_us / 1e6
        for outcome in outcomes:
            if isinstance(outcome, Rejected):
                self._rejected(outcome)
            elif lag is not None and isinstance(outcome.event, PromptEvent):
                self._reloaded(outcome, outcome.event.prompt, lag)
        if lag is not None:
            self.metrics.reload_lag.observe(lag)
            self.metrics.last_reload_timestamp.set_to_current_time()
        self.metrics.applied_position.set(self.position())
        self._show_versions()

    def _reloaded(self, recorded: Recorded, prompt: str, lag: float) -> None:
        if not self.held.state.holds(prompt):
            self.metrics.reloads.labels(prompt, "skipped").inc()
            return
        self.metrics.reloads.labels(prompt, "applied").inc()
        _log.info(
            "prompt_reloaded",
            prompt=prompt,
            version=getattr(recorded.event, "version", None),
            position=recorded.position,
            lag_ms=round(lag * 1e3, 3),
        )

    def _rejected(self, rejected: Rejected) -> None:
        self.metrics.reloads.labels("", "rejected").inc()
        _log.error(
            "event_rejected",
            position=rejected.position,
            reason=rejected.reason.value,
            detail=rejected.detail,
        )

    def _show_versions(self) -> None:
        prompts = self.held.state.prompts
        if prompts is self._shown:
            return
        for name, live in prompts.items():
            if self._shown.get(name) is not live:
                self.metrics.prompt_version.labels(name, live.branch).set(live.version)
        for name in self._shown.keys() - prompts.keys():
            self.metrics.prompt_version.labels(name, self._shown[name].branch).set(0)
        self._shown = prompts

    def reached(self, pulse: Pulse, position: int) -> None:
        """See :class:`~projections.observer.Observer`."""
        self.metrics.log_connected.set(1)
        self.metrics.log_head_position.set(pulse.head_position)
        self.metrics.lag_events.set(max(0, pulse.head_position - position))
        self.metrics.clock_offset.set(self.clock_offset())

    def lost(self, error: LogError) -> None:
        """See :class:`~projections.observer.Observer`."""
        self.metrics.log_connected.set(0)
        _log.warning("log_lost", error=str(error), kind=type(error).__name__)

    def changed(self, state: str, reason: str) -> None:
        """See :class:`~projections.observer.Observer`."""
        self.metrics.set_state(state)
        _log.info("state_changed", state=state, reason=reason)

    def crashed(self, error: Exception) -> None:
        """See :class:`~projections.observer.Observer`."""
        _log.error("follower_crashed", error=repr(error), exc_info=error)
