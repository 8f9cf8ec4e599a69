"""Retention: the log is trimmed while a replica is stopped or away, or before its server is lost."""

import asyncio
import shutil
from functools import partial

from tests.faults.aftermath import alone, becomes_so, furthest, heals, promised, trimmed_through
from tests.faults.copies import copied
from tests.faults.kept_state import kept_state
from tests.faults.plan import Plan
from tests.faults.scenario import Scenario, Stage
from tests.faults.slow_disk import slow_disk
from tests.faults.trimming import asked, begins, can_be_trimmed, grows, is_whole, trims

FORGIVING = ("--aof-load-truncated", "yes")
REAPED_SECONDS = 20.0


# --- a replica is stopped, or away ------------------------------------------------------------------


async def stopped(stage: Stage) -> None:
    """A replica is stopped meanwhile: nothing goes that it has not applied, and it goes on as if nothing
    had been. Then the rest goes."""
    name, rig = stage.replica(), stage.rig
    await can_be_trimmed(stage)
    rig.stop(name)
    out, given = rig.replicas[name].out, await asyncio.to_thread(_given, stage, name)
    said = out.stat().st_size  # others may write there, too: they have no reason for it either
    try:
        await grows(stage, given)
        through = await trims(stage)
        promised(stage, through < given, f"{name} was given {given}; {through} is trimmed")
        await stage.saves(stage.chance.randint(0, 5))
        await asked(stage)
        again = await asyncio.to_thread(begins, stage) - 1
        promised(stage, again < given, f"{name} was given {given}; {again} is trimmed")
    finally:
        rig.go_on(name)
    await _answers_from(stage, name, furthest(stage))
    skipped = b"snapshot_used" in out.read_bytes()[said:]
    promised(stage, not skipped, f"{name} goes on from what it has")
    through = await trims(stage)
    promised(stage, through >= given, f"the rest goes, too: {through}, not {given}")


def _given(stage: Stage, name: str) -> int:
    """The last position that a replica's group was given."""
    with stage.rig.services.hand() as hand:
        groups = hand.client.xinfo_groups(hand.keys.log)
    last = next(each["last-delivered-id"] for each in groups if each["name"] == name.encode())
    return int(last.split(b"-")[0])


async def away(stage: Stage) -> None:
    """A replica has ended, or is dead and reaped, and the log is trimmed past what it keeps. It starts,
    maybe while the server is down, and is current, without a word of before."""
    name, rig = stage.replica(), stage.rig
    await _leaves(stage, name)
    kept = await asyncio.to_thread(_kept, stage, name)
    await grows(stage, kept)
    through, known = await trims(stage), furthest(stage)
    stage.bites(through > kept, f"{name} keeps {kept}, and the log was trimmed through {through}")
    if stage.chance.random() < 0.5:
        await rig.kill("server")
        await _serves_what_it_kept(stage, name, kept)
        await rig.start("server")
        await asyncio.to_thread(rig.replicas[name].until, 200, "/readyz")
        rig.well(name)
    else:
        await rig.start(name)
    await _answers_from(stage, name, known)
    mine = [e for e in stage.chats() if e.life == rig.life(name) and e.ok and not e.stale]
    old = [each.revision for each in mine if each.revision <= through]
    promised(stage, not old, f"{name} never answers from what was replaced, unmarked: {old[:5]}")


async def _leaves(stage: Stage, name: str) -> None:
    """It keeps what it has, and is no member any more: it has said so, or died and was reaped."""
    await stage.saves(2)
    known = furthest(stage)
    await becomes_so(stage, f"{name} keeps {known}", lambda: _kept(stage, name) >= known)
    if stage.chance.random() < 0.5:
        await stage.rig.end(name)
    else:
        await stage.rig.kill(name)
    gone = partial(_is_no_member, stage, name)
    await becomes_so(stage, f"{name} is no member", gone, REAPED_SECONDS)


async def _serves_what_it_kept(stage: Stage, name: str, kept: int) -> None:
    """Start it without the server. It is not ready: it was silent for longer than members may be."""
    await asyncio.to_thread(stage.rig.replicas[name].start, None)

    def answers() -> bool:
        life = stage.rig.life(name)
        return any(each.life == life and each.ok and each.stale for each in stage.chats())

    await becomes_so(stage, f"{name} answers, and that it is stale", answers)
    serves = await stage.rig.port(name).serves()
    said = serves["state"], serves["applied_position"]
    promised(stage, said == ("stale", kept), f"{name} is stale at {kept}: {said}")


def _kept(stage: Stage, name: str) -> int:
    """The position of what a replica keeps on its disk."""
    found = kept_state(stage.rig, name)
    return found.position if found else 0


def _is_no_member(stage: Stage, name: str) -> bool:
    with stage.rig.services.hand() as hand:
        return name not in hand.pending()


async def _answers_from(stage: Stage, name: str, position: int) -> None:
    """Promised: this replica answers from there or later soon, and not as one who may be stale."""
    life = stage.rig.life(name)

    def so() -> bool:
        mine = [each for each in stage.chats() if each.life == life and each.ok]
        return bool(mine) and mine[-1].revision >= position and not mine[-1].stale

    await becomes_so(stage, f"{name} answers from {position} or later, not stale", so)


# --- the server loses what it had, right behind it --------------------------------------------------


async def flushed(stage: Stage) -> None:
    """FLUSHALL behind a trim: what had not been trimmed comes back, and no more. Snapshots, too: a
    replica that has nothing of its own starts from one."""
    rig, name = stage.rig, stage.replica()
    await can_be_trimmed(stage)
    through = await trims(stage)
    await stage.lasts(stage.some(0.0, 1.0))
    said = furthest(stage)
    with rig.services.hand() as hand:
        await asyncio.to_thread(hand.client.flushall)
    await heals(stage, 0, said)
    first = await asyncio.to_thread(begins, stage)
    promised(stage, first == through + 1, f"trimmed through {through}, it begins with {first}")
    await rig.kill(name)
    shutil.rmtree(rig.state_dir(name))
    await rig.start(name)
    await _answers_from(stage, name, said)


async def failed_over(stage: Stage) -> None:
    """The copy that is promoted has not heard of the trim, or of what came behind it."""
    copies, rig = await copied(stage), stage.rig
    await can_be_trimmed(stage)
    if stage.chance.random() < 0.5:
        await copies.lags()
        through = await trims(stage)
    else:
        through = await trims(stage)
        await asyncio.to_thread(copies.gets_in_step)
        await copies.lags()
    await stage.saves(stage.chance.randint(1, 5))
    await rig.kill("server")
    for name in copies.everybody():
        rig.links[name].black_hole()
    said, left = furthest(stage), await copies.promoted()
    stage.bites(left < said, f"the copy went on to {left}; {said} was acknowledged")
    copies.sends()
    rig.well("server")
    await _is_trimmed_again(stage, left, said, through)


async def power_lost(stage: Stage) -> None:
    """The server's machine loses power, and with it the trim, or what came behind it."""
    disk = await slow_disk(stage, "server")
    await can_be_trimmed(stage)
    disk.syncs_take(1.5)
    through = await trims(stage)
    await stage.saves(stage.chance.randint(1, 5))
    await stage.rig.kill("server")
    disk.works()
    stage.bites(disk.loses_power(), "all was synced")
    said = furthest(stage)
    left = await alone(stage, *FORGIVING)
    stage.bites(left < said, f"the log still went on to {left}; {said} was acknowledged")
    await _is_trimmed_again(stage, left, said, through)


async def _is_trimmed_again(stage: Stage, left: int, said: int, through: int) -> None:
    """Promised: the log is healed, knows how far it was trimmed, and may be trimmed on from there."""
    await heals(stage, left, said)
    known = await asyncio.to_thread(trimmed_through, stage.rig)
    promised(stage, known == through, f"it was trimmed through {through}; it says {known}")
    await grows(stage, through)
    again = await trims(stage)
    promised(stage, again > through, f"it is trimmed beyond {through}: {again}")


SCENARIOS = (
    Scenario(
        "trimmed", "the log is trimmed under load, while a replica is stopped", stopped, proof=is_whole,
        quick=True,
    ),
    Scenario(
        "trimmed-away", "the log is trimmed past what a replica that is away keeps; it starts again",
        away, proof=is_whole, plan=Plan(settings=(("reap_after", "6"),)),
    ),
    Scenario(
        "trimmed-flushall", "FLUSHALL behind a trim: what had not been trimmed comes back", flushed,
        proof=is_whole,
    ),
    Scenario(
        "trimmed-failover", "a copy is promoted that has not heard of a trim, or of what came behind",
        failed_over, proof=is_whole, fresh=True,
    ),
    Scenario(
        "trimmed-power-lost", "everysec, and the server's machine loses power right behind a trim",
        power_lost, proof=is_whole, plan=Plan(server=("--appendfsync", "everysec")),
    ),
)  # fmt: skip
