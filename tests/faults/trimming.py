"""Trimming: what an operator does so that the log's oldest events go; and what is promised of it."""

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import Any

from events.chain import Entry
from services.admin.mending.trimming import LEAST_KEPT, LEAST_TRIMMED
from services.cli.log_entries import entries, next_cursor
from tests.faults.aftermath import furthest, promised, verified
from tests.faults.quiet import log_of, past_of
from tests.faults.scenario import Stage
from tests.faults.tries import save_try
from tests.system.answers import Answer
from tests.system.patience import becomes

ADMIN = "admin-1"
TRIM_SECONDS = 30.0
GROW_SECONDS = 90.0
"""More than a hundred saves, on a small machine that has other things to do."""
GROWERS = 3
_CLIENTS = count(1)
READ_SECONDS = 15.0
PAGE = 1_000


def begins(stage: Stage) -> int:
    """The position that the log begins with on the server; 0 when there is none. Blocks."""
    with stage.rig.services.hand() as hand:
        found: Any = hand.client.xrange(hand.keys.log, count=1)
    return int(found[0][0].split(b"-")[0]) if found else 0


async def grows(stage: Stage, behind: int) -> None:
    """Have the log grow until it may be trimmed beyond the position ``behind``, and is, even if it was
    trimmed through that: the load's own savers wait for barriers, and somebody may be out."""
    due = behind + LEAST_KEPT + LEAST_TRIMMED + 5
    grown = lambda: furthest(stage) >= due  # noqa: E731
    up = [name for name, each in stage.rig.admins.items() if each.process.status is None]
    growers = [asyncio.create_task(_grow(stage, up[n % len(up)])) for n in range(GROWERS)]
    try:
        await stage.until(grown, GROW_SECONDS)
    finally:
        for grower in growers:
            grower.cancel()
        await asyncio.gather(*growers, return_exceptions=True)


async def _grow(stage: Stage, admin: str) -> None:
    client = f"g{next(_CLIENTS)}"
    for number in count(1):
        marker = f"{stage.load.run}-{client}-{number}"
        saving = asyncio.ensure_future(save_try(stage.rig, admin, client, marker))
        try:
            await asyncio.shield(saving)
        finally:  # what was begun is noted, too
            stage.rig.history.changes.append(await saving)


async def can_be_trimmed(stage: Stage) -> None:
    """Wait until something can go at all."""
    await grows(stage, await asyncio.to_thread(begins, stage) + stage.chance.randint(5, 40))


async def asked(stage: Stage, admin: str = ADMIN) -> Answer:
    """Ask one admin to trim all that it may, once; the archive holds all that there is now."""
    with stage.rig.services.hand() as hand:
        head = await asyncio.to_thread(hand.head)
    archived = {"position": head.position, "hash": head.digest}
    body = {"keep": LEAST_KEPT, "archived": archived}
    return await stage.rig.api(admin).call("POST", "/logs/trim", body=body)


async def trims(stage: Stage, admin: str = ADMIN, before: int | None = None) -> int:
    """Promised: one admin trims, though somebody may be in its way for a while. The position through
    which that is. The run is void when nothing went since the log began with ``before`` (None: now)."""
    first = await asyncio.to_thread(begins, stage) if before is None else before
    said: list[str] = []

    async def done() -> Any:
        answer = await asked(stage, admin)
        said.append(f"{answer.status} {answer.body[:300]!r}")
        return answer.json if answer.status == 200 else None

    try:
        told = await becomes(done, seconds=TRIM_SECONDS)
    except TimeoutError:
        promised(stage, False, f"{admin} trims the log: {said[-3:]}")
        return first - 1
    after = await asyncio.to_thread(begins, stage)
    stage.bites(after > first, f"nothing went: the log begins with {first} still, {said[-1]}")
    promised(stage, after == told["through"] + 1, f"the log begins with {after}: {told}")
    kept = told["head"] - told["through"]
    promised(stage, kept >= LEAST_KEPT, f"so many events are kept, at least: {told}")
    return after - 1


async def is_whole(stage: Stage) -> None:
    """Promised: every admin shows all that is in the log now; ``promptcast verify`` is content."""
    served = await asyncio.to_thread(log_of, stage.rig)
    log = [*await asyncio.to_thread(past_of, stage.rig, served), *served]
    for name in stage.rig.admins:
        await _shows(stage, name, log)
    status, said = await verified(stage.rig)
    promised(stage, status == 0, f"verify is content: {status} {said[-300:]}")


async def _shows(stage: Stage, admin: str, log: Sequence[Entry]) -> None:
    shown: list[Entry] = []

    async def so() -> bool:
        shown[:] = await shown_by(stage, admin)
        return shown[: len(log)] == log  # it may grow meanwhile

    try:
        await becomes(so, seconds=READ_SECONDS)
    except TimeoutError:
        missing = sorted({each.position for each in log} - {each.position for each in shown})
        what = f"{admin} shows all {len(log)} events: {len(shown)}, without {missing[:5]}"
        promised(stage, False, what)


async def shown_by(stage: Stage, admin: str) -> list[Entry]:
    """All that one admin shows of the log, up to where it cannot."""
    found: list[Entry] = []
    cursor: int | None = 0
    while cursor is not None:
        query = {"cursor": cursor, "limit": PAGE}
        answer = await stage.rig.api(admin).call("GET", "/events", query=query)
        if answer.status != 200:
            break
        found += entries(answer.body)
        cursor = next_cursor(answer.body)
    return found
