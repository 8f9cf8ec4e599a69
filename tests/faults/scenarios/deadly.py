"""Deadly versions: they kill, hang or crash the loader of one replica, which has a weakness for them."""

import asyncio
import contextlib
import signal
import sys
from functools import partial

from redis.exceptions import ResponseError

from tests.faults.aftermath import becomes_so, metric, promised
from tests.faults.facts import Limits, data_of
from tests.faults.rig import PROMPT
from tests.faults.scenario import Fault, Scenario, Stage
from tests.faults.tries import save_try
from tests.system.hand import Hand
from tests.system.patience import becomes
from tests.system.poisoned_replica import HANGS, KILLS, RAISES

ADMIN, MOST_DEATHS = "admin-1", 2
LOADER_SECONDS = 15.0
READ_ALONE_US = 200_000
"""A replica on a busy machine takes as long as this to read what was appended for it."""
WEAK = [sys.executable, "-P", "-m", "tests.system.poisoned_replica"]
WHY = {KILLS: "died of it, twice", HANGS: "not loaded within", RAISES: "ZeroDivisionError"}
"""What the one who waits for a deadly version is told of it."""


async def crashes(stage: Stage) -> None:
    """A version kills the process that loads it: twice at most. Then it is passed over."""
    rig, name = stage.rig, await _weak(stage)
    others = _lives(stage, name)
    rig.fails(name, "loads what kills it")
    position = await _appended(stage, name, KILLS)
    deaths = await _supervised(stage, name)
    promised(stage, deaths <= MOST_DEATHS, f"{name} dies twice at most, not {deaths} times")
    if deaths > MOST_DEATHS:
        return
    rig.well(name)
    stage.bites(deaths, f"{name} has not died")
    await _passed_over(stage, name, KILLS, position)
    promised(stage, _lives(stage, name) == others, "no other replica has died of it")


def _refused(template: str) -> Fault:
    async def refused(stage: Stage) -> None:
        """A version hangs or crashes the loader: nobody dies, no answer fails, it is passed over."""
        name = await _weak(stage)
        life, others = stage.rig.life(name), _lives(stage, name)
        position = await _appended(stage, name, template)
        await _passed_over(stage, name, template, position)
        promised(stage, stage.rig.replicas[name].process.status is None, f"{name} has not died")
        promised(stage, stage.rig.life(name) == life, f"{name} was not started again")
        promised(stage, _lives(stage, name) == others, "no other replica has died of it")

    return refused


async def _weak(stage: Stage) -> str:
    """A replica that has the weakness from now on."""
    name = stage.replica()
    stage.rig.replicas[name].argv = WEAK
    await stage.rig.kill(name)
    await stage.rig.start(name)
    await stage.saves(3)
    return name


def _lives(stage: Stage, but: str) -> set[str]:
    return {stage.rig.life(name) for name in stage.rig.replicas if name != but}


async def _appended(stage: Stage, weak: str, template: str) -> int:
    """The position of a deadly version: in the midst of saves, or at the head for as long as its admin
    is out, by the seed."""
    if stage.chance.random() < 0.5:
        await stage.rig.kill(ADMIN)
        with stage.rig.services.hand() as hand:
            return await asyncio.to_thread(_put, hand, template)
    made = await save_try(
        stage.rig, ADMIN, "deadly", f"{stage.load.run}-deadly", template=template, wait=1.0
    )
    stage.rig.history.changes.append(made)
    stage.bites(made.position, f"the deadly version was not saved: {made}")
    assert made.position is not None
    told = made.barrier.outcomes.get(weak) if made.barrier else None
    if told == "applied":  # who reads several at once loads what is live behind the last of them
        at_once = await asyncio.to_thread(_superseded_at_once, stage, made.position)
        stage.bites(not at_once, "it was superseded before anybody could load it")
    promised(stage, told != "applied", f"its saver is not told that {weak} has applied it: {told}")
    return made.position


def _superseded_at_once(stage: Stage, position: int) -> bool:
    """Whether another event about the prompt was appended before this one can have been read alone."""
    with stage.rig.services.hand() as hand:
        entries = {entry.position: entry for entry in hand.entries()}
    here, behind = entries[position], entries.get(position + 1)
    return behind is not None and behind.at - here.at < READ_ALONE_US


def _put(hand: Hand, template: str) -> int:
    """Behind the head, which may be that of a save which its admin did not live to see."""
    while True:
        with contextlib.suppress(ResponseError):  # that save has just landed
            versions = (data_of(entry).get("version") for entry in hand.entries())
            last = max(version for version in versions if isinstance(version, int))
            return hand.save(PROMPT, last + 1, template)


async def _supervised(stage: Stage, name: str) -> int:
    """Start the replica whenever it has died, as a supervisor does, until it is ready, or dies more than
    it may; how often it died."""
    service, deaths = stage.rig.replicas[name], 0
    await stage.until(lambda: service.process.status is not None)
    while service.process.status is not None and deaths <= MOST_DEATHS:
        status, deaths = service.process.status, deaths + 1
        promised(stage, status == -signal.SIGKILL, f"{name} died of {KILLS!r}: {status}")
        with contextlib.suppress(AssertionError):  # it has died again
            await asyncio.to_thread(service.start)
    return deaths


async def _passed_over(stage: Stage, name: str, template: str, position: int) -> None:
    """Promised: it is rejected by this replica alone, which goes on with the last good version, and
    takes the next one."""
    rig = stage.rig
    await _is_rejected(stage, name, position, WHY[template])
    quarantined = {
        each: await metric(rig, "promptcast_quarantined_events", each) for each in rig.replicas
    }
    due = {each: float(each == name) for each in rig.replicas}
    promised(stage, quarantined == due, f"one is in quarantine at {name} alone: {quarantined}")
    if rig.admins[ADMIN].process.status is not None:
        await _goes_on(stage, name, template, position)
        await rig.start(ADMIN)
    await stage.saves(3)
    await stage.until(partial(_answers_from, stage, name, position))
    told = {each.text for each in stage.chats() if each.replica == name}
    promised(stage, template not in told, f"{name} has never answered from it")
    await _is_reported(stage, name, position)


async def _is_rejected(stage: Stage, name: str, position: int, why: str) -> None:
    headers = {"X-Prompt-Name": PROMPT, "X-Prompt-Min-Position": str(position)}

    async def so() -> bool:
        answer = await stage.rig.port(name).post("plain", "Hello", headers)
        error = answer.json.get("error", {})
        return error.get("code") == "prompt_rejected" and why in error["message"]

    try:
        await becomes(so, seconds=LOADER_SECONDS)
    except TimeoutError:
        promised(stage, False, f"{name} tells who waits for {position} that it was rejected: {why}")


async def _goes_on(stage: Stage, name: str, template: str, position: int) -> None:
    """While the deadly version is the head: this replica answers from before it, the others from it."""
    before = len(stage.chats())
    others = [each for each in stage.rig.replicas if each != name]

    def so() -> bool:
        new = [each for each in stage.chats()[before:] if each.ok]
        own = [each.revision < position for each in new if each.replica == name]
        theirs = {each.replica for each in new if each.text == template}
        return len(own) >= 5 and all(own) and theirs == set(others)

    await becomes_so(stage, f"{name} answers from before {position}, others from it", so)


def _answers_from(stage: Stage, name: str, position: int) -> bool:
    return any(each.replica == name and each.revision > position for each in stage.chats())


async def _is_reported(stage: Stage, name: str, position: int) -> None:
    async def so() -> bool:
        fleet = await stage.rig.api().fleet()
        told = {
            id: {r["reason"] for r in each["rejected"] if r["position"] == position}
            for id, each in fleet.items()
        }
        return told == {id: {"crashed"} if id == name else set() for id in stage.rig.replicas}

    try:
        await becomes(so, seconds=LOADER_SECONDS)
    except TimeoutError:
        promised(stage, False, f"the fleet view says that {name} alone rejected {position}")


SCENARIOS = tuple(
    Scenario(name, about, fault, limits=Limits(passed_over=frozenset({template})), fresh=True)
    for name, about, fault, template in (
        ("loader-crashed", "a version kills who loads it: twice, then never again", crashes, KILLS),
        ("loader-hangs", "a version hangs the loader of one replica", _refused(HANGS), HANGS),
        ("loader-raises", "a version crashes the loader of one replica", _refused(RAISES), RAISES),
    )
)
