"""Clocks: the wall clock of one process, or of several, jumps and comes right. It decides nothing."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

import aiohttp

from tests.faults.aftermath import becomes_so, metric, promised
from tests.faults.facts import Limits
from tests.faults.plan import Plan
from tests.faults.scenario import Fault, Scenario, Stage
from tests.faults.shifted_clock import DAY, HOUR, ShiftedClock, shifted_clock
from tests.faults.unmoved import unmoved
from tests.system.patience import becomes

BEAT_SECONDS = 1.2
"""In which everybody looks at the log once more, and at the server's time."""
NEAR_SECONDS = 60.0


def _of_server(ahead: float) -> Fault:
    async def of_server(stage: Stage) -> None:
        """The server's clock jumps amid saves."""
        clock = await shifted_clock(stage, "server")
        await _is_wrong(stage, "server", clock, ahead)

    return of_server


def _both_ways(who: Callable[[Stage], str]) -> Fault:
    async def both_ways(stage: Stage) -> None:
        """One process' clock goes back an hour and ahead a day, in either order."""
        name = who(stage)
        clock = await shifted_clock(stage, name)
        for ahead in stage.chance.sample((-HOUR, DAY), 2):
            await _is_wrong(stage, name, clock, ahead)

    return both_ways


async def _is_wrong(stage: Stage, name: str, clock: ShiftedClock, ahead: float) -> None:
    """Wrong for a while, then right, which is another jump; nobody is moved by either."""
    rig, misled = stage.rig, clock.misled
    await stage.lasts(stage.some(0.0, 0.3))
    try:
        async with unmoved(stage, rig.replicas):
            clock.is_ahead(ahead)
            await _goes_on(stage)
            await stage.lasts(stage.some(0.0, 1.0))
            stage.bites(clock.misled > misled, f"{name} never looked at its clock")
            stage.bites(await _shows(stage, name, ahead), f"{name} does not say how wrong it is")
        async with unmoved(stage, rig.replicas):
            clock.is_right()
            await _goes_on(stage)
    finally:
        clock.is_right()
        rig.over()


async def _shows(stage: Stage, name: str, ahead: float) -> bool:
    """Whether the process itself tells how wrong its clock is; an admin tells it nobody."""
    if name == "server":
        told = await asyncio.to_thread(stage.rig.server.call, "TIME")
        return abs(int(told[0]) - time.time() - ahead) < NEAR_SECONDS
    if name in stage.rig.admins:
        return True
    offset = await metric(stage.rig, "promptcast_clock_offset_seconds", name)
    return abs(offset + ahead) < NEAR_SECONDS


async def _goes_on(stage: Stage) -> None:
    """Promised: saves go on, and whoever waits for everybody does not wait in vain."""
    began = time.monotonic()

    def spread() -> bool:
        new = [each for each in stage.changes() if each.began >= began and each.barrier]
        return any(each.barrier and each.barrier.state == "converged" for each in new)

    await becomes_so(stage, "a change that waits for everybody is converged", spread)
    await stage.saves(stage.chance.randint(2, 6))
    await stage.lasts(BEAT_SECONDS)
    vain = [each.marker for each in stage.partial() if each.began >= began]
    promised(stage, not vain, f"nobody waits in vain for everybody: {vain[:3]}")


async def replica_killed(stage: Stage) -> None:
    """The server's clock goes back just when a replica is killed: it holds its id for seconds, not for
    an hour, and is back when it is started again."""
    rig, name = stage.rig, stage.replica()
    clock, service = await shifted_clock(stage, "server"), rig.replicas[name]
    await rig.kill(name)
    clock.is_ahead(-HOUR)
    try:
        with rig.services.hand() as hand:
            left = await asyncio.to_thread(hand.client.pttl, hand.keys.replica(name))
        stage.bites(left > NEAR_SECONDS * 1000, "it held no claim any more")
        await stage.lasts(stage.some(0.0, 1.0))
        await asyncio.to_thread(service.start, None)
        if await _comes(stage, f"{name} is ready", JOINED_SECONDS, lambda: _is_ready(stage, name)):
            rig.well(name)
        await stage.saves(2)
    finally:
        clock.is_right()


async def _is_ready(stage: Stage, name: str) -> bool:
    with contextlib.suppress(aiohttp.ClientError):
        return (await stage.rig.port(name).get("/readyz")).status == 200
    return False


# --- reapers --------------------------------------------------------------------------------------

AFTER = 6.0
TWO_REAPERS = Plan(admins=2, settings=(("reap_after", str(AFTER)),))
REAPED_SECONDS, JOINED_SECONDS = AFTER + 12.0, 15.0


async def reapers(stage: Stage) -> None:
    """Everybody's clock but the replicas' jumps a day, and back later, while a replica is stopped: within
    the limit it stays, beyond it is reaped."""
    rig, ahead = stage.rig, stage.chance.choice((DAY, -DAY))
    clocks = [await shifted_clock(stage, name) for name in ("server", *rig.admins)]
    before, misled = await _reaped(stage), [clock.misled for clock in clocks]
    alive, silent = stage.chance.sample(sorted(rig.replicas), 2)
    try:
        async with unmoved(stage, [alive]):
            await _silent(stage, silent, clocks, ahead)
            promised(stage, await _reaped(stage) == before, "nobody is reaped within the limit")
            looked = [clock.misled > n for clock, n in zip(clocks, misled, strict=True)]
            stage.bites(all(looked), "somebody never looked at the clock")
            await _dead(stage, silent, clocks, before)
    finally:
        _all_are(clocks, 0.0)
    promised(
        stage, await _reaped(stage) == before + 1, "who is dead is reaped once, nobody else is"
    )


async def _silent(stage: Stage, name: str, clocks: list[ShiftedClock], ahead: float) -> None:
    stage.rig.stop(name)
    await stage.lasts(stage.some(0.0, 0.3) * AFTER)
    _all_are(clocks, ahead)
    await stage.lasts(stage.some(0.2, 0.6) * AFTER)
    stage.rig.go_on(name)
    await stage.lasts(2 * BEAT_SECONDS)  # another look of the reapers
    await _goes_on(stage)


async def _dead(stage: Stage, name: str, clocks: list[ShiftedClock], before: int) -> None:
    with stage.rig.out(name, "silent beyond the limit"):
        stage.rig.stop(name)
        await stage.lasts(stage.some(0.0, 1.0))
        _all_are(clocks, 0.0)
        await _comes(stage, f"{name} is reaped", REAPED_SECONDS, lambda: _is_more(stage, before))
        stage.rig.go_on(name)
        stage.rig.fails(name, "has still to find out whether it is a member")
        await _comes(stage, f"{name} has rejoined", JOINED_SECONDS, lambda: _joined(stage, name))


def _all_are(clocks: list[ShiftedClock], ahead: float) -> None:
    for clock in clocks:
        clock.is_ahead(ahead)


async def _reaped(stage: Stage) -> int:
    """By both admins together, since each began."""
    of = [await metric(stage.rig, "promptcast_replicas_reaped_total", n) for n in stage.rig.admins]
    return int(sum(of))


async def _is_more(stage: Stage, than: int) -> bool:
    return await _reaped(stage) > than


async def _joined(stage: Stage, name: str) -> bool:
    fleet = await stage.rig.api().fleet()
    return name in fleet and fleet[name]["state"] == "current"


async def _comes(
    stage: Stage, what: str, seconds: float, so: Callable[[], Awaitable[bool]]
) -> bool:
    try:
        return await becomes(so, seconds=seconds)
    except TimeoutError:
        promised(stage, False, f"within {seconds:g} s: {what}")
        return False


BACK = Limits(rejected=frozenset({"clock_went_back"}))
"""What ``promptcast verify`` says of a log that was written meanwhile, and rightly."""
TWO = Plan(admins=2)
SCENARIOS = (
    Scenario(
        "clock-back", "the server's clock goes back an hour, and comes right", _of_server(-HOUR),
        limits=BACK, quick=True,
    ),
    Scenario(
        "clock-ahead", "the server's clock goes a day ahead, and comes back", _of_server(DAY),
        limits=BACK,
    ),
    Scenario(
        "clock-back-replica-killed", "the server's clock goes back while a replica is dead",
        replica_killed, limits=BACK,
    ),
    Scenario(
        "clock-of-admin", "an admin's clock goes back an hour, and ahead a day",
        _both_ways(Stage.admin), plan=TWO,
    ),
    Scenario(
        "clock-of-replica", "a replica's clock goes back an hour, and ahead a day",
        _both_ways(Stage.replica),
    ),
    Scenario(
        "clock-and-reapers", "clocks jump a day while a replica is stopped; two reapers",
        reapers, plan=TWO_REAPERS, limits=BACK,
    ),
)  # fmt: skip
