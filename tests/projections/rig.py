"""A follower on a log in memory, with everything around it that can be made to fail."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from events.chain import Entry, Outcome, Recorded
from events.errors import LogError
from events.limits import MAX_READ_BYTES
from events.log import READ_COUNT, Pulse
from events.memory import MemoryFeed, MemoryLog
from events.model import PromptSaved
from events.signing import KeyRing
from projections import live
from projections.applying import Applied
from projections.follower import Follower
from projections.held import Held
from projections.live import Live
from projections.pace import Pace
from tests.scribe import Scribe, recorded
from tests.waiting import until

QUICK = Pace(beat=0.01, backoff=0.001, backoff_most=0.004, stale_after=5.0, rebuild_after=60.0)
BOMB = "crash the loader"
"""A template that is valid, and that the projection below cannot bear."""


def crashing_fold(state: Live, outcomes: Iterable[Outcome]) -> Live:
    """Like :func:`live.fold`, but with a bug."""
    outcomes = list(outcomes)
    for outcome in outcomes:
        event = outcome.event if isinstance(outcome, Recorded) else None
        if isinstance(event, PromptSaved) and event.template == BOMB:
            raise ZeroDivisionError
    return live.fold(state, outcomes)


class Watched(Held[Live]):
    """Held live prompts that write down each fold."""

    def __init__(self, trace: list[Any]) -> None:
        super().__init__(Live(), Live(), crashing_fold)
        self.trace = trace
        self.in_force: list[dict[str, str]] = []
        """What was in force after each fold."""

    def fold(self, outcomes: Sequence[Outcome]) -> None:
        super().fold(outcomes)
        self.in_force.append(self.texts)
        self.trace.append(("folded", [outcome.position for outcome in outcomes]))

    @property
    def texts(self) -> dict[str, str]:
        """What is in force, by prompt."""
        return {name: prompt.template.text for name, prompt in self.state.prompts.items()}


class TroubledLog(MemoryLog):
    """A log that can be out of reach, slow, or read in small pages."""

    def __init__(self) -> None:
        super().__init__()
        self.trouble: LogError | None = None
        self.page = READ_COUNT
        self.may_read = asyncio.Event()
        self.may_read.set()

    async def pulse(self, position: int = 0) -> Pulse:
        if self.trouble:
            raise self.trouble
        return await super().pulse(position)

    async def read(
        self, after: int, count: int = READ_COUNT, max_bytes: int = MAX_READ_BYTES
    ) -> Sequence[Entry]:
        await self.may_read.wait()
        if self.trouble:
            raise self.trouble
        return await super().read(after, min(count, self.page), max_bytes)


class TroubledFeed(MemoryFeed):
    """A feed that can be deaf, skip entries, or fail; it writes down what it is told."""

    def __init__(self, log: TroubledLog, trace: list[Any]) -> None:
        super().__init__(log)
        self.trace = trace
        self.deaf = False
        self.skipped: set[int] = set()
        self.opening: Exception | None = None
        self.failing: Exception | None = None
        self.reports: list[bytes] = []
        self.is_open = False

    async def open(self, position: int) -> None:
        if self.opening:
            raise self.opening
        self.trace.append(("opened", position))
        self.is_open = True
        await super().open(position)

    async def next(self) -> Sequence[Entry]:
        found = await super().next()
        if self.deaf:
            await asyncio.Event().wait()
        if self.failing:
            failing, self.failing = self.failing, None
            raise failing
        return [entry for entry in found if entry.position not in self.skipped]

    async def done(self, entries: Sequence[Entry], report: bytes) -> None:
        self.trace.append(("published", [entry.position for entry in entries], report))
        self.reports.append(report)
        await super().done(entries, report)

    async def close(self) -> None:
        self.is_open = False


@dataclass
class Notes:
    """An observer that writes down what it is told."""

    states: list[str] = field(default_factory=list)
    lags: list[int | None] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    lost_for: list[LogError] = field(default_factory=list)
    crashes: list[Exception] = field(default_factory=list)
    looks: int = 0

    def applied(self, outcomes: Sequence[Outcome], lag_us: int | None) -> None:
        self.outcomes += outcomes
        self.lags.append(lag_us)

    def reached(self, pulse: Pulse, position: int) -> None:
        self.looks += 1

    def lost(self, error: LogError) -> None:
        self.lost_for.append(error)

    def changed(self, state: str, reason: str) -> None:
        assert reason
        self.states.append(state)

    def crashed(self, error: Exception) -> None:
        self.crashes.append(error)


class Rig:
    """A follower, all that it holds on to, and a hand on the log that it follows."""

    def __init__(self, pace: Pace = QUICK, keys: KeyRing | None = None) -> None:
        self.trace: list[Any] = []
        self.scribe = Scribe(keys or KeyRing())
        self.log = TroubledLog()
        self.feed = TroubledFeed(self.log, self.trace)
        self.held = Watched(self.trace)
        self.applied = Applied(self.held, self.scribe.keys)
        self.notes = Notes()
        self.beats = 0
        self.beating: Exception | None = None
        self.now = 1000.0
        self.follower = Follower(
            self.log,
            self.feed,
            self.applied,
            self.notes,
            report=self.report,
            beat=self.beat,
            pace=pace,
            _clock=lambda: self.now,
        )
        self._task: asyncio.Task[None] | None = None

    def report(self) -> bytes:
        position = self.follower.position
        self.trace.append(("reported", position))
        return b"through %d" % position

    async def beat(self) -> None:
        self.beats += 1
        if self.beating:
            raise self.beating

    # --- the log ----------------------------------------------------------------------------------

    async def write(self, *writes: Callable[[Scribe], Entry]) -> None:
        """Do all ``writes``, and only then wake whoever is fed."""
        before = len(self.scribe.entries)
        for write in writes:
            write(self.scribe)
        *first, last = self.scribe.entries[before:]
        self.log.entries += first
        await self.log.put(last)

    async def opened_with(self, *templates: str) -> None:
        """A log that was opened, with a version of `system` for each template."""
        for event in other_log(*templates).outcomes():
            await self.write(partial(Scribe.write, event=recorded(event).event))

    def replace_log(self, entries: Sequence[Entry]) -> None:
        """Another hand puts other entries into the place of the log's."""
        self.log.entries[:] = entries

    # --- the follower -----------------------------------------------------------------------------

    def start(self) -> None:
        self._task = asyncio.create_task(self.follower.run())

    async def current(self, position: int | None = None) -> None:
        """Wait until the follower is current, at ``position`` or at the end of what was written."""
        wanted = self.scribe.head.position if position is None else position
        await until(lambda: self.follower.state == "current" and self.follower.position == wanted)

    async def state(self, state: str) -> None:
        await until(lambda: self.follower.state == state)

    async def more_beats(self, count: int = 2) -> None:
        """Wait for so many more heartbeats."""
        wanted = self.beats + count
        await until(lambda: self.beats >= wanted)

    async def more_looks(self, count: int = 2) -> None:
        """Wait until the log was looked at so many more times."""
        wanted = self.notes.looks + count
        await until(lambda: self.notes.looks >= wanted)

    async def ended(self) -> BaseException | None:
        """How the follower ended, by itself or cancelled."""
        assert self._task is not None
        (how,) = await asyncio.gather(self._task, return_exceptions=True)
        return how

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await self.ended()


def other_log(*templates: str, keys: KeyRing | None = None) -> Scribe:
    """Another log altogether."""
    scribe = Scribe(keys or KeyRing())
    scribe.opened()
    for version, template in enumerate(templates, 1):
        scribe.saved(template, version, actor="eve")
    return scribe
