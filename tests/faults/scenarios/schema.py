"""Schema: somebody runs a newer Promptcast, and writes what nobody here understands."""

import asyncio
import contextlib

from redis.exceptions import ResponseError

from tests.faults.facts import Limits
from tests.faults.quiet import reached
from tests.faults.scenario import Scenario, Stage
from tests.faults.tries import save_try
from tests.system.patience import becomes
from tests.system.poison import newer_type

TOLD_SECONDS = 10.0


async def newer(stage: Stage) -> None:
    """Behind all else: from there on admins only read, replicas pass it over, and both say so."""
    rig = stage.rig
    position = await asyncio.to_thread(_put, stage)
    told = await becomes(_rejected, stage, position, seconds=TOLD_SECONDS)
    stage.demands(set(told.values()) == {"unknown_type"}, f"replicas say of {position}: {told}")
    times = await reached(rig, position, TOLD_SECONDS)
    stage.demands(all(each is not None for each in times.values()), f"passed over: {times}")
    for name in rig.admins:
        made = await save_try(rig, name, "late", f"{stage.load.run}-late-{name}")
        rig.history.changes.append(made)
        stage.demands(made.why == "read-only", f"{name} answered {made.status} {made.why}")
    for name in rig.replicas:
        answer = await rig.port(name).ask("tortured")
        stage.demands(int(answer.headers["X-Prompt-Revision"]) < position, f"{name} answers on")


async def load_only(stage: Stage) -> None:
    """Nothing but saves: what is put in comes when they have ended."""
    await stage.saves(stage.chance.randint(5, 30))


def _put(stage: Stage) -> int:
    with stage.rig.services.hand() as hand:
        while True:
            with contextlib.suppress(ResponseError):
                return newer_type(hand)


async def _rejected(stage: Stage, position: int) -> dict[str, str] | None:
    fleet = await stage.rig.api().fleet()
    told = {
        name: next((r["reason"] for r in each["rejected"] if r["position"] == position), "")
        for name, each in fleet.items()
    }
    return told if all(told.values()) else None


SCENARIOS = (
    Scenario(
        "schema-behind", "an event of a newer Promptcast: admins read only, chat goes on", load_only,
        proof=newer, fresh=True, quick=True, limits=Limits(rejected=frozenset({"unknown_type"})),
    ),
)  # fmt: skip
