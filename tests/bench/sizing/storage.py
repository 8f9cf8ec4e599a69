"""Facts about what stays: in the server's memory, its append-only file, a journal, an admin."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench.caller import Caller
from tests.bench.fanout.meter import Meter, rested
from tests.bench.ledger import KEYS, Ledger, prompt, write
from tests.bench.sizing.fact import Fact
from tests.bench.sizing.processes import KB, LARGE, SMALL, house, url_of
from tests.servers import Server
from tests.soak.gauges import resident
from tests.system.services import KEY, Service, Services

SAVES = 50
IDLE_SECONDS = 5.0
EVENTS = 20_000


async def saves(server: Server, meter: Meter) -> list[Fact]:
    """Saves by an admin with a journal, and no replica: what a save leaves behind, by its size."""
    async with house(server, "saves") as (services, _):
        kept = services.directory / "admin"
        admin = await asyncio.to_thread(services.admin, url_of(server), state_dir=str(kept))
        await rested(meter.connections)
        before = meter.used()
        await asyncio.sleep(IDLE_SECONDS)
        idle = meter.used().since(before).a_second()
        facts = [Fact("admin", "append-only file while nobody saves", idle.logged, "B/s")]
        for size in (SMALL, LARGE):
            log, files, used = meter.size(services.keys.log), _size(kept), meter.used()
            await asyncio.to_thread(_save, admin, size)
            name = f"save of {size // 1000} KB"
            logged = meter.used().since(used).beyond(idle).logged
            grown = (meter.size(services.keys.log) - log, logged, _size(kept) - files)
            of = ("server's memory", "append-only file", "journal")
            facts += [
                Fact(name, where, each / SAVES / KB, "KB")
                for where, each in zip(of, grown, strict=True)
            ]
    return facts


def _save(admin: Service, size: int) -> None:
    port = urlsplit(admin.url).port
    assert port is not None
    caller = Caller(port, f"/api/v1/prompts/of-{size}/versions")
    caller.headers |= {"Authorization": f"Bearer {KEY}", "If-None-Match": "*"}
    try:
        for number in range(SAVES):
            caller.call({"template": prompt(number, size)})
            caller.headers.pop("If-None-Match", None)
            caller.headers["If-Match"] = "*"
    finally:
        caller.close()


def _size(directory: Path) -> int:
    return sum(each.stat().st_size for each in directory.rglob("*") if each.is_file())


async def history(server: Server) -> list[Fact]:
    """What an event adds to an admin, which keeps an index of all of them."""
    ledger, held = Ledger(SMALL), {}
    for count in (2, EVENTS):
        with server.client() as client:
            write(client, ledger.entries(count - ledger.head.position))
        held[count] = await _admin(server)
    grown = (held[EVENTS] - held[2]) / (EVENTS - 2)
    return [Fact("admin", f"resident memory for an event, by {EVENTS:,} of 2 KB", grown / KB, "KB")]


async def _admin(server: Server) -> float:
    services = Services(server, KEYS)
    try:
        admin = await asyncio.to_thread(services.admin, url_of(server))
        return await rested(lambda: resident(admin.process.pid))
    finally:
        await asyncio.to_thread(services.close)
