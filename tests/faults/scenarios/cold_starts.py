"""Cold starts: a replica that starts while the server is down has only what lies on its own disk."""

import asyncio
import base64
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random

from events.signing import KeyRing
from events.streams.link import Script
from tests.faults.aftermath import becomes_so, furthest, promised
from tests.faults.facts import Limits
from tests.faults.history import Chat
from tests.faults.kept_state import (
    DAMAGES,
    NO_KEYS,
    KeptState,
    a_link,
    elsewhere,
    file_of,
    foreign,
    kept_state,
    planted,
)
from tests.faults.plan import Plan
from tests.faults.rig import PROMPT
from tests.faults.scenario import Fault, Scenario, Stage
from tests.faults_proxy import late, on

ANSWERS = 8
OUR_KEY, THEIR_KEY = b"the key of the fleet's own events", b"a key of somebody else, well meant"
OURS, THEIRS = KeyRing({"k1": OUR_KEY}), KeyRing({"k1": THEIR_KEY})
READING = Script.load("read").sha.encode()
Damage = Callable[[Path, Random], None]


async def cold_start(stage: Stage) -> None:
    """The server is killed, then one replica, or all of them: they serve their last good state, and say
    that it is stale; once the server is back, they are current by themselves."""
    rig, all_of_them = stage.rig, sorted(stage.rig.replicas)
    names = stage.chance.choice(([stage.replica()], all_of_them))
    known = await _keep(stage, names)
    await _server_killed(stage)
    await asyncio.gather(*(rig.kill(name) for name in names))
    await stage.lasts(stage.some(0.0, 1.0))
    kept, last = {n: await asyncio.to_thread(kept_state, rig, n) for n in names}, furthest(stage)
    await asyncio.gather(*(rig.start(name) for name in names))
    for name in names:
        await stage.until(partial(_has_answered, stage, name))
        await _serves(stage, name, kept[name], known)
    await stage.lasts(stage.some(0.0, 2.0))
    slow = stage.chance.choice((0.0, stage.some(0.3, 1.0)))
    for name in names:
        rig.links[name].to_client = on(READING, late(slow))
    await rig.start("server")
    for name in names:
        await _becomes_current(stage, name)
        await _says_what_is_old(stage, name, last)
        rig.links[name].heal()


async def _keep(stage: Stage, names: Sequence[str]) -> int:
    """Promised: what was acknowledged is kept on every one's disk soon; up to where that was."""
    await stage.saves(2)
    known = furthest(stage)

    def so() -> bool:
        kept = (kept_state(stage.rig, name) for name in names)
        return all(each and each.position >= known for each in kept)

    await becomes_so(stage, f"{', '.join(names)} has kept position {known}", so)
    return known


async def _server_killed(stage: Stage) -> None:
    await stage.lasts(stage.some(0.0, 0.5))
    await stage.rig.kill("server")
    await stage.until(stage.hurt)


async def _serves(stage: Stage, name: str, kept: KeptState | None, known: int) -> None:
    """Promised: exactly what it had kept, marked stale; that is no older than ``known``."""
    answers = _answers(stage, name)
    if kept is None:
        promised(stage, False, f"{name} had kept a state that is whole")
        return
    promised(stage, kept.position >= known, f"what {name} kept is of {known} or later: {kept}")
    told = {(each.revision, each.version, each.stale) for each in answers}
    due = {(kept.revision, kept.version, True)}
    promised(stage, told == due, f"{name} answers as kept, and stale ({due}): {told}")
    serves = await stage.rig.port(name).serves()
    said = serves["state"], serves["applied_position"]
    promised(stage, said == ("stale", kept.position), f"{name} is stale at {kept}: {said}")
    ready = await stage.rig.port(name).get("/readyz")
    promised(stage, ready.status == 200, f"{name} is ready all the same: {ready.body!r}")


def _answers(stage: Stage, name: str) -> list[Chat]:
    life = stage.rig.life(name)
    return [each for each in stage.chats() if each.life == life and each.ok]


def _has_answered(stage: Stage, name: str) -> bool:
    return len(_answers(stage, name)) >= ANSWERS


async def _becomes_current(stage: Stage, name: str) -> None:
    """Promised: by itself; from then on answers follow the log, and no longer say that they are old."""
    await stage.saves(2)
    known = furthest(stage)

    def so() -> bool:
        newer = [each for each in _answers(stage, name) if each.revision >= known]
        return bool(newer) and not newer[-1].stale

    await becomes_so(stage, f"{name} answers from {known} or later, not stale", so)


async def _says_what_is_old(stage: Stage, name: str, last: int) -> None:
    """Promised: up to the last moment, while it reads what it has missed, too."""
    lies = [e for e in _answers(stage, name) if e.revision < last and not e.stale]
    promised(stage, not lies, f"{name} says that what is older than {last} is stale: {lies[:2]}")


# --- damaged ----------------------------------------------------------------------------------------


def _damaged(damages: Sequence[Damage]) -> Fault:
    async def damaged(stage: Stage) -> None:
        """What was kept is damaged: it is refused and told; nothing is served before the server is up."""
        rig, name, damage = stage.rig, stage.replica(), stage.chance.choice(damages)
        await _keep(stage, [name])
        await _server_killed(stage)
        await rig.kill(name)
        file, service = file_of(rig, name), rig.replicas[name]
        was = await asyncio.to_thread(file.read_bytes)
        await asyncio.to_thread(damage, file, stage.chance)
        said = service.out.stat().st_size
        await asyncio.to_thread(service.start, None)
        told = partial(_says, service.out, said, b"last_good_refused")
        await becomes_so(stage, f"{name} says last_good_refused ({damage.__qualname__})", told)
        await stage.lasts(stage.some(0.3, 1.5))
        await _starting(stage, name)
        await rig.start("server")
        await asyncio.to_thread(service.until, 200, "/readyz")
        rig.well(name)
        await _becomes_current(stage, name)
        await _keep(stage, [name])
        link = elsewhere(file).read_bytes() if damage is a_link else was
        promised(stage, link == was, f"{name} has not written where the link led")

    return damaged


def _says(out: Path, behind: int, words: bytes) -> bool:
    return words in out.read_bytes()[behind:]


async def _starting(stage: Stage, name: str) -> None:
    """Promised: it answers that it is starting, and is not ready."""
    port = stage.rig.port(name)
    answer = await port.post("plain", "Hello", {"X-Prompt-Name": PROMPT})
    code = answer.json["error"]["code"] if answer.status == 503 else ""
    promised(stage, code == "starting", f"{name} says that it is starting: {answer.body!r}")
    promised(stage, answer.headers.get("Retry-After"), f"{name} says when to try again")
    ready = await port.get("/readyz")
    promised(stage, ready.status == 503, f"{name} is not ready: {ready.body!r}")
    promised(stage, not _answers(stage, name), f"nothing was answered: {_answers(stage, name)[:2]}")


SIGNED = Plan(settings=(("signing_keys", f"k1:{base64.b64encode(OUR_KEY).decode()}"),))
PLANTED = (planted(NO_KEYS), planted(THEIRS), foreign(NO_KEYS), foreign(THEIRS))
SCENARIOS = (
    Scenario(
        "cold-start", "replicas start while the server is down: from their disk, marked stale",
        cold_start, quick=True,
    ),
    Scenario(
        "cold-start-damaged", "the same with what they kept damaged: refused, told, never served",
        _damaged(DAMAGES),
    ),
    Scenario(
        "cold-start-planted", "with signing keys: a kept state that is whole, and not signed by us",
        _damaged(PLANTED), plan=SIGNED, limits=Limits(keys=OURS),
    ),
)  # fmt: skip
