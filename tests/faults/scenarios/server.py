"""The server: killed, stopped, busy, restarted."""

import asyncio
import contextlib
import functools

import redis
from redis.exceptions import RedisError

from services.admin.appending import APPEND_SECONDS
from tests.faults.aftermath import promised
from tests.faults.scenario import Fault, Scenario, Stage

KILLS = 3
BUSY_SECONDS = 3.0


async def killed(stage: Stage) -> None:
    """``kill -9`` several times, each in the midst of saves."""
    for _ in range(KILLS):
        before = len(stage.hurt())
        await stage.lasts(stage.some(0.02, 0.3))
        await stage.rig.kill("server")
        await stage.lasts(stage.some(0.0, 0.5))
        await stage.until(functools.partial(_more_hurt, stage, before))
        await stage.rig.start("server")
        await stage.saves(3)


def _more_hurt(stage: Stage, than: int) -> bool:
    return len(stage.hurt()) > than


def _stopped(least: float, most: float) -> Fault:
    async def stopped(stage: Stage) -> None:
        stage.rig.stop("server")
        try:
            await stage.lasts(stage.some(least, most))
        finally:
            stage.rig.go_on("server")
        waited = min(least * 0.8, APPEND_SECONDS)  # then a change is given up
        await stage.until(lambda: any(e.ended - e.began > waited for e in stage.changes()))

    return stopped


async def stopped_a_minute(stage: Stage) -> None:
    """For so long that every replica has to say that what it answers may be old; all go on answering."""
    stopped = _stopped(55.0, 62.0)
    await stopped(stage)
    said = {each.replica for each in stage.chats() if each.stale}
    promised(stage, said == set(stage.rig.replicas), f"all say that they are stale: {said}")


async def sleeping(stage: Stage) -> None:
    """``DEBUG SLEEP``: it serves nobody for some seconds, then goes on as if nothing had been."""
    seconds = stage.some(0.5, BUSY_SECONDS)
    with stage.rig.services.hand() as hand:
        await asyncio.to_thread(hand.client.execute_command, "DEBUG", "SLEEP", str(seconds))
    await stage.until(lambda: any(e.ended - e.began > seconds * 0.8 for e in stage.changes()))


async def busy(stage: Stage) -> None:
    """An endless script; from then on everybody is refused with BUSY until it is killed."""
    with stage.rig.services.hand() as hand, stage.rig.services.hand() as killer:
        hand.client.config_set("busy-reply-threshold", "100")
        looping = asyncio.create_task(_loop(hand.client))
        try:
            await stage.until(stage.hurt)
            await stage.lasts(stage.some(0.2, BUSY_SECONDS))
        finally:
            await asyncio.to_thread(killer.client.script_kill)
            await looping
    stage.bites(any(e.outcome == "refused" for e in stage.hurt()), "nobody was refused")


async def _loop(client: redis.Redis) -> None:
    with contextlib.suppress(RedisError):  # it was killed: that is what its caller is told
        await asyncio.to_thread(client.eval, "while true do end", 0)


async def restarted(stage: Stage) -> None:
    """A planned restart: SHUTDOWN, and a new process on the same data."""
    with stage.rig.services.hand() as hand:
        stage.rig.fails("server", "restarted")
        await asyncio.to_thread(hand.client.shutdown)
    await stage.rig.kill("server")
    await stage.until(stage.hurt)
    await stage.rig.start("server")
    await stage.saves(3)


SCENARIOS = (
    Scenario("server-killed", "kill -9 of the server, thrice a seed, under load", killed, quick=True),
    Scenario("server-stopped-1s", "the server is stopped for a second", _stopped(0.9, 1.2), quick=True),
    Scenario(
        "server-stopped-8s", "the server is stopped for eight seconds: appends are given up",
        _stopped(7.0, 9.0),
    ),
    Scenario(
        "server-stopped-60s", "the server is stopped for a minute; replicas say that they are stale",
        stopped_a_minute,
    ),
    Scenario("server-asleep", "DEBUG SLEEP for some seconds", sleeping),
    Scenario("server-busy", "an endless script, killed after some seconds", busy, quick=True),
    Scenario("server-restarted", "a planned restart on the same data", restarted),
)  # fmt: skip
