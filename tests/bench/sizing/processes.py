"""Facts about processes: what an admin and a replica hold, and what prompts add to it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from redis import Redis

from events.streams.keys import Keys
from tests.bench.fanout.meter import cpu_of, rested
from tests.bench.ledger import prompt
from tests.bench.sizing.fact import Fact
from tests.servers import Server
from tests.soak.gauges import resident
from tests.system.hand import Hand
from tests.system.services import Service, Services

FEW, MANY = 100, 300
"""Prompts that a replica is started with: both more than the last events that it keeps as they came."""
SMALL, LARGE = 2_048, 60_000
IDLE_SECONDS = 10.0
HEARTBEATS = 10
MB, KB = 1e6, 1e3


@asynccontextmanager
async def house(server: Server, namespace: str) -> AsyncIterator[tuple[Services, Hand]]:
    """Services over a log that has begun, in a namespace of their own; they end with this."""
    services = Services(server, Keys(namespace))
    try:
        with services.hand() as hand:
            hand.open()
            yield services, hand
    finally:
        await asyncio.to_thread(services.close)


def url_of(server: Server) -> str:
    """Where it listens, as in earnest."""
    return f"redis://127.0.0.1:{server.port}/0"


async def fleet(server: Server) -> list[Fact]:
    """An admin and a replica, each once it has come to rest."""
    async with house(server, "fleet") as (services, hand):
        hand.save("system", 1, prompt(1, SMALL))
        known = connections(hand.client)
        admin = await asyncio.to_thread(services.admin, url_of(server))
        facts = await _facts("admin", admin, hand.client, known)
        known = connections(hand.client)
        replica = await asyncio.to_thread(services.chat, "chat-1", url_of(server))
        facts += await _facts("replica", replica, hand.client, known)
        return [*facts, _heartbeat(hand, 1)]


async def _facts(of: str, service: Service, client: Redis, known: Mapping[str, str]) -> list[Fact]:
    pid = service.process.pid
    held = await rested(lambda: resident(pid))
    await rested(lambda: len(connections(client)))
    ours = Counter(cmd for id, cmd in connections(client).items() if id not in known)
    last = ", ".join(f"{count} × {cmd}" for cmd, count in sorted(ours.items()))
    before = cpu_of(pid)
    await asyncio.sleep(IDLE_SECONDS)
    facts = [
        Fact(of, f"connections to Redis, by their last command: {last}", ours.total(), ""),
        Fact(of, "resident memory, one prompt of 2 KB", held / MB, "MB"),
    ]
    if before is not None:
        share = 100 * ((cpu_of(pid) or 0.0) - before) / IDLE_SECONDS
        facts.append(Fact(of, "processor while nobody asks anything", share, "% of a core"))
    return facts


def connections(client: Redis) -> dict[str, str]:
    """Every connection but this one: its id, and the command that it sent last."""
    listed = client.client_list()
    return {each["id"]: each["cmd"] for each in listed if each["cmd"] != "client|list"}


def _heartbeat(hand: Hand, prompts: int) -> Fact:
    """The longest of the last reports: a heartbeat tells more than an acknowledgement."""
    key = hand.keys.reports
    found = hand.client.execute_command("XREVRANGE", key, "+", "-", "COUNT", HEARTBEATS)
    longest = max(len(fields.get(b"report", b"")) for _, fields in found)
    return Fact("replica", f"report of a heartbeat, {prompts} prompts", longest, "B")


async def prompts(server: Server) -> list[Fact]:
    """What a KB of live prompts adds to a replica, by two replicas that hold few and many."""
    async with house(server, "prompts") as (services, hand):
        few = await _holding(services, hand, 0, FEW)
        many = await _holding(services, hand, FEW, MANY)
        heartbeat = _heartbeat(hand, MANY)
    grown = (many - few) / ((MANY - FEW) * LARGE / KB)
    return [
        Fact("replica", f"resident memory, {FEW} prompts of 60 KB", few / MB, "MB"),
        Fact("replica", "resident memory for a KB of live prompts", grown / KB, "KB"),
        heartbeat,
    ]


async def _holding(services: Services, hand: Hand, had: int, count: int) -> float:
    """The memory of a replica that starts when there are so many prompts."""
    for number in range(had, count):
        hand.save(f"prompt-{number}", 1, prompt(number, LARGE))
    replica = await asyncio.to_thread(services.chat, f"chat-{count}", url_of(services.server))
    return await rested(lambda: resident(replica.process.pid))
