"""Disks of replicas: full, broken or slow. Nobody who chats or saves notices; later all is kept."""

import asyncio
import contextlib
import errno
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp

from events.lines import from_line
from events.signing import KeyRing
from projections.snapshot import MAX_BYTES, unpack
from services.chat import kept_file
from tests.faults.aftermath import becomes_so, furthest, promised
from tests.faults.rig import PROMPT, Rig
from tests.faults.scenario import Fault, Scenario, Stage
from tests.faults.slow_disk import SlowDisk, slow_disk
from tests.faults.unmoved import unmoved
from tests.system.patience import becomes

SLOW_SECONDS = 3.0
PROMPT_SECONDS = 1.0
COLD_SECONDS = 20.0
TOLD = ("last_good_not_kept", "tail_not_kept")


def _hurt(do: Callable[[SlowDisk, Stage], None], least: float, *, told: bool) -> Fault:
    async def hurt(stage: Stage) -> None:
        """One replica cannot keep its state for a while; then it does, and starts from it."""
        name = stage.replica()
        disk = await slow_disk(stage, name)
        before = _told(stage.rig, name)
        try:
            async with unmoved(stage, stage.rig.replicas):
                await _meanwhile(stage, name, disk, lambda: do(disk, stage), least)
            if told:
                what = f"{name} tells that it keeps neither state nor tail"
                await becomes_so(stage, what, lambda: _is_more(_told(stage.rig, name), before))
        finally:
            disk.works()
            stage.rig.over()
        await _keeps(stage, name)
        await _starts_from_it(stage, name)

    return hurt


async def _meanwhile(
    stage: Stage, name: str, disk: SlowDisk, do: Callable[[], None], least: float
) -> None:
    """Promised: no change waits in vain for everybody, and the replica holds its claim throughout."""
    began, hurt = time.monotonic(), disk.failed + disk.slowed
    do()
    await stage.until(lambda: disk.failed + disk.slowed > hurt)
    lapsed = await _lapses(stage, name, stage.some(least, least + 1.5))
    promised(stage, not lapsed, f"{name} holds the claim on its id: it lapsed {lapsed} times")
    await stage.saves(3)
    spread = [e for e in stage.changes() if e.barrier and e.barrier.state == "converged"]
    stage.bites([e for e in spread if e.began >= began], "nobody waited for everybody")
    vain = [each.marker for each in stage.partial() if each.began >= began]
    promised(stage, not vain, f"nobody waits in vain for everybody: {vain[:3]}")


async def _lapses(stage: Stage, name: str, seconds: float) -> int:
    """How often nobody held the claim on a replica's id when it was looked at, for so long.

    A look that the server kept waiting says nothing of the replica: it could not renew its claim then.
    """
    until, lapsed = time.monotonic() + seconds, 0
    with stage.rig.services.hand() as hand:
        while time.monotonic() < until:
            looked, key = time.monotonic(), hand.keys.replica(name)
            held = await asyncio.to_thread(hand.client.exists, key)
            lapsed += not held and time.monotonic() - looked < PROMPT_SECONDS
            await stage.lasts(0.1)
    return lapsed


async def _keeps(stage: Stage, name: str) -> None:
    """Promised: once the disk works, last good state and tail are kept up to where the log was."""
    head = furthest(stage)
    what = f"{name} keeps its state and its tail through {head}"
    await becomes_so(stage, what, lambda: min(_kept(stage.rig, name)) >= head)


async def _starts_from_it(stage: Stage, name: str) -> None:
    """Promised: killed, and cut off from the log, it answers from what it kept, and says so."""
    rig, service = stage.rig, stage.rig.replicas[name]
    await rig.kill(name)
    kept, _ = await asyncio.to_thread(_kept, rig, name)
    rig.links[name].black_hole()
    await asyncio.to_thread(service.start, None)

    async def answers() -> bool:
        with contextlib.suppress(aiohttp.ClientError):
            return bool((await rig.port(name).serves())["applied_position"] >= kept)
        return False

    try:
        await becomes(answers, seconds=COLD_SECONDS)
        said = await rig.port(name).ask(PROMPT)
        promised(stage, "X-Prompt-Stale" in said.headers, f"{name}, cut off, says that it is stale")
    except TimeoutError:
        promised(stage, False, f"{name} starts at {kept}, which it kept, while it is cut off")
    rig.mend(name)
    await asyncio.to_thread(service.until, 200, "/readyz")
    rig.well(name)


# --- what is on the disk, and what is told --------------------------------------------------------


def _kept(rig: Rig, name: str) -> tuple[int, int]:
    """Up to where the last good state goes, and the tail; 0 for what is not there, or no good."""
    folder = rig.state_dir(name)
    return _state(folder / f"{name}.last-good"), _tail(folder / f"{name}.tail.jsonl")


def _state(file: Path) -> int:
    packed = kept_file.read(file, MAX_BYTES)
    snapshot = unpack(packed, KeyRing(), "last-good") if packed else None
    return snapshot.chain.head.position if snapshot else 0


def _tail(file: Path) -> int:
    lines = (kept_file.read(file, MAX_BYTES) or b"").splitlines()
    return from_line(lines[-1]).position if lines else 0


def _told(rig: Rig, name: str) -> list[int]:
    """How often a replica has said in its log that it could not keep something, by what."""
    said = rig.replicas[name].process.out.read_text(errors="replace")
    return [said.count(word) for word in TOLD]


def _is_more(now: list[int], before: list[int]) -> bool:
    return all(n > b for n, b in zip(now, before, strict=True))


def _full(disk: SlowDisk, stage: Stage) -> None:
    disk.writes_fail(errno.ENOSPC, torn=stage.chance.random() < 0.5)


def _broken(disk: SlowDisk, _stage: Stage) -> None:
    disk.syncs_fail(errno.EIO)


def _slow(disk: SlowDisk, _stage: Stage) -> None:
    disk.syncs_take(SLOW_SECONDS)


SCENARIOS = (
    Scenario(
        "replica-disk-full", "a replica's disk is full: it goes on, says so, and keeps its state later",
        _hurt(_full, 1.5, told=True),
    ),
    Scenario(
        "replica-disk-broken", "a replica's fsync gives EIO", _hurt(_broken, 1.5, told=True)
    ),
    Scenario(
        "replica-disk-slow", "a replica's fsync takes three seconds", _hurt(_slow, 8.0, told=False),
    ),
)  # fmt: skip
