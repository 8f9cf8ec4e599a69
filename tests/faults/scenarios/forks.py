"""Forks: two histories of one log. An operator decides, and nothing acknowledged is gone."""

import asyncio
import time
from typing import Literal

from events.chain import Entry
from tests.faults.aftermath import furthest, head_now, metric, promised
from tests.faults.copies import copied
from tests.faults.facts import Limits, data_of
from tests.faults.mending import settles, state_of
from tests.faults.plan import Plan
from tests.faults.quiet import log_of
from tests.faults.rig import PROMPT
from tests.faults.scenario import Scenario, Stage
from tests.system.patience import becomes

REJOIN = (("rejoin_after", "3"),)
REBUILT = Limits(rebuilds=True, unmarked=None)
FORKED_SECONDS = 25.0


async def foreign(stage: Stage) -> None:
    """Somebody has written as many events as were lost, at their very positions."""
    copies, rig = await copied(stage), stage.rig
    await copies.lags()
    await stage.saves(stage.chance.randint(2, 10))
    await rig.kill("server")
    for name in copies.everybody():
        rig.links[name].black_hole()
    said, left = furthest(stage), await copies.promoted()
    stage.bites(left < said, f"the copy went on to {left}; {said} was acknowledged")
    await asyncio.to_thread(_write_foreign, stage, said - left)
    copies.sends()
    rig.well("server")
    await _is_forked(stage, "admin-1")
    before = await asyncio.to_thread(head_now, stage)
    await stage.lasts(stage.some(0.5, 2.0))
    head = await asyncio.to_thread(head_now, stage)
    promised(stage, head == before, f"nobody had decided, and the log went from {before} to {head}")
    await settles(stage, "admin-1", _side(stage))
    rig.over()
    promised(stage, await metric(rig, "promptcast_forks_kept", "admin-1") >= 1, "a fork file")


def _write_foreign(stage: Stage, count: int) -> None:
    version = max(_version(entry) for entry in log_of(stage.rig))
    with stage.rig.services.hand() as hand:
        for number in range(1, count + 1):
            hand.save(PROMPT, version + number, f"You are foreign {number}.")


def _version(entry: Entry) -> int:
    return int(str(data_of(entry)["version"])) if b"promptcast.PromptSaved" in entry.event else 0


def _side(stage: Stage) -> Literal["log", "journal"]:
    return stage.chance.choice(("log", "journal"))


async def _is_forked(stage: Stage, admin: str) -> None:
    async def forked() -> bool:
        return await state_of(stage, admin) == "diverged"

    try:
        await becomes(forked, seconds=FORKED_SECONDS)
        await stage.until(lambda: any(each.why == "log-diverged" for each in stage.hurt()))
    except TimeoutError:
        promised(stage, False, f"{admin} says that the log is diverged, and refuses to guess")


async def split(stage: Stage) -> None:
    """The old master lives on with an admin and a replica; the others have the new one. All save."""
    copies, rig = await copied(stage), stage.rig
    stays, goes = ("admin-1", "chat-1"), ("admin-2", "chat-2")
    await copies.lags()
    await stage.saves(2)
    await copies.promoted()
    with rig.out("server", "split"):
        copies.sends(*goes)
        await _both_save(stage)
        await stage.lasts(stage.some(0.0, 1.0))
    await asyncio.to_thread(copies.first.kill)
    copies.sends(*stays)
    await _is_forked(stage, "admin-1")
    await settles(stage, "admin-1", _side(stage))
    await settles(stage, "admin-2", "log")
    rig.over()  # until somebody decided nobody could converge


async def _both_save(stage: Stage) -> None:
    """Savers s0 and k0 are of the first admin, s1 of the second. What was under way when they were parted
    is of neither side."""
    parted = time.monotonic()

    def both() -> bool:
        made = [each for each in stage.changes() if each.appended and each.began > parted]
        return {"s0", "s1"} <= {each.client for each in made if each.kind == "save"}

    await stage.until(both)
    await stage.saves(stage.chance.randint(4, 12))


TWO = Plan(admins=2, settings=REJOIN)
SCENARIOS = (
    Scenario(
        "foreign-events", "other events stand where the lost ones stood; an operator decides",
        foreign, plan=Plan(settings=REJOIN), fresh=True, limits=REBUILT,
    ),
    Scenario(
        "split-brain", "two masters, and clients save on both sides; an operator decides",
        split, plan=TWO, fresh=True, limits=REBUILT,
    ),
)  # fmt: skip
