"""Measuring one fleet: idle, under saves, and then as many bare readers on the same server."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median

from tests.bench.child import Child
from tests.bench.fanout.crowd import Appender, appending, crowd, everywhere
from tests.bench.fanout.meter import RESTED_SECONDS, Meter, Used, cpu_of, rested
from tests.bench.fanout.result import Fleet, Idle, Spread, Times
from tests.bench.fanout.saving import saved
from tests.bench.ledger import KEYS, Ledger, write
from tests.servers import Server
from tests.soak.gauges import resident
from tests.system.services import Service, Services

SIZES = (2_048, 60_000)
WARM_UP = 2
"""Saves of each size that are not counted."""
PING_SECONDS = 0.02
"""Between two of them."""
QUIET_SECONDS, QUIET_EACH = 0.05, 0.0003
"""Between two saves: what is said behind a swap (acknowledgement, report) is no part of the next one."""
BURSTS = 3


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of it."""

    saves: int = 20
    """Of each size, on each side; and by the admin's API."""
    processes: int = 2
    """That hold the members: as many as there are cores to spare."""
    idle_seconds: float = 5.0
    rested_seconds: float = RESTED_SECONDS
    pings: int = 100


SMOKE = Scale(saves=2, processes=1, idle_seconds=0.5, rested_seconds=0.2, pings=5)
"""Only enough to see that it works."""


async def measured(server: Server, members: int, scale: Scale) -> Fleet:
    """One row of each table, on a server that was just started."""
    url = f"redis://127.0.0.1:{server.port}/0"
    with server.client() as client:
        meter = Meter(client)
        async with _admin(server, url) as (admin, ledger), appending(url, ledger) as appender:
            await rested(meter.connections, scale.rested_seconds)
            held = meter.held()
            async with crowd("ours", url, members, scale.processes) as children:
                scene = Scene(meter, appender, children, members)
                idle = await _idle(scene, admin, held, scale)
                ours = [await scene.spread(size, scale.saves, idle.used) for size in SIZES]
                waited, missed = await saved(admin, members, scale.saves)
                connected = meter.connections()
            left = await rested(meter.connections, scale.rested_seconds)
        client.flushall()
        async with (
            appending(url, _begun(server)) as appender,
            crowd("bare", url, members, scale.processes) as children,
        ):
            scene = Scene(meter, appender, children, members)
            floor = [await scene.spread(size, scale.saves) for size in SIZES]
    return Fleet(members, (connected - left) / members, idle, waited, missed, ours, floor)


def _begun(server: Server) -> Ledger:
    """A log with one small prompt."""
    ledger = Ledger(SIZES[0])
    with server.client() as client:
        write(client, ledger.entries(2))
    return ledger


@asynccontextmanager
async def _admin(server: Server, url: str) -> AsyncIterator[tuple[Service, Ledger]]:
    ledger, services = _begun(server), Services(server, KEYS)
    try:
        yield await asyncio.to_thread(services.admin, url), ledger
    finally:
        await asyncio.to_thread(services.close)


@dataclass(frozen=True, slots=True)
class Scene:
    """A fleet that has joined."""

    meter: Meter
    appender: Appender
    children: Sequence[Child]
    members: int

    async def spread(self, size: int, saves: int, idle: Used | None = None) -> Spread:
        """So many saves, one after the other; ``idle`` is what the server uses without them."""
        self.appender.ledger.size = size
        for _ in range(WARM_UP):
            await self._save()
        before = self.meter.used()
        times = [await self._save() for _ in range(saves)]
        used = self.meter.used().since(before)
        used = (used.beyond(idle) if idle else used).by(saves)
        last, answered = zip(*times, strict=True)
        burst = median([await self._burst() for _ in range(BURSTS)])
        return Spread(
            size, Times(last), Times(answered), used.cpu * 1e3, used.sent, used.logged, burst
        )

    async def _save(self) -> tuple[float, float]:
        """ms until the last member had it, and until the append was answered."""
        at, answered = await self.appender.append()
        last = await everywhere(self.children)
        await self._quiet()
        return (last - at) / 1e3, answered

    async def _burst(self) -> int:
        """What the server holds when all are woken, beyond what it held before."""
        held = self.meter.held()
        weighed = await self.appender.append_and_weigh()
        await everywhere(self.children)
        await self._quiet()
        return weighed - held

    async def _quiet(self) -> None:
        await asyncio.sleep(QUIET_SECONDS + self.members * QUIET_EACH)


async def _idle(scene: Scene, admin: Service, held: int, scale: Scale) -> Idle:
    meter, pid = scene.meter, admin.process.pid
    before, busy = meter.used(), cpu_of(pid)
    await asyncio.sleep(scale.idle_seconds)
    used, busied = meter.used().since(before), cpu_of(pid)
    reports = meter.size(KEYS.reports)
    return Idle(
        memory=(meter.held() - held - reports) / scene.members,
        used=used.a_second(),
        ping=Times(tuple([await _ping(scene.appender) for _ in range(scale.pings)])),
        reports=reports,
        admin_cpu=None if busy is None or busied is None else (busied - busy) / used.seconds,
        admin_memory=resident(pid),
    )


async def _ping(appender: Appender) -> float:
    await asyncio.sleep(PING_SECONDS)
    return await appender.ping()
