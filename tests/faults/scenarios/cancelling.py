"""Cancelling: calls are given up at any moment; nobody gets another's reply, and no connection leaks."""

import asyncio
import json
import secrets
from collections import Counter
from collections.abc import Iterator

from events.chain import GENESIS, Chain, Head, read
from events.envelope import Stamp, digest
from events.errors import Conflict, LogError
from events.model import LogOpened
from events.signing import KeyRing
from events.streams.keys import Keys
from events.streams.link import Link, connector
from events.streams.log import RedisLog
from events.writing import seal
from tests.faults.aftermath import promised
from tests.faults.scenario import Scenario, Stage
from tests.system.hand import Hand, saved

CALLS, APPENDS = 10_000, 1_000
LINKS, CALLERS = 4, 40
MOST_YIELDS = 12


async def links(stage: Stage) -> None:
    """Ten thousand calls over a few links, most of them cancelled in the midst of it."""
    before = await asyncio.to_thread(_connections, stage)
    made = [Link(connector(stage.rig.server.url)) for _ in range(LINKS)]
    seen: Counter[str] = Counter()
    left = iter(range(CALLS))
    await asyncio.gather(*(_caller(stage, made, left, seen) for _ in range(CALLERS)))
    for link in made:
        mine = secrets.token_bytes(8)
        promised(
            stage, await link.call("ECHO", mine) == mine, "a link goes on as if nothing had been"
        )
    during = await asyncio.to_thread(_connections, stage)
    promised(stage, during - before <= LINKS, f"{during - before} connections for {LINKS} links")
    for link in made:
        await link.close()
    promised(stage, not seen["wrong"], f"{seen['wrong']} callers got what was another's")
    stage.bites(seen["cancelled"] > CALLS / 4, f"cancelled were only {seen['cancelled']}")
    stage.bites(seen["answered"] > CALLS / 20, f"answered were only {seen['answered']}")


async def _caller(stage: Stage, made: list[Link], left: Iterator[int], seen: Counter[str]) -> None:
    for number in left:
        link, word = stage.chance.choice(made), b"%d" % number
        calling = asyncio.create_task(link.call("ECHO", word))
        for _ in range(stage.chance.randrange(MOST_YIELDS)):
            await asyncio.sleep(0)
        if stage.chance.random() < 0.2:
            await asyncio.wait([calling])
        calling.cancel()
        try:
            reply = await calling
            seen["answered" if reply == word else "wrong"] += 1
        except asyncio.CancelledError:
            seen["cancelled"] += 1
        except LogError:
            seen["failed"] += 1


async def appends(stage: Stage) -> None:
    """A thousand appends to a log of their own, cancelled at any moment: each landed once, or never."""
    keys = Keys(f"c-{secrets.token_hex(6)}")
    log = RedisLog.over(connector(stage.rig.server.url), keys)
    with Hand(stage.rig.server.client(), keys) as hand:
        hand.write(LogOpened(log_id="cancelled"))
    done: set[str] = set()
    tried: list[str] = []
    for number in range(APPENDS):
        id = f"try-{number}"
        tried.append(id)
        if await _append(stage, log, id):
            done.add(id)
    await log.close()
    with Hand(stage.rig.server.client(), keys) as hand:
        chain, landed = Chain(), Counter[str]()
        for entry in hand.entries():
            chain, _ = read(chain, entry, KeyRing())
            landed.update(id for id in [_id(entry.event)] if id in set(tried))
        hand.client.delete(keys.log)
    promised(stage, not [id for id in done if landed[id] != 1], "what was answered landed once")
    promised(stage, max(landed.values()) == 1, "nothing landed twice")
    stage.bites(len(done) < APPENDS * 0.9, "hardly any was cancelled")
    stage.bites(len(done) > APPENDS * 0.02, "hardly any was answered")


async def _append(stage: Stage, log: RedisLog, id: str) -> bool:
    head = await _head(log)
    event = saved("cancelled", head.position, f"You are {id}.")
    draft = seal(event, Stamp(id, "/cancelled", log.clock.now(), "nobody"), head, KeyRing())
    appending = asyncio.create_task(log.append(draft, head, 5.0))
    for _ in range(stage.chance.randrange(MOST_YIELDS)):
        await asyncio.sleep(0)
    if stage.chance.random() < 0.2:
        await asyncio.wait([appending])
    appending.cancel()
    try:
        await appending
    except (asyncio.CancelledError, Conflict):  # one that was cancelled lands after we looked
        return False
    return True


async def _head(log: RedisLog) -> Head:
    position = (await log.pulse()).head_position
    (last,) = await log.read(position - 1, count=1) if position else (None,)
    if last is None:
        return GENESIS
    return Head(last.position, last.hash, digest(last.event))


def _id(event: bytes) -> str:
    return str(json.loads(event)["id"])


def _connections(stage: Stage) -> int:
    with stage.rig.server.client() as client:
        return len([each for each in client.client_list() if each["cmd"] == "echo"])


SCENARIOS = (
    Scenario("calls-cancelled", "10,000 calls are cancelled at any moment", links, quick=True),
    Scenario("appends-cancelled", "1,000 appends are cancelled at any moment", appends),
)  # fmt: skip
