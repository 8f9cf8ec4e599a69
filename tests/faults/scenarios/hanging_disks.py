"""Disks that do not answer any more: whoever is told to end does so all the same, and is well later."""

import time
from collections.abc import Callable

from tests.faults.aftermath import promised
from tests.faults.scenario import Fault, Scenario, Stage
from tests.faults.slow_disk import slow_disk

HANGS_SECONDS, ENDED_SECONDS = 90.0, 20.0


def _ended(who: Callable[[Stage], str]) -> Fault:
    async def ended(stage: Stage) -> None:
        """SIGTERM while an fsync hangs; then the disk works again, and the process is started."""
        name = who(stage)
        disk = await slow_disk(stage, name)
        slowed = disk.slowed
        disk.syncs_take(HANGS_SECONDS)
        await stage.until(lambda: disk.slowed > slowed)
        began = time.monotonic()
        status = await stage.rig.end(name)
        took = time.monotonic() - began
        promised(stage, status == 0, f"{name} ends as it should, not with {status}")
        promised(stage, took < ENDED_SECONDS, f"{name} ends within seconds: it took {took:.1f} s")
        said = stage.rig.processes[name].process.out.read_text(errors="replace")
        stage.bites("left_at_once" in said, f"{name} did not have to wait for its disk")
        disk.works()
        await stage.rig.start(name)
        await stage.saves(3)

    return ended


SCENARIOS = (
    Scenario(
        "admin-ended-disk-hangs", "SIGTERM of the admin while its disk does not answer",
        _ended(lambda _: "admin-1"),
    ),
    Scenario(
        "replica-ended-disk-hangs", "SIGTERM of a replica while its disk does not answer",
        _ended(lambda stage: stage.replica()),
    ),
)  # fmt: skip
