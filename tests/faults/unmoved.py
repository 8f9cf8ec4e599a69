"""Unmoved: what replicas and admins say while some clock or disk is wrong: nothing that comes of it."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.faults.aftermath import furthest, metric, promised
from tests.faults.rig import Rig
from tests.faults.scenario import Stage

ABSURD_SECONDS = 1800.0
"""A lag beyond this is one of the clocks, which are wrong by an hour and more."""
COUNTED = 0.5
"""Of all events that were applied; what is caught up with, and not followed, is not counted."""
LOOK_SECONDS = 0.2
_ILL = frozenset({"stale", "diverged", "gone"})


@dataclass(slots=True)
class FleetViews:
    """What the admins say of the fleet: each state of each replica, and each lag at each position."""

    states: set[tuple[str, str]] = field(default_factory=set)
    lags: dict[tuple[str, int], float] = field(default_factory=dict)
    """In seconds."""

    async def listen(self, rig: Rig) -> None:
        """Take in what is said, until cancelled."""
        while True:
            for admin in rig.admins:
                for name, told in (await rig.api(admin).fleet()).items():
                    self.states.add((name, told["state"]))
                    for lag in told["recent_lags"]:
                        self.lags[name, lag["position"]] = lag["lag_ms"] / 1e3
            await asyncio.sleep(LOOK_SECONDS)


@asynccontextmanager
async def unmoved(stage: Stage, replicas: Collection[str]) -> AsyncIterator[None]:
    """Promised: while the block runs, ``replicas`` are current by everybody's word, their reloads are
    counted, and nobody's lag is told to be what no lag can be."""
    began, known = time.monotonic(), furthest(stage)
    before = {name: await _timed(stage.rig, name) for name in stage.rig.replicas}
    views = FleetViews()
    listening = asyncio.create_task(views.listen(stage.rig))
    try:
        yield
    finally:
        listening.cancel()
        (ended,) = await asyncio.gather(listening, return_exceptions=True)
    if isinstance(ended, Exception):
        raise ended
    _current(stage, replicas, began, views)
    lags = {at: lag for at, lag in views.lags.items() if at[1] > known}
    absurd = {at: lag for at, lag in lags.items() if not 0 <= lag < ABSURD_SECONDS}
    promised(stage, not absurd, f"the fleet view's lags are lags: {dict(list(absurd.items())[:4])}")
    await _counted(stage, replicas, before)


def _current(stage: Stage, replicas: Collection[str], began: float, views: FleetViews) -> None:
    history = stage.rig.history
    own = [each for each in history.sightings if each.began >= began and not each.sequence]
    said = {(each.replica, each.state) for each in own if each.state != "current"}
    said |= {each for each in views.states if each[1] in _ILL}
    said |= {(e.replica, "stale answers") for e in history.chats if e.began >= began and e.stale}
    ill = {each for each in said if each[0] in replicas}
    promised(stage, not ill, f"everybody is current meanwhile: {sorted(ill)}")


@dataclass(frozen=True, slots=True)
class _Timed:
    """What a replica has measured of its reloads; ``lag`` is that of all together, in seconds."""

    position: float
    reloads: float
    lag: float


async def _timed(rig: Rig, name: str) -> _Timed:
    position = await metric(rig, "promptcast_applied_position", name)
    reloads = await metric(rig, "promptcast_reloads_total", name)
    return _Timed(position, reloads, await metric(rig, "promptcast_reload_lag_seconds_sum", name))


async def _counted(stage: Stage, replicas: Collection[str], before: dict[str, _Timed]) -> None:
    for name, then in before.items():
        now = await _timed(stage.rig, name)
        lag, reloads = now.lag - then.lag, now.reloads - then.reloads
        said = f"{lag:.1f} s together"
        promised(
            stage, 0 <= lag < ABSURD_SECONDS, f"{name}'s reloads take what reloads take: {said}"
        )
        said, counts = f"{reloads:g} of {now.position - then.position:g}", name in replicas
        enough = reloads > (now.position - then.position) * COUNTED
        promised(stage, enough or not counts, f"{name} counts its reloads: {said}")
