"""A replica that starts on a log of 100,000 events of 2 KB.

With a snapshot: real processes, from the start of ``promptcast chat`` until ``/readyz`` says so; the
interpreter and its imports are in it. The snapshot is the admin's own, and the log goes on behind it by
as many events as a snapshot may ever lag. Nothing stands beside it: the target is in seconds.

Replaying all: the follower's own catch-up, in this process, with everything checked (hash, chain,
schema, template). One floor reads the same entries by the same client and does nothing with them; the
other one hashes them, which is the least that anybody must do who does not believe what he reads.
"""

import asyncio
import hashlib
import time
from statistics import median

from tests.bench.bare import ask, connected
from tests.bench.ledger import KEYS, NAMESPACE, Ledger, write
from tests.bench.replica import Replica
from tests.bench.rounds import Rounds
from tests.bench.row import Bound, Row
from tests.bench.scale import Scale
from tests.bench.server import server
from tests.servers import Server
from tests.system.services import Services

SIZE = 2048
READ = 1_000
"""Entries a read of the floor: so many make the round trip cheap."""


async def rows(scale: Scale) -> list[Row]:
    """The start, and the replay against each floor."""
    with server() as running:
        ledger = Ledger(SIZE)
        write(running.client(), ledger.entries(scale.events - scale.behind))
        starts = await asyncio.to_thread(_starts, running, ledger, scale)
        bare, hashed = await _replays(running.url, scale)
    name, unit = f"replay of {scale.events:,} events, 2 KB", "events/s"
    return [
        Row(
            f"start, {scale.events:,} events, snapshot", "s", median(starts),
            ours_p99=max(starts), bounds=(Bound("ours", "<", 1.0),),
        ),
        Row.of_rates(f"{name}, against reading", unit, bare, Bound("ours", "≥", 100_000)),
        Row.of_rates(f"{name}, against reading and hashing", unit, hashed),
    ]  # fmt: skip


def _starts(running: Server, ledger: Ledger, scale: Scale) -> list[float]:
    services = Services(running, KEYS)
    try:
        services.admin().process.end()  # it keeps a snapshot when it leaves
        write(running.client(), ledger.entries(scale.behind))
        return [_start(services, f"chat-{number}") for number in range(scale.starts)]
    finally:
        services.close()


def _start(services: Services, name: str) -> float:
    began = time.perf_counter()
    replica = services.chat(name)
    took = time.perf_counter() - began
    replica.process.end()
    if '"snapshot_used"' not in replica.process.said():
        raise RuntimeError(f"no snapshot was used: {replica.process.said()}")
    return took


async def _replays(url: str, scale: Scale) -> tuple[Rounds, Rounds]:
    bare, hashed = Rounds(), Rounds()
    for _ in range(scale.replays):
        bare.floor.append([await _read(url, hashing=False)])
        hashed.floor.append([await _read(url, hashing=True)])
        replayed = [await _replay(url, scale.events)]
        bare.ours.append(replayed)
        hashed.ours.append(replayed)
    return bare, hashed


async def _replay(url: str, events: int) -> float:
    replica = Replica.at(url, NAMESPACE)
    await replica.log.pulse()  # connected, as the floor is
    began = time.perf_counter()
    await replica.follower.catch_up()
    took = time.perf_counter() - began
    await replica.close()
    if replica.follower.position != events or replica.follower.applied.rejected:
        raise RuntimeError(f"applied {replica.follower.position} of {events} events")
    return events / took


async def _read(url: str, *, hashing: bool) -> float:
    connection, last, count = await connected(url), b"0-0", 0
    began = time.perf_counter()
    while found := await ask(connection, "XRANGE", KEYS.log, b"(" + last, "+", "COUNT", READ):
        if hashing:
            for _, (_, event, *_) in found:
                hashlib.sha256(event).hexdigest()
        count, last = count + len(found), found[-1][0]
    took = time.perf_counter() - began
    await connection.disconnect(nowait=True)
    return count / took
