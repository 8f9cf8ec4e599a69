"""Reaping: who is silent beyond the limit is no member any more, and rejoins. Nobody else ever is."""

from tests.faults.aftermath import metric, promised
from tests.faults.plan import Plan
from tests.faults.scenario import Fault, Scenario, Stage
from tests.faults_proxy import late
from tests.system.patience import becomes

AFTER = 6.0
SOON = (("reap_after", str(AFTER)),)
REAPED_SECONDS = AFTER + 12.0
JOINED_SECONDS = 15.0
HEARD_SECONDS = 2.0


async def _reaped(stage: Stage) -> int:
    """By all admins together, since each began."""
    found = [
        await metric(stage.rig, "promptcast_replicas_reaped_total", n) for n in stage.rig.admins
    ]
    return int(sum(found))


async def _is_no_member(stage: Stage, name: str) -> None:
    """Its last word, which the reaper says for it, is heard by every admin a moment later."""

    async def gone() -> bool:
        return name not in await stage.rig.api().fleet()

    try:
        await becomes(gone, seconds=HEARD_SECONDS)
    except TimeoutError:
        promised(stage, False, f"{name}, which was reaped, is no member")


def _beyond(how: str) -> Fault:
    async def beyond(stage: Stage) -> None:
        """One replica is silent beyond the limit: it is reaped, once; saves go on, and it comes back."""
        name, rig, before = stage.replica(), stage.rig, await _reaped(stage)
        with rig.out(name, "silent beyond the limit"):
            _silence(stage, name, how)
            await _is(stage, "one replica is reaped", before + 1)
            await _is_no_member(stage, name)
            await stage.saves(3)
            if how == "black-holed":
                async with rig.session.get(f"{rig.replicas[name].url}/readyz") as answer:
                    promised(stage, answer.status == 503, f"{name} is not ready beyond the limit")
            await stage.lasts(stage.some(0.0, 2.0))
            _speak(stage, name, how)
            await _joined(stage, name)
        promised(stage, await _reaped(stage) == before + 1, "it is reaped once, and nobody else is")

    return beyond


async def within(stage: Stage) -> None:
    """Replicas are stopped, cut off or late for less than the limit: nobody is reaped."""
    rig, before = stage.rig, await _reaped(stage)
    for _ in range(2):
        name, how = stage.replica(), stage.chance.choice(("stopped", "black-holed", "late"))
        with rig.out(name, f"{how} within the limit"):
            _silence(stage, name, how)
            await stage.lasts(stage.some(0.3, 0.75) * AFTER)
            _speak(stage, name, how)
        await stage.saves(2)
    times = [each.ended - each.began for each in stage.changes()]
    times += [each.ended - each.began for each in stage.chats()]
    stage.bites(max(times) > 0.25 or stage.partial() or stage.hurt(), "nobody noticed")
    await stage.lasts(1.5)  # another look of the reapers
    promised(stage, await _reaped(stage) == before, "nobody was reaped")


async def asleep(stage: Stage) -> None:
    """An admin is stopped beyond the limit, and a replica within it: when they wake, nobody is reaped."""
    rig, name, who, before = stage.rig, stage.admin(), stage.replica(), await _reaped(stage)
    rig.stop(name)
    await stage.lasts(stage.some(1.1, 1.4) * AFTER)
    rig.stop(who)
    await stage.lasts(stage.some(0.2, 0.6) * AFTER)
    rig.go_on(name)
    await stage.lasts(stage.some(0.0, 0.2) * AFTER)
    rig.go_on(who)
    stage.bites([e for e in stage.changes() if e.ended - e.began > AFTER], "nobody noticed")
    await stage.lasts(2.5)
    promised(stage, await _reaped(stage) == before, "nobody was reaped")


def _silence(stage: Stage, name: str, how: str) -> None:
    if how == "stopped":
        stage.rig.stop(name)
    elif how == "black-holed":
        stage.rig.links[name].black_hole()
    else:
        stage.rig.links[name].to_client = late(stage.some(0.3, 1.0))


def _speak(stage: Stage, name: str, how: str) -> None:
    if how == "stopped":
        stage.rig.go_on(name)
        stage.rig.fails(name, "has still to find out whether it is a member")
    else:
        stage.rig.mend(name)


async def _is(stage: Stage, what: str, count: int) -> None:
    async def so() -> bool:
        return await _reaped(stage) >= count

    try:
        await becomes(so, seconds=REAPED_SECONDS)
    except TimeoutError:
        promised(stage, False, f"within {REAPED_SECONDS:g} s: {what}")


async def _joined(stage: Stage, name: str) -> None:
    async def so() -> bool:
        fleet = await stage.rig.api().fleet()
        return name in fleet and fleet[name]["state"] == "current"

    try:
        await becomes(so, seconds=JOINED_SECONDS)
    except TimeoutError:
        promised(stage, False, f"within {JOINED_SECONDS:g} s: {name} has rejoined")


ONE, TWO = Plan(settings=SOON), Plan(admins=2, settings=SOON)
SCENARIOS = (
    Scenario(
        "reaped-stopped", "a replica is stopped beyond the reaper's limit, and goes on",
        _beyond("stopped"), plan=ONE,
    ),
    Scenario(
        "reaped-black-holed", "a replica is cut off beyond the limit; two reapers",
        _beyond("black-holed"), plan=TWO,
    ),
    Scenario("two-reapers", "a replica is stopped beyond the limit; two reapers", _beyond("stopped"),
        plan=TWO,
    ),
    Scenario(
        "never-reaped", "replicas are stopped, cut off or slow within the limit", within,
        plan=TWO,
    ),
    Scenario(
        "reaper-asleep", "an admin is stopped beyond the limit, and wakes", asleep, plan=TWO
    ),
)  # fmt: skip
