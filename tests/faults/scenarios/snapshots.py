"""Snapshots and kept states: who writes one is killed in the midst of it; it is the old or the new."""

import asyncio
import os
import signal
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

from events.signing import KeyRing
from projections.snapshot import unpack
from tests.faults.aftermath import becomes_so, furthest, promised
from tests.faults.kept_state import file_of, kept_state
from tests.faults.scenario import Scenario, Stage
from tests.faults.slow_disk import SlowDisk, slow_disk
from tests.faults_proxy import Pair
from tests.system.hand import Hand

ADMIN, KILLS = "admin-1", 3
SHELVED = ("history", "live")
KEPT = ("last-good", "tail.jsonl", "loading", "quarantine")
"""All that a replica may have on its disk, but for what is not yet in its place (``.new``)."""


# --- a replica, and its own disk --------------------------------------------------------------------


async def killed_keeping(stage: Stage) -> None:
    """``kill -9`` of a replica between the write of what it keeps and its rename, several times; then
    it starts, with the server or without."""
    name = stage.replica()
    disk = await slow_disk(stage, name)
    caught = 0
    for _ in range(KILLS):
        caught += await _killed_in_between(stage, name, disk)
        torn = await asyncio.to_thread(kept_state, stage.rig, name) is None
        promised(stage, not torn, f"what {name} keeps is whole")
        if stage.chance.random() < 0.5:
            await stage.rig.start(name)
        else:
            await _started_alone(stage, name)
        await stage.saves(2)
    stage.bites(caught, "what it keeps was always in its place already")
    await _tidy(stage, name)


async def _killed_in_between(stage: Stage, name: str, disk: SlowDisk) -> bool:
    """Kill it while the disk takes its time; whether the new file was not in its place. It may be torn:
    nobody has synced it."""
    beside = file_of(stage.rig, name).with_name(f"{name}.last-good.new")
    disk.syncs_take(stage.some(0.5, 1.0))
    await stage.until(beside.exists)
    await stage.lasts(stage.some(0.0, 0.3))
    await stage.rig.kill(name)
    disk.works()
    if not beside.exists():
        return False
    os.truncate(beside, stage.chance.randint(0, beside.stat().st_size))
    return True


async def _started_alone(stage: Stage, name: str) -> None:
    """Start it while the server is down: it answers from what it had kept, the old or the new."""
    rig = stage.rig
    await rig.kill("server")
    kept = await asyncio.to_thread(kept_state, rig, name)
    await rig.start(name)
    said = await rig.port(name).serves()
    told = said["state"], said["applied_position"]
    promised(stage, kept and told == ("stale", kept.position), f"{name} serves {kept}: {told}")
    await rig.start("server")


async def _tidy(stage: Stage, name: str) -> None:
    """Promised: it keeps its state again, and nothing of the deaths is left beside it."""
    known, folder = furthest(stage), stage.rig.state_dir(name)

    def kept() -> bool:
        found = kept_state(stage.rig, name)
        return bool(found and found.position >= known)

    await becomes_so(stage, f"{name} has kept position {known}", kept)
    await becomes_so(stage, "nothing unfinished is left", lambda: not list(folder.glob("*.new")))
    found = {file.name.removesuffix(".new") for file in folder.iterdir()}
    strange = found - {f"{name}.{each}" for each in KEPT}
    promised(stage, not strange, f"nothing else is left on the disk of {name}: {strange}")


# --- an admin, and the shelf in Redis ---------------------------------------------------------------


async def snapshot_killed(stage: Stage) -> None:
    """An admin that ends keeps its snapshots; it is killed with one of them in part on its way."""
    rig = stage.rig
    if not all(_shelved(stage).values()):
        await rig.end(ADMIN)
        await rig.start(ADMIN)
    await stage.saves(3)
    before, sent = _shelved(stage), await _killed_shelving(stage)
    after = _shelved(stage)
    for what, packed in after.items():
        same_or_new = packed == before[what] or any(packed in each for each in sent)
        promised(stage, same_or_new, f"the snapshot of {what} is the old or the new one")
        promised(stage, unpack(packed, KeyRing(), what), f"the snapshot of {what} is whole")
    await _starts_from_it(stage, ADMIN)
    name = stage.replica()
    await rig.kill(name)
    await _starts_from_it(stage, name)
    await stage.saves(2)


async def _killed_shelving(stage: Stage) -> list[bytes]:
    """End the admin, and kill it when a snapshot has passed in part, or whole and unanswered; what was
    sent of them."""
    rig, which = stage.rig, stage.chance.choice(SHELVED)
    share = stage.chance.choice((stage.chance.random(), 1.0))
    sent: defaultdict[int, bytearray] = defaultdict(bytearray)
    met, over = asyncio.Event(), asyncio.Event()

    async def listen(data: bytes, pair: Pair) -> bytes:
        if b":snapshot:" in data or id(pair) in sent:  # a large one comes in several chunks
            sent[id(pair)] += data
        return data

    async def hold(data: bytes, pair: Pair) -> bytes:
        await listen(data, pair)
        if f":snapshot:{which}".encode() not in data:
            return data
        pair.server.write(data[: int(len(data) * share)])
        await pair.server.drain()
        met.set()
        await over.wait()
        return b""

    others = rig.admins.keys() - {ADMIN}  # they keep snapshots, too, now and then
    for name in others:
        rig.links[name].to_server = listen
    rig.links[ADMIN].to_server = hold
    rig.fails(ADMIN, "ended, and killed while it keeps a snapshot")
    rig.processes[ADMIN].process.send(signal.SIGTERM)
    await stage.until(met.is_set)
    await stage.lasts(stage.some(0.0, 0.2))
    await rig.kill(ADMIN)
    over.set()
    rig.mend(ADMIN)
    for name in others:
        rig.links[name].heal()
    return [bytes(each) for each in sent.values()]


def _shelved(stage: Stage) -> dict[str, bytes]:
    with stage.rig.services.hand() as hand:
        return {what: _body(hand, what) for what in SHELVED}


def _body(hand: Hand, what: str) -> bytes:
    found: bytes | None = hand.client.execute_command("HGET", hand.keys.snapshot(what), "body")
    return found or b""


async def _starts_from_it(stage: Stage, name: str) -> None:
    """Promised: whatever is on the shelf is good to start from."""
    out = stage.rig.processes[name].out
    behind = out.stat().st_size
    await stage.rig.start(name)
    # a request that comes first makes an admin read the log, and the sound snapshot may come too late
    known = _says(out, behind, b"snapshot_used", b"snapshot_overtaken")
    await becomes_so(stage, f"{name} starts from a snapshot", known)
    unusable = _says(out, behind, b"snapshot_unusable")
    promised(stage, not unusable(), f"{name} finds the snapshot usable")


def _says(out: Path, behind: int, *words: bytes) -> Callable[[], bool]:
    return partial(_has_said, out, behind, words)


def _has_said(out: Path, behind: int, words: tuple[bytes, ...]) -> bool:
    said = out.read_bytes()[behind:]
    return any(word in said for word in words)


SCENARIOS = (
    Scenario(
        "replica-killed-keeping", "kill -9 of a replica that writes its last good state, thrice a seed",
        killed_keeping,
    ),
    Scenario(
        "snapshot-killed", "kill -9 of an admin with a snapshot in part on its way", snapshot_killed,
    ),
)  # fmt: skip
