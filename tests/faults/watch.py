"""The watch: sees where every replica is in the log: it asks them, and hears their reports."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import redis.asyncio as redis
from redis.exceptions import RedisError

from projections.reports import Report
from tests.faults.history import Sighting
from tests.faults.rig import Rig

LOOK_SECONDS = 0.02
ASK_SECONDS = 2.0


@asynccontextmanager
async def watched(rig: Rig) -> AsyncIterator[None]:
    """The replicas are watched as long as the block runs."""
    timeout = aiohttp.ClientTimeout(total=ASK_SECONDS)
    over = asyncio.Event()  # a client may take a cancellation for its own timeout, and go on
    async with aiohttp.ClientSession(timeout=timeout) as session:
        tasks = [asyncio.create_task(_ask(rig, name, session, over)) for name in rig.replicas]
        tasks.append(asyncio.create_task(_listen(rig, over)))
        try:
            yield
        finally:
            over.set()
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
    bugs = [each for each in ended if isinstance(each, Exception)]
    if bugs:
        raise bugs[0]


async def _ask(rig: Rig, name: str, session: aiohttp.ClientSession, over: asyncio.Event) -> None:
    while not over.is_set():
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            if seen := await sighting(rig, name, session):
                rig.history.sightings.append(seen)
        await asyncio.sleep(LOOK_SECONDS)


async def sighting(rig: Rig, name: str, session: aiohttp.ClientSession) -> Sighting | None:
    """Where a replica says that it is; None when another process is in its place meanwhile."""
    life, began = rig.life(name), time.monotonic()
    async with session.get(f"{rig.replicas[name].url}/prompt") as answer:
        told = await answer.json()
    ended = time.monotonic()
    if rig.life(name) != life:
        return None
    return Sighting(name, life, began, ended, told["applied_position"], state=told["state"])


async def _listen(rig: Rig, over: asyncio.Event) -> None:
    """The stream of reports, straight from the server; where it has gone, from its new beginning."""
    key, last = rig.services.keys.reports, "$"
    while not over.is_set():
        client = redis.Redis.from_url(rig.server.url, protocol=2, socket_timeout=5)
        with contextlib.suppress(RedisError, OSError):
            async with client:
                while not over.is_set():
                    found: Any = await client.xread({key: last}, count=500, block=500)
                    for _, entries in found or ():
                        last = entries[-1][0].decode()
                        _hear(rig, [fields for _, fields in entries])
        await asyncio.sleep(0.1)


def _hear(rig: Rig, entries: list[dict[bytes, bytes]]) -> None:
    now = time.monotonic()
    for fields in entries:
        report = Report.parse(fields.get(b"report", b""))
        if report is not None and not report.left:
            life = f"{report.replica}/{report.instance}"
            seen = Sighting(
                report.replica,
                life,
                now,
                now,
                report.position,
                report.hash,
                report.state,
                report.sequence,
            )
            rig.history.sightings.append(seen)
