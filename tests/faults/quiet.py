"""Quiet: waiting until everybody is where the log is, and taking down what they then say and hold."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from events.chain import Entry
from tests.faults.facts import Holding, Settled, Told
from tests.faults.past import entries_in, journalled, past
from tests.faults.rig import Rig
from tests.soak.gauges import descriptors, resident

LOOK_SECONDS = 0.02
TELL_SECONDS = 8.0
"""A heartbeat and a look at the groups are 1 and 2 s; the machine may be small."""
_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")


@dataclass(frozen=True, slots=True)
class Held:
    """What one process holds now."""

    pid: int
    memory: int
    descriptors: int


def held(rig: Rig) -> dict[str, Held]:
    """What each process holds now, by name."""
    pids = {name: service.process.pid for name, service in rig.processes.items()}
    pids["server"] = rig.server.pid
    return {name: Held(pid, resident(pid), descriptors(pid)) for name, pid in pids.items()}


def holdings(before: dict[str, Held], after: dict[str, Held]) -> list[Holding]:
    """Of those that are the same process still."""
    return [
        Holding(
            name, (b.memory, after[name].memory), (b.descriptors, after[name].descriptors)
        )
        for name, b in before.items()
        if name in after and after[name].pid == b.pid
    ]  # fmt: skip


def log_of(rig: Rig) -> list[Entry]:
    """The prompts' log, raw from the server: what of it is there."""
    with rig.services.hand() as hand:
        return hand.entries()


def past_of(rig: Rig, log: Sequence[Entry]) -> list[Entry]:
    """What was trimmed of ``log``, which is what the server has: out of the admins' journals, as far as
    it chains, hash for hash, to the first entry on the server."""
    if not log or log[0].position == 1:
        return []
    return past(log[0], (entry for name in rig.admins for entry in journalled(rig.state_dir(name))))


def access_of(rig: Rig) -> list[Entry]:
    """The access log, likewise."""
    with rig.services.hand() as hand:
        hand.keys = hand.keys.access
        return hand.entries()


def head_of(rig: Rig) -> int:
    """Where the log ends."""
    with rig.services.hand() as hand:
        return hand.head().position


def forks_of(rig: Rig) -> list[Entry]:
    """What the admins have kept in fork files."""
    found = []
    for name in rig.admins:
        for file in sorted((rig.state_dir(name) / "forks").glob("*.jsonl")):
            found += entries_in(file)
    return found


async def reached(rig: Rig, head: int, seconds: float) -> dict[str, float | None]:
    """How long each replica takes from the fault's end until it is where the log was then, by its own
    word; waits until it is current at ``head``. None: not in time."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        times = await asyncio.gather(
            *(_reach(rig, n, head, seconds, session) for n in rig.replicas)
        )
    due = _due(rig)
    return {
        name: None if passed is None else _first(rig, name, due, passed)
        for name, passed in zip(rig.replicas, times, strict=True)
    }


def _due(rig: Rig) -> int:
    """The last position that was acknowledged before the fault was over."""
    over = rig.over_at or 0.0
    done = (each for each in rig.history.changes if each.appended and each.ended <= over)
    return max((each.position or 0 for each in done), default=0)


def _first(rig: Rig, name: str, due: int, otherwise: float) -> float:
    over = rig.over_at or 0.0
    seen = (each for each in rig.history.sightings if each.replica == name and not each.sequence)
    there = (each for each in seen if each.ended >= over and each.position >= due)
    return next((max(0.0, each.ended - over) for each in there), otherwise)


async def _reach(
    rig: Rig, name: str, head: int, seconds: float, session: aiohttp.ClientSession
) -> float | None:
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        told = await _asked(rig, name, session)
        if told and told["applied_position"] >= head and told["state"] == "current":
            return passed
        await asyncio.sleep(LOOK_SECONDS)
    return None


async def settled(rig: Rig, head: int, times: dict[str, float | None]) -> list[Settled]:
    """Where each replica is at the end; ``times`` are of :func:`reached`."""
    found = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        for name in rig.replicas:
            await _reach(rig, name, head, TELL_SECONDS, session)
            told = await _asked(rig, name, session)
            position = told["applied_position"] if told else 0
            found.append(Settled(name, position, times[name]))
    return found


async def _asked(rig: Rig, name: str, session: aiohttp.ClientSession) -> dict[str, Any] | None:
    try:
        async with session.get(f"{rig.replicas[name].url}/prompt") as answer:
            told: dict[str, Any] = await answer.json()
            return told
    except (aiohttp.ClientError, TimeoutError):
        return None


async def told(rig: Rig, head: int) -> Sequence[Told]:
    """What fleet views, metrics and ``/readyz`` say, once they had the time to say the truth."""
    began = time.monotonic()
    while True:
        said = [each async for each in _told(rig, head)]
        if all(each.said == each.true for each in said) or time.monotonic() - began > TELL_SECONDS:
            return said
        await asyncio.sleep(0.1)


async def _told(rig: Rig, head: int) -> AsyncIterator[Told]:
    for name, service in rig.processes.items():
        async with rig.session.get(f"{service.url}/readyz") as answer:
            yield Told(name, "readyz", answer.status, 200)
        samples = await _samples(rig, service.url)
        if name in rig.replicas:
            yield Told(name, "applied position", samples["promptcast_applied_position", ""], head)
            state = samples.get(("promptcast_replica_state", 'state="current"'))
            yield Told(name, "current", state, 1.0)
            continue
        yield Told(name, "head", samples["promptcast_log_head_position", ""], head)
        fleet = await rig.api(name).fleet()
        shown = {id: (each["state"], each["applied_position"]) for id, each in fleet.items()}
        yield Told(name, "the fleet", shown, dict.fromkeys(rig.replicas, ("current", head)))
        for replica in rig.replicas:
            sample = ("promptcast_replica_applied_position", f'replica="{replica}"')
            yield Told(name, f"{replica}'s position", samples.get(sample), head)


async def _samples(rig: Rig, url: str) -> dict[tuple[str, str], float]:
    async with rig.session.get(f"{url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    found = (_SAMPLE.match(line) for line in lines if not line.startswith("#"))
    return {(each[1], each[2] or ""): float(each[3]) for each in found if each}
