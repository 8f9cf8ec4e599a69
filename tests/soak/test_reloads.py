"""Twenty thousand reloads: a replica holds no more after them than before."""

import asyncio
from collections.abc import Iterator

import aiohttp
import pytest

from tests.servers import Server
from tests.soak.counts import share_of
from tests.soak.gauges import Holds, holds
from tests.system.chat_port import SHAPES, ChatPort
from tests.system.edit_api import EditApi
from tests.system.services import KEY, Service, Services

RELOADS = share_of(20_000)
MEMORY_BYTES = 1024 * 1024
"""What memory may grow by from the middle to the end: half a megabyte each 10,000, and some noise."""
TEXT = "You answer questions about parcels, politely and in few words. " * 32


@pytest.fixture
def services(server: Server) -> Iterator[Services]:
    made = Services(server)
    try:
        made.open_log()
        yield made
    finally:
        made.close()


async def test_twenty_thousand_reloads_leave_memory_series_descriptors_and_pending_entries_flat(
    services: Services, session: aiohttp.ClientSession, model: str
) -> None:
    """Users ask another prompt meanwhile, so that every part of the replica is at work."""
    admin = EditApi(session, (await asyncio.to_thread(services.admin)).url, KEY)
    replica = await asyncio.to_thread(lambda: services.chat("chat-1", model=model))
    port = ChatPort(session, replica.url)
    (await admin.create("steady", "You are version 1.")).expect(201)
    (await admin.create("reloaded", "You are version 1.")).expect(201)

    found: list[Holds] = []
    for quarter in range(4):
        first = quarter * RELOADS // 4 + 2
        for version in range(first, first + RELOADS // 4):
            await reload(admin, version)
            if version % 100 == 0:
                await port.ask("steady", shape=SHAPES[version // 100 % len(SHAPES)])
        found.append(await flat(services, replica, session, port, version))
    for each in found:
        print(f"{each.memory / 1e6:.1f} MB, {each.series} series, {each.descriptors} descriptors")
    _, middle, _, end = found
    assert end.series == middle.series
    assert end.descriptors <= middle.descriptors + 2, "one or two may be open just now"
    assert end.memory - middle.memory < MEMORY_BYTES


async def reload(admin: EditApi, version: int) -> None:
    """A save that the replica has swapped in when this returns."""
    text = f"You are version {version}.\n{TEXT}"
    saved = (await admin.save("reloaded", text)).expect(201).json
    assert saved["version"] == version
    assert saved["propagation"]["state"] == "converged"


async def flat(
    services: Services,
    replica: Service,
    session: aiohttp.ClientSession,
    port: ChatPort,
    version: int,
) -> Holds:
    """What the replica holds; it serves this version, and owes no acknowledgement."""
    served = {each["name"]: each["version"] for each in (await port.serves())["prompts"]}
    assert served == {"steady": 1, "reloaded": version}
    with services.hand() as hand:
        assert hand.pending() == {"chat-1": 0}
    return await holds(replica.process.pid, replica.url, session)
