"""The mix: round upon round of faults by chance, one or two at once, on one rig, for twenty minutes."""

import asyncio
import random
import time
from dataclasses import replace
from itertools import count

from tests.faults import scenarios
from tests.faults.facts import Limits
from tests.faults.plan import Crowd, Plan
from tests.faults.quiet import head_of, reached
from tests.faults.scenario import Scenario, Stage, Void

SECONDS = 20 * 60.0
LARGEST_ROUND = 120.0
"""A round ends sooner than that after its begin, or hangs."""
PAIRED = 0.4
"""How often a fault of the log or the server is joined by one of :data:`BESIDE`."""
OF_THE_LOG = frozenset({
    "append-cut", "client-kill-storm", "empty-directory", "flushall", "logs-deleted", "reply-cut",
    "reply-dropped", "server-asleep", "server-killed", "server-restarted", "server-stopped-1s",
})  # fmt: skip
BESIDE = frozenset({
    "admin-stopped", "model-breaks-off", "replica-black-holed", "replica-killed", "replica-stopped",
})  # fmt: skip
_PUT_IN = count(1)
TOO_LONG = frozenset({"burst", "log-trimmed-10s", "server-stopped-60s", "slow-headers"})
"""What would fill the time by itself."""


async def mixed(stage: Stage) -> None:
    """Rounds until the time is up; each is healed before the next, and saving goes on."""
    known = _fitting()
    until, rounds, bitten = time.monotonic() + SECONDS, 0, 0
    while time.monotonic() < until:
        chosen = _chosen(stage.chance, known)
        bitten += await _round(stage, chosen)
        rounds += 1
    stage.bites(bitten > rounds * 0.8, f"of {rounds} rounds only {bitten} bit")


def _fitting() -> dict[str, Scenario]:
    """All that can be put into a rig with two admins that goes on to be used."""
    plans = (Plan(), Plan(admins=2))
    found = {
        each.name: each
        for each in scenarios.every_scenario()
        if each.plan in plans and not each.fresh and each.limits in (Limits(), LARGE)
    }
    return {name: each for name, each in found.items() if name not in TOO_LONG | {"mix"}}


def _chosen(chance: random.Random, known: dict[str, Scenario]) -> list[Scenario]:
    first = known[chance.choice(sorted(known))]
    if first.name not in OF_THE_LOG or chance.random() >= PAIRED:
        return [first]
    return [first, known[chance.choice(sorted(BESIDE))]]


async def _round(stage: Stage, chosen: list[Scenario]) -> bool:
    """Whether a fault bit. What is demanded in vain is told with the names of the faults."""
    wrong, told = stage.rig.history.wrong, len(stage.rig.history.wrong)
    names = " + ".join(each.name for each in chosen)
    try:
        async with asyncio.timeout(LARGEST_ROUND):
            bitten = await asyncio.gather(*(_put_in(stage, each) for each in chosen))
            await stage.rig.heal()
            await _whole_again(stage)
    except TimeoutError:
        raise AssertionError(f"a round hangs: {names}") from None
    wrong[told:] = [f"{names}: {what}" for what in wrong[told:]]
    return any(bitten)


async def _put_in(stage: Stage, scenario: Scenario) -> bool:
    load = replace(stage.load, run=f"{stage.load.run}-{next(_PUT_IN)}")  # drawn twice: no key twice
    own = Stage(stage.rig, random.Random(stage.chance.random()), load)
    try:
        await scenario.fault(own)
        await scenario.proof(own)
    except Void:
        return False
    return True


async def _whole_again(stage: Stage) -> None:
    """Everybody gets to the head in time, and saving goes on."""
    most = Limits().converge
    head = await asyncio.to_thread(head_of, stage.rig)
    times = await reached(stage.rig, head, most)
    late = sorted(name for name, seconds in times.items() if seconds is None)
    stage.demands(not late, f"{', '.join(late)} not at the head within {most:g} s")
    try:
        await stage.saves(3)
    except Void:
        stage.demands(False, "nothing was saved any more")


LARGE = Limits(memory=96 * 1024 * 1024)
SCENARIOS = (
    Scenario(
        "mix", "rounds of faults by chance, one or two at once, for 20 minutes", mixed,
        plan=Plan(admins=2, replicas=3), crowd=Crowd(pause=0.1), limits=LARGE, fresh=True,
        seconds=SECONDS + 2 * LARGEST_ROUND,
    ),
)  # fmt: skip
