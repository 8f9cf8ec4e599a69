"""Mending: what an operator does about a log, by the same calls as the CLI's."""

from typing import Literal

from tests.faults.aftermath import promised
from tests.faults.scenario import Stage
from tests.system.patience import becomes

LogName = Literal["log", "access"]
BOTH: tuple[LogName, ...] = ("log", "access")
SETTLE_SECONDS = 30.0


async def settles(stage: Stage, admin: str, keep: Literal["log", "journal"]) -> None:
    """``promptcast fork keep-log`` or ``keep-journal`` at one admin, for what is in doubt there."""
    for log in BOTH:
        await _settled(stage, admin, keep, log)


async def _settled(stage: Stage, admin: str, keep: str, log: LogName) -> None:
    said: list[str] = []

    async def done() -> bool:
        if await state_of(stage, admin, log) == "open":
            return True
        body = {"keep": keep, "log": log}
        answer = await stage.rig.api(admin).call("POST", "/logs/settle", body=body)
        said.append(f"{answer.status} {answer.body[:300]!r}")
        return False

    try:
        await becomes(done, seconds=SETTLE_SECONDS)
    except TimeoutError:
        promised(stage, False, f"{log} is settled at {admin}: {said[-3:]}")


async def state_of(stage: Stage, admin: str, log: LogName = "log") -> str:
    """How a log stands, as one admin sees it."""
    forks = (await stage.rig.api(admin).call("GET", "/forks")).json
    return str(forks[log]["state"])
