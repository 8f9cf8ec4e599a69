"""Durability: what a server does not write without enough replicas, and what an admin waits for."""

import asyncio

from tests.faults.aftermath import furthest, head_now, metric, promised
from tests.faults.copies import copied
from tests.faults.plan import Plan
from tests.faults.scenario import Scenario, Stage

LAG_SECONDS = 2


async def unmet(stage: Stage) -> None:
    """``min-replicas-to-write`` is not met: nothing can be written, and chat goes on."""
    copies = await copied(stage)
    call = copies.first.call
    await asyncio.to_thread(call, "CONFIG", "SET", "min-replicas-max-lag", LAG_SECONDS)
    await asyncio.to_thread(call, "CONFIG", "SET", "min-replicas-to-write", 1)
    await stage.saves(2)
    await copies.lags()
    await stage.until(lambda: len([e for e in stage.hurt() if e.why == "log-unavailable"]) >= 3)
    await stage.lasts(stage.some(1.0, 8.0))
    before, answered = await asyncio.to_thread(head_now, stage), len(stage.chats())
    await stage.lasts(0.5)
    head = await asyncio.to_thread(head_now, stage)
    promised(stage, head == before, f"nothing is written: the log goes on from {before} to {head}")
    promised(stage, len(stage.chats()) > answered, "chat goes on")
    copies.link.heal()
    copies.link.cut_all()
    stage.rig.over()
    await stage.saves(3)


async def not_durable(stage: Stage) -> None:
    """``replicas:1``, and the copy stands still: saved all the same, and said not to be durable."""
    copies, rig, name = await copied(stage), stage.rig, "admin-1"
    rig.processes[name].env["PROMPTCAST_DURABILITY"] = "replicas:1"
    await rig.end(name)
    await rig.start(name)
    await stage.saves(3)
    began = len(rig.history.changes)
    await asyncio.to_thread(copies.copy.stop)
    await stage.until(lambda: [e for e in rig.history.changes[began:] if not e.durable])
    await stage.saves(stage.chance.randint(2, 4))
    await asyncio.to_thread(copies.copy.go_on)
    told = await metric(rig, "promptcast_appends_not_durable_total", name)
    promised(stage, told >= 1, "the metric says what was not durable")
    await asyncio.to_thread(copies.gets_in_step)
    said = furthest(stage)
    with copies.copy.client() as client:
        position = int(client.xrevrange(rig.services.keys.log, count=1)[0][0].split(b"-")[0])
    promised(stage, position >= said, f"the copy has {position}, {said} was acknowledged")


SCENARIOS = (
    Scenario(
        "min-replicas-unmet", "min-replicas-to-write is not met for seconds", unmet, fresh=True
    ),
    Scenario(
        "not-durable", "durability replicas:1, and the replica stands still", not_durable,
        plan=Plan(), fresh=True,
    ),
)  # fmt: skip
