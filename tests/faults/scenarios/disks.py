"""Disks of the server: slow, full, broken, and without power."""

import asyncio
import errno
from collections.abc import Callable
from functools import partial

from tests.faults.aftermath import alone, furthest, heals, promised
from tests.faults.plan import Plan
from tests.faults.scenario import Fault, Scenario, Stage
from tests.faults.slow_disk import SlowDisk, slow_disk

ALWAYS = Plan()
EVERY_SECOND = Plan(server=("--appendfsync", "everysec"))
FORGIVING = ("--aof-load-truncated", "yes")


async def slow_and_killed(stage: Stage) -> None:
    """While a sync hangs, the server answers before it writes: what it then held dies with it."""
    disk = await slow_disk(stage, "server")
    disk.syncs_take(stage.some(2.5, 4.0))
    slowed = disk.slowed
    await stage.until(lambda: disk.slowed > slowed)
    await stage.lasts(stage.some(0.3, 1.5))
    await stage.saves(3)
    await stage.rig.kill("server")
    disk.works()
    await _comes_back_short(stage)


async def power_lost(stage: Stage) -> None:
    """The server's machine loses power: what was not synced is gone."""
    disk = await slow_disk(stage, "server")
    disk.syncs_take(1.5)
    await stage.lasts(stage.some(0.2, 1.0))
    await stage.saves(5)
    await stage.rig.kill("server")
    disk.works()
    stage.bites(disk.loses_power(), "all was synced")
    await _comes_back_short(stage)


async def machine_lost(stage: Stage) -> None:
    """Server and admin share a machine that loses power: both lose what was not synced."""
    disks = {name: await slow_disk(stage, name) for name in ("server", "admin-1")}
    disks["server"].syncs_take(1.5)
    await stage.lasts(stage.some(0.2, 1.0))
    await stage.saves(5)
    await asyncio.gather(*(stage.rig.kill(name) for name in disks))
    lost = [disk.loses_power() for disk in disks.values()]
    for disk in disks.values():
        disk.works()
    stage.bites(lost[0], "the server had synced all")
    said = furthest(stage)
    left = await alone(stage, *FORGIVING)
    stage.bites(left < said, f"the log still went on to {left}; {said} was acknowledged")
    await stage.rig.start("admin-1")
    await heals(stage, left, said)


async def power_lost_synced(stage: Stage) -> None:
    """With ``appendfsync always`` nothing that was acknowledged is among what was not synced."""
    disk = await slow_disk(stage, "server")
    disk.syncs_take(0.1)
    await stage.saves(3)
    for _ in range(20):
        await stage.lasts(stage.some(0.0, 0.2))
        await stage.rig.kill("server")
        lost = disk.loses_power()
        said = furthest(stage)
        left = await alone(stage, *FORGIVING)
        promised(stage, left >= said, f"the log ends at {left}; {said} was acknowledged as synced")
        if lost:
            break
        await stage.saves(2)
    disk.works()
    stage.bites(lost, "all was synced, each time")


async def _comes_back_short(stage: Stage) -> None:
    said = furthest(stage)
    left = await alone(stage, *FORGIVING)
    stage.bites(left < said, f"the log still went on to {left}; {said} was acknowledged")
    await heals(stage, left, said)


# --- full and broken ------------------------------------------------------------------------------


def _refusing(error: int) -> Fault:
    async def refusing(stage: Stage) -> None:
        """Writes fail for a while: what the server refuses is refused, and all goes on behind it."""
        disk = await slow_disk(stage, "server")
        await _refused(
            stage, disk, partial(disk.writes_fail, error, torn=stage.chance.random() < 0.5)
        )
        disk.works()
        await stage.saves(3)

    return refusing


async def full_and_killed(stage: Stage) -> None:
    """The server is killed while its disk is full: what it took before it noticed dies with it."""
    disk = await slow_disk(stage, "server")
    for _ in range(10):  # the first write that fails is an append's, or only a heartbeat's
        await _refused(stage, disk, partial(disk.writes_fail, errno.ENOSPC))
        await stage.rig.kill("server")
        disk.works()
        said = furthest(stage)
        left = await alone(stage, *FORGIVING)
        if left < said:
            await heals(stage, left, said)
            return
        await stage.saves(3)
    stage.bites(False, "nothing that was acknowledged was ever among it")


async def _refused(stage: Stage, disk: SlowDisk, fail: Callable[[], None]) -> None:
    failed, refused = disk.failed, _refusals(stage)
    fail()
    await stage.until(lambda: disk.failed > failed)
    await stage.until(lambda: _refusals(stage) >= refused + 3)
    await stage.lasts(stage.some(0.2, 2.0))


def _refusals(stage: Stage) -> int:
    return sum(1 for each in stage.hurt() if each.why == "log-unavailable")


def _gives_up(how: str, error: int) -> Fault:
    async def gives_up(stage: Stage) -> None:
        """With ``always`` the server ends itself when it cannot write; somebody makes room, starts it."""
        disk = await slow_disk(stage, "server")
        await stage.lasts(stage.some(0.0, 0.3))
        stage.rig.fails("server", "its disk is full or broken")
        if how == "write":
            disk.writes_fail(error, torn=stage.chance.random() < 0.5)
        else:
            disk.syncs_fail(error)
        await stage.until(lambda: stage.rig.server.has_ended)
        await stage.lasts(stage.some(0.2, 1.0))
        await stage.until(stage.hurt)
        disk.works()
        await stage.rig.start("server")
        await stage.saves(3)

    return gives_up


SCENARIOS = (
    Scenario(
        "slow-sync-killed", "everysec, a slow fsync and kill -9: acknowledged saves die with the server",
        slow_and_killed, plan=EVERY_SECOND, quick=True,
    ),
    Scenario(
        "power-lost-everysec", "everysec, and the server's machine loses what was not synced",
        power_lost, plan=EVERY_SECOND,
    ),
    Scenario(
        "machine-lost-everysec", "everysec, and one machine with server and admin loses power",
        machine_lost, plan=EVERY_SECOND,
    ),
    Scenario(
        "power-lost-always", "always, and the server's machine loses what was not synced",
        power_lost_synced, plan=ALWAYS,
    ),
    Scenario(
        "disk-full", "everysec, the server's disk is full for seconds", _refusing(errno.ENOSPC),
        plan=EVERY_SECOND, quick=True,
    ),
    Scenario(
        "disk-full-killed", "everysec, the server is killed while its disk is full",
        full_and_killed, plan=EVERY_SECOND,
    ),
    Scenario(
        "disk-broken", "everysec, the server's disk gives errors (EIO)", _refusing(errno.EIO),
        plan=EVERY_SECOND,
    ),
    Scenario(
        "disk-full-always", "always, the disk is full: the server ends itself",
        _gives_up("write", errno.ENOSPC), plan=ALWAYS,
    ),
    Scenario(
        "sync-broken-always", "always, fsync gives EIO: the server ends itself",
        _gives_up("sync", errno.EIO), plan=ALWAYS,
    ),
)  # fmt: skip
