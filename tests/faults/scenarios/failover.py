"""Failover: a copy takes the server's place, with all that was acknowledged or without the last of it."""

import asyncio
import shutil

from tests.faults.aftermath import becomes_so, furthest, head_now, healings, heals, metric, promised
from tests.faults.copies import Copied, copied
from tests.faults.facts import Limits
from tests.faults.guarded import Guarded
from tests.faults.mending import settles
from tests.faults.plan import Plan
from tests.faults.scenario import Fault, Scenario, Stage
from tests.faults_proxy import eaten, on, passes

REJOIN = (("rejoin_after", "4"),)
UNHEARD_OF = Limits(unmarked=None)
"""No replica that is there can know what only the dead one had."""
REBUILT = Limits(rebuilds=True, unmarked=None)


async def planned(stage: Stage) -> None:
    """FAILOVER: writes pause, the copy gets all, and is the master; nothing is to be healed."""
    copies = await copied(stage)
    await stage.lasts(stage.some(0.0, 0.5))
    with stage.rig.out("server", "handed over"):
        await asyncio.to_thread(
            copies.first.call, "FAILOVER", "TO", "127.0.0.1", copies.port, "TIMEOUT", 5000
        )
        await stage.until(lambda: copies.info(copies.copy)["role"] == "master")
        said = furthest(stage)
        left = await copies.promoted()
        copies.sends()
    await asyncio.to_thread(copies.first.kill)
    promised(stage, left >= said, f"the copy ends at {left}, {said} was acknowledged")
    await stage.saves(3)
    promised(stage, not healings(stage.rig), "nothing was lost, and something was healed")
    stage.bites(stage.hurt(), "nobody noticed")


async def forgetful(stage: Stage) -> None:
    """The copy lacks what was acknowledged last; the admin's journal puts it back."""
    copies = await copied(stage)
    left, said = await _fails_over(stage, copies)
    copies.sends()
    stage.rig.well("server")
    await heals(stage, left, said)


async def different_tails(stage: Stage) -> None:
    """One admin was cut off somewhere on the way: its journal ends before the other's."""
    copies, rig, short = await copied(stage), stage.rig, stage.admin()
    await copies.lags()
    await stage.saves(stage.chance.randint(2, 6))
    with rig.out(short, "cut off"):
        rig.links[short].black_hole()
        left, said = await _fails_over(stage, copies)
        copies.sends(*_others(copies, short))
        await stage.lasts(stage.some(0.0, 2.0))
        copies.sends(short)
    rig.well("server")
    await heals(stage, left, said)


async def newcomer(stage: Stage) -> None:
    """An admin without a journal is the first who reaches the new master: it must not append."""
    copies, rig = await copied(stage), stage.rig
    await rig.end("admin-2")
    shutil.rmtree(rig.state_dir("admin-2"), ignore_errors=True)
    left, said = await _fails_over(stage, copies)
    copies.sends("admin-2")
    late = _others(copies, "admin-2")
    if stage.chance.random() < 0.5:
        copies.sends("chat-1")
        late.remove("chat-1")
    await asyncio.to_thread(rig.processes["admin-2"].start, None)
    await stage.lasts(stage.some(2.0, 6.0))
    # An answer now may be that of a write of before, which has waited for its barrier: the log tells.
    if (head := await asyncio.to_thread(head_now, stage)) > left:
        what = f"LogHealed, for it went on from {left} to {head}, and {said} was known"
        await becomes_so(stage, what, lambda: bool(healings(rig)), 5.0)
    copies.sends(*late)
    rig.well("server")
    await asyncio.to_thread(rig.processes["admin-2"].until, 200, "/readyz")
    rig.well("admin-2")
    await heals(stage, left, said)


def _holder_dead(comes_back: bool) -> Fault:
    async def holder_dead(stage: Stage) -> None:
        """Who alone holds the last events is dead; all that is known is that they were."""
        copies, rig = await copied(stage), stage.rig
        await copies.lags()
        for name in rig.replicas:
            rig.links[name].black_hole()
        deaf = on(f"{rig.services.keys.log}\r\n".encode(), eaten)
        rig.links["admin-2"].to_client = deaf
        await stage.saves(stage.chance.randint(2, 6))
        await stage.lasts(2.5)  # its report of them reaches the other admin
        await rig.kill("admin-1")
        left, said = await _fails_over(stage, copies, more=0)
        copies.sends(*_others(copies, "admin-1"))
        refused = lambda: any(each.why == "log-diverged" for each in stage.hurt())  # noqa: E731
        await stage.until(refused)
        rig.well("server")
        if comes_back:
            copies.sends("admin-1")
            await rig.start("admin-1")
            await heals(stage, left, said)
            return
        await settles(stage, "admin-2", "log")
        await stage.saves(3)
        copies.sends("admin-1")
        await asyncio.to_thread(rig.processes["admin-1"].start)
        rig.well("admin-1")
        await settles(stage, "admin-1", "log")  # it may hold more than anybody knew of
        kept = await metric(rig, "promptcast_forks_kept", "admin-1")
        promised(stage, kept >= 1, "what only the dead one held is in no fork file")

    return holder_dead


async def sentinels(stage: Stage) -> None:
    """Sentinel promotes a replica that lacks the last saves: writes go there, and they are put back."""
    rig, server = stage.rig, stage.rig.server
    assert isinstance(server, Guarded)
    server.cut_replication()
    await stage.saves(stage.chance.randint(2, 12))
    await rig.kill("server")
    said = furthest(stage)
    server.ways[server.master].to_client = passes
    await asyncio.to_thread(server.wait_promoted)
    rig.well("server")
    await stage.until(lambda: healings(rig))
    early = any(through < said for _, through in healings(rig))
    stage.bites(
        not early, "Sentinel was quicker than the kill: what was said last is behind the healing"
    )
    await _heals_behind(stage, said)


async def _heals_behind(stage: Stage, said: int) -> None:
    def so() -> bool:
        return any(after < said <= through for after, through in healings(stage.rig))

    await becomes_so(stage, f"LogHealed through {said} or more", so)


async def _fails_over(stage: Stage, copies: Copied, more: int = 12) -> tuple[int, int]:
    """Saves that the copy never hears of, then ``kill -9`` of the master, and promotion. Nobody reaches
    the new one yet. Where it ends, and what was acknowledged."""
    await copies.lags()
    if more:
        await stage.saves(stage.chance.randint(2, more))
    await stage.rig.kill("server")
    for name in copies.everybody():
        stage.rig.links[name].black_hole()
    said, left = furthest(stage), await copies.promoted()
    stage.bites(left < said, f"the copy went on to {left}; {said} was acknowledged")
    return left, said


def _others(copies: Copied, name: str) -> list[str]:
    return [each for each in copies.everybody() if each != name]


TWO = Plan(admins=2, settings=REJOIN)
SCENARIOS = (
    Scenario("failover-planned", "FAILOVER to a copy under load", planned, fresh=True),
    Scenario(
        "failover-sentinel", "Sentinel promotes a replica that lacks acknowledged saves", sentinels,
        plan=Plan(sentinel=True), fresh=True,
    ),
    Scenario(
        "failover-forgetful", "the copy that is promoted lacks acknowledged saves", forgetful,
        fresh=True, quick=True,
    ),
    Scenario(
        "failover-two-tails", "the same; two admins, whose journals end at different events",
        different_tails, plan=Plan(admins=2), fresh=True,
    ),
    Scenario(
        "failover-newcomer", "the same; an admin without a journal joins first", newcomer,
        plan=Plan(admins=2), fresh=True,
    ),
    Scenario(
        "failover-holder-back", "the same; who alone holds the tail is dead, and comes back",
        _holder_dead(comes_back=True), plan=TWO, fresh=True, limits=UNHEARD_OF,
    ),
    Scenario(
        "failover-holder-dead", "the same; the operator goes on without it", _holder_dead(False),
        plan=TWO, fresh=True, limits=REBUILT,
    ),
)  # fmt: skip
