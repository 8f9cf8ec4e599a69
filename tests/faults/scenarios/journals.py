"""Journals: an admin's own disk is full, broken or slow. Saving goes on, and says so."""

import asyncio
import errno
from collections.abc import Callable

from tests.faults.aftermath import becomes_so, head_now, metric, promised
from tests.faults.history import Change
from tests.faults.scenario import Fault, Scenario, Stage
from tests.faults.slow_disk import SlowDisk, slow_disk

ADMIN = "admin-1"


def _hurt(do: Callable[[SlowDisk, Stage], None], *, fails: bool) -> Fault:
    async def hurt(stage: Stage) -> None:
        """Saves are answered 202 meanwhile; behind it the journal holds the whole log again."""
        disk = await slow_disk(stage, ADMIN)
        errors = await metric(stage.rig, "promptcast_journal_errors_total", ADMIN)
        doubted = await metric(stage.rig, "promptcast_appends_not_durable_total", ADMIN)
        before = len(_not_durable(stage))
        do(disk, stage)
        await stage.until(lambda: len(_not_durable(stage)) >= before + 3)
        await stage.lasts(stage.some(0.2, 2.0))
        told = len(_not_durable(stage))
        disk.works()
        await _recovers(stage)
        if fails:
            more = await metric(stage.rig, "promptcast_journal_errors_total", ADMIN)
            promised(stage, more > errors, "journal_errors counts them")
        more = await metric(stage.rig, "promptcast_appends_not_durable_total", ADMIN)
        promised(stage, more >= doubted + told - before, "appends_not_durable counts them")

    return hurt


async def _recovers(stage: Stage) -> None:
    """The journal catches up by itself; from then on saves are durable again."""

    def durable() -> bool:
        return all(each.durable for each in _acknowledged(stage)[-5:])

    await becomes_so(stage, "saves are durable again", durable)
    head = await asyncio.to_thread(head_now, stage)
    files = stage.rig.state_dir(ADMIN) / "journal" / "log"

    def whole() -> bool:
        lines = b"".join(file.read_bytes() for file in files.glob("*.jsonl")).splitlines()
        return len(lines) >= head

    await becomes_so(stage, f"the journal holds all {head} events", whole)


def _acknowledged(stage: Stage) -> list[Change]:
    return [each for each in stage.changes() if each.appended and each.kind == "save"]


def _not_durable(stage: Stage) -> list[Change]:
    return [each for each in _acknowledged(stage) if not each.durable]


def _full(disk: SlowDisk, stage: Stage) -> None:
    disk.writes_fail(errno.ENOSPC, torn=stage.chance.random() < 0.5)


def _broken(disk: SlowDisk, _stage: Stage) -> None:
    disk.syncs_fail(errno.EIO)


def _slow(disk: SlowDisk, stage: Stage) -> None:
    disk.syncs_take(stage.some(2.3, 3.0))


SCENARIOS = (
    Scenario(
        "journal-full", "an admin's disk is full: saves are 202 until there is room",
        _hurt(_full, fails=True), quick=True,
    ),
    Scenario("journal-broken", "an admin's fsync gives EIO", _hurt(_broken, fails=True)),
    Scenario(
        "journal-slow", "an admin's fsync takes longer than a save waits", _hurt(_slow, fails=False),
    ),
)  # fmt: skip
