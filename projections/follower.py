"""The follower: keeps a projection true to a log.

One path, whatever happened before: check that the log still is the one that was followed, catch up by
reading, then be fed. It is walked at the start and after every error, so correctness never depends on
what a broken connection may have swallowed. Entries are applied first and acknowledged after.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from events.chain import STRAY_FROM, Chain, Entry, Outcome
from events.errors import (
    ClaimError,
    LogDiverged,
    LogError,
    LogForked,
    LogMended,
    LogMissing,
    LogShorter,
    TrimmedPast,
)
from events.log import EventLog, Feed, Pulse
from projections.applying import Applied, Read
from projections.freshness import Freshness
from projections.looks import Looks, confirm, confirm_bytes, opens
from projections.observer import Observer
from projections.pace import Pace
from projections.patience import Patience
from projections.reading import ReadAhead

KEPT = ("stale", "diverged")
"""States in which what was known before is shown."""


class _MissedWakeUp(LogError):
    """The log has grown, and the feed was silent about it for a whole beat."""


async def _nothing() -> None:
    return None


async def _cannot(_anew: bool) -> bool:
    return False


def _longest(_least: float, most: float) -> float:
    return most


def _not_taken(_entries: Sequence[Entry]) -> None:
    return None


def _not_told() -> None:
    return None


@dataclass(slots=True)
class Follower:
    """Keeps ``applied`` true to ``log``; ``report`` is published with each acknowledgement, and
    ``beat`` is called with every heartbeat that reached the log."""

    log: EventLog
    feed: Feed
    applied: Applied
    observer: Observer
    report: Callable[[], bytes] = bytes
    beat: Callable[[], Awaitable[None]] = _nothing
    pace: Pace = field(default_factory=Pace)
    jitter: Callable[[float, float], float] = _longest
    """A number between two, such as ``random.uniform``: a fleet must not come back all at once."""
    taken: Callable[[Sequence[Entry]], None] = _not_taken
    """Called with the very entries that were applied, in order, as soon as they are; must not raise."""
    rebuilt: Callable[[], None] = _not_told
    """Called when another log is followed from its beginning; must not raise."""
    giving_up: Callable[[], Awaitable[None]] = _nothing
    """Awaited before that: whatever is here of the old log must be kept elsewhere. When it raises a
    ``LogError``, the old log is not given up."""
    skip: Callable[[bool], Awaitable[bool]] = _cannot
    """Awaited when the log was trimmed past what is held here: whether a snapshot was put in its
    place, with :meth:`resume`. It is told whether another log is followed from now on: else the
    snapshot must be of the one that was followed."""
    state: str = "starting"
    serving: bool = False
    """Whether what is held may be shown to others: from the first heartbeat on, so that whoever waits for
    everybody waits for this one, too; or a kept state while the log is out of reach or another one."""
    head_position: int = 0
    lag_us: int | None = None
    """From append to applied, of the last event that was followed (not replayed)."""
    last_reload_at: int | None = None
    """Server time in µs."""
    remembered: Chain | None = None
    """The log that this machine knew, while nothing of it is held here: no other is followed."""
    _clock: Callable[[], float] = field(default_factory=lambda: asyncio.get_running_loop().time)
    _looks: Looks = field(default_factory=Looks)
    _fresh: Freshness = field(init=False)
    _trouble: str | None = None
    _patience: Patience = field(init=False)

    def __post_init__(self) -> None:
        self._patience = Patience(self.pace.rebuild_after, self.applied.keys)
        self._fresh = Freshness(self.pace.stale_after, lambda: self._clock())  # noqa: PLW0108  as it is then

    @property
    def position(self) -> int:
        """The applied position."""
        return self.applied.position

    def stale_seconds(self) -> float | None:
        """For how long the log was not reached, once that is longer than the limit."""
        return self._fresh.silent()

    def outdated_seconds(self) -> float | None:
        """For how long what is held may be old, once that is longer than the limit."""
        return self._fresh.outdated(self.position)

    def resume(self, chain: Chain, silent: float | None = None) -> None:
        """Start from a kept state: at ``chain``, and as if last told ``silent`` seconds ago."""
        self.applied.resume(chain)
        if silent is not None:
            self._fresh.resumed(silent)
            self._set_state("stale", f"a kept state of {silent:.0f} s ago")

    def distrust(self, error: LogDiverged) -> None:
        """The log is not the one that it should be, even if nothing of it was followed here yet."""
        self._fresh.distrust()
        self._set_state("diverged", str(error))

    async def run(self) -> None:
        """Follow until cancelled. Raises only a :class:`~events.errors.ClaimError`."""
        try:
            await self._run()
        finally:
            await self.feed.close()

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                await self.catch_up()
                await self.feed.open(self.position)
                await self.beat()
                self.serving, failures = True, 0
                await self._follow()
            except ClaimError:
                raise
            except LogError as error:
                self._failed(error)
                await self._live_with(error)
            except Exception as error:  # noqa: BLE001  told, and recovered from like any error
                self.observer.crashed(error)
            failures += 1
            await asyncio.sleep(self.pace.pause(failures, self.jitter))

    async def catch_up(self) -> None:
        """Check that the log is ours, and apply all that it holds. Raises any ``LogError``."""
        try:
            await self._read_up()
        except TrimmedPast:
            if not await self.skip(False):
                raise
            self.rebuilt()
            await self._read_up()
        self.applied.settle()
        self._trouble = self._fresh.diverged_since = None
        self._patience.restore()
        self._set_state("current", f"at position {self.position}")

    async def _read_up(self) -> None:
        await self.look()
        if self.position < self.head_position and self._fresh.diverged_since is None:
            self._set_state("catching_up", f"from {self.position} to {self.head_position}")
        async with ReadAhead(self.log) as ahead:
            while entries := await ahead.behind(self.position):
                await self.take(entries)

    def advance(self, entries: Sequence[Entry]) -> None:
        """Apply ``entries``; for a writer that has just appended them, too. See ``Applied.read``."""
        self._tell(self._apply(self.applied.read(entries), entries))

    def _apply(self, what: Read, entries: Sequence[Entry]) -> list[Outcome]:
        before = self.position
        outcomes = self.applied.take(what)
        if outcomes:
            new = [entry for entry in entries if entry.position > before]
            self.taken(new[: len(outcomes)])
            last, now, is_live = entries[-1], self.log.clock.now(), self._looks.is_live(entries[-1])
            self.lag_us = self._looks.lag(last, now, self._clock()) if is_live else None
            self.last_reload_at = now if is_live else self.last_reload_at
            self.head_position = max(self.head_position, self.position)
        return outcomes

    def _tell(self, outcomes: Sequence[Outcome]) -> None:
        if outcomes:
            self.observer.applied(outcomes, self.lag_us)

    async def _follow(self) -> None:
        tasks = [asyncio.create_task(work) for work in (self._be_fed(), self._beat())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            await self.feed.close()
        raise next(error for error in ended if isinstance(error, Exception))

    async def _be_fed(self) -> None:
        while True:
            entries = await self.feed.next()
            if entries:
                outcomes = await self._taken(entries)
                try:
                    await asyncio.sleep(0)  # who waits for these goes first, then the report …
                    await self.feed.done(entries, self.report())
                finally:
                    self._tell(outcomes)  # … and metrics and log lines hold nobody up

    async def take(self, entries: Sequence[Entry]) -> None:
        """Apply; but where the chain breaks, first make sure that it is not ours that is wrong."""
        self._tell(await self._taken(entries))

    async def _taken(self, entries: Sequence[Entry]) -> list[Outcome]:
        what = self.applied.read(entries)
        if what.breaks_chain:
            await self.look()
            what = self.applied.read(entries)  # a writer may have advanced meanwhile
        return self._apply(what, entries)

    async def _beat(self) -> None:
        head_before = 0
        while True:
            await asyncio.sleep(self.pace.beat)
            if self.position < head_before:
                raise _MissedWakeUp(f"the feed was silent about position {head_before}")
            head_before = (await self.look()).head_position
            await self.beat()

    async def look(self) -> Pulse:
        """Look at the log; raises the ``LogDiverged`` that fits when it is not the one we know."""
        remembered = self.remembered
        known = (remembered or self.applied.chain).head
        began, before = self._clock(), self._fresh.reached_at
        pulse = await self.log.pulse(known.position)
        if pulse.head_position < STRAY_FROM:
            self.head_position = max(pulse.head_position, self.position)
        self._fresh.looked(began if before is None else before, self.position, self.head_position)
        self._looks.note(self.head_position, began)
        self.observer.reached(pulse, self.position)
        confirm(pulse, known)
        await confirm_bytes(self.log, known)
        if self.remembered is not remembered:  # it was recalled meanwhile: this look was not for it
            return await self.look()
        self.remembered = None
        return pulse

    def _failed(self, error: LogError) -> None:
        if isinstance(error, LogMissing) and not self.position and not self.remembered:
            return  # nothing was there before: the log is only not opened yet
        if str(error) != self._trouble:
            self._trouble = str(error)
            self.observer.lost(error)
        if isinstance(error, LogDiverged):
            self.distrust(error)
        elif self.stale_seconds() is not None and self._fresh.diverged_since is None:
            self._set_state("stale", str(error))

    async def _live_with(self, error: LogError) -> None:
        """While the log is another one: keep reporting, and follow it once it was there for long."""
        if not isinstance(error, LogDiverged) or self._fresh.diverged_since is None:
            return
        await self._beat_anyway()
        if not isinstance(error, LogForked | LogShorter | TrimmedPast):
            return
        since, known = self._fresh.diverged_since, self.remembered or self.applied.chain
        asked = None if isinstance(error, TrimmedPast) else known
        with contextlib.suppress(LogError):  # the next round meets it again
            if isinstance(error, LogMended) or await self._patience.is_over(
                self.log, asked, self._clock() - since
            ):
                await self._follow_anew()

    async def _follow_anew(self) -> None:
        """Follow the log that is there from its beginning, or, where that was trimmed, from a snapshot;
        not at all if it does not begin as a log should. Raises what ``giving_up`` does."""
        is_whole = await opens(self.log, self.applied.chain.signed, self.applied.keys)
        if not (is_whole or (await self.log.pulse()).first > 1):
            return
        await self.giving_up()
        if is_whole:
            self.applied.rebuild()
        elif not await self.skip(True):
            return
        self.remembered = None
        self._patience.restore()
        self._fresh.rebuilt()
        self._looks.forget()
        self.rebuilt()

    async def _beat_anyway(self) -> None:
        try:
            await self.beat()
        except LogError:
            pass  # the next round meets it again
        except ClaimError:
            raise
        except Exception as error:  # noqa: BLE001  told, and recovered from like any error
            self.observer.crashed(error)

    def _set_state(self, state: str, reason: str) -> None:
        if state != self.state:
            self.state = state
            self.serving = self.serving or (state in KEPT and self.position > 0)
            self.observer.changed(state, reason)
