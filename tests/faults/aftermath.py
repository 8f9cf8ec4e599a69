"""The aftermath: what a fault has left of the log, and what was promised to come of it."""

import asyncio
import re
import subprocess
from collections.abc import Callable

from events.chain import Entry
from tests.faults.facts import data_of
from tests.faults.quiet import log_of
from tests.faults.rig import Rig
from tests.faults.scenario import Stage
from tests.system.patience import becomes
from tests.system.process import environment, promptcast
from tests.system.services import KEY

VERIFY_SECONDS = 30.0
_SAMPLE = re.compile(r"^(\w+)(?:\{.*\})? (\S+)$", re.MULTILINE)


def furthest(stage: Stage) -> int:
    """The last position that any client was told its change stands at."""
    changes = stage.rig.history.changes
    return max((each.position or 0 for each in changes if each.appended), default=0)


def head_now(stage: Stage) -> int:
    """Where the log ends; 0 when there is none."""
    with stage.rig.services.hand() as hand:
        return hand.head().position


async def alone(stage: Stage, *options: str) -> int:
    """Start the server, which was killed, while nobody reaches it; where its log ends. Then they do."""
    rig = stage.rig
    names = [name for name in rig.links if name != "model"]
    for name in names:
        rig.links[name].black_hole()
    await asyncio.to_thread(rig.server.start, *options)
    left = await asyncio.to_thread(head_now, stage)
    for name in names:
        rig.mend(name)
    rig.well("server")
    return left


def promised(stage: Stage, kept: object, what: str) -> None:
    """A promise of ours beside the invariants: it is a violation unless ``kept``."""
    stage.demands(kept, f"not as promised: {what}")


async def becomes_so(
    stage: Stage, what: str, so: Callable[[], bool], seconds: float = 20.0
) -> bool:
    """Whether ``so`` becomes true, as was promised; it blocks shortly, and is asked in a thread."""

    async def is_so() -> bool:
        return await asyncio.to_thread(so)

    try:
        await becomes(is_so, seconds=seconds)
    except TimeoutError:
        promised(stage, False, f"within {seconds:g} s: {what}")
        return False
    return True


def healings(rig: Rig) -> list[tuple[int, int]]:
    """What the log says of its own healing: behind which position, through which."""
    return [
        (int(str(data["after"])), int(str(data["through"])))
        for entry in log_of(rig)
        if _is_healing(entry)
        for data in (data_of(entry),)
    ]


def _is_healing(entry: Entry) -> bool:
    return b'"promptcast.LogHealed.v1"' in entry.event


def trimmed_through(rig: Rig) -> int:
    """Through which position the log says that it was trimmed; 0: not at all."""
    said = (data_of(e) for e in log_of(rig) if b'"promptcast.LogTrimmed.v1"' in e.event)
    return max((int(str(data["through"])) for data in said), default=0)


async def heals(stage: Stage, left: int, acknowledged: int) -> None:
    """Promised: a log that ended at ``left`` holds all through ``acknowledged`` soon, and says so. Of one
    that is gone (0) comes back what had not been trimmed."""

    def so() -> bool:
        kept = left or trimmed_through(stage.rig)
        return any(
            after == kept and through >= acknowledged for after, through in healings(stage.rig)
        )

    await becomes_so(stage, f"LogHealed behind {left} through {acknowledged} or more", so)


async def metric(rig: Rig, name: str, of: str) -> float:
    """The sum of a metric's samples at a process."""
    async with rig.session.get(f"{rig.processes[of].url}/metrics") as answer:
        text = await answer.text()
    return sum(float(value) for found, value in _SAMPLE.findall(text) if found == name)


async def verified(rig: Rig) -> tuple[int, str]:
    """``promptcast verify``: its exit status, and what it said."""
    return await asyncio.to_thread(_verified, rig.admins["admin-1"].url)


def _verified(url: str) -> tuple[int, str]:
    ended = subprocess.run(
        promptcast("verify"), capture_output=True, text=True, timeout=VERIFY_SECONDS, check=False,
        env=environment({"PROMPTCAST_URL": url, "PROMPTCAST_API_KEY": KEY}),
    )  # fmt: skip
    return ended.returncode, ended.stdout + ended.stderr
