"""Memory per 10,000 reloads: what one replica's resident memory has grown by.

A real ``promptcast chat``. Each event is appended when the one before was reported, so that every one
is a reload of its own. The first ten thousand are not counted: caches fill, and the allocator finds its
size. Nothing stands beside it: the target is in MB.
"""

import json
from statistics import median
from typing import Any

from redis import Redis

from tests.bench.ledger import KEYS, Ledger, fields, write
from tests.bench.row import Bound, Row
from tests.bench.scale import Scale
from tests.bench.server import server
from tests.soak.gauges import resident
from tests.system.services import Services

SIZE = 2048
PER = 10_000
REPLICA = "chat-1"
REPORT_MILLISECONDS = 10_000


async def rows(scale: Scale) -> list[Row]:
    """The one row."""
    with server() as running:
        services, ledger, client = Services(running, KEYS), Ledger(SIZE), running.client()
        try:
            write(client, ledger.entries(1))
            pid = services.chat(REPLICA).process.pid
            reload(client, ledger, scale.reloads)
            grown = []
            for _ in range(scale.reload_rounds):
                before = resident(pid)
                reload(client, ledger, scale.reloads)
                grown.append((resident(pid) - before) / 1e6 * PER / scale.reloads)
        finally:
            client.close()
            services.close()
    name = f"memory per {PER:,} reloads, 2 KB"
    return [Row(name, "MB", median(grown), bounds=(Bound("ours", "<", 0.5),))]


def reload(client: Redis, ledger: Ledger, count: int) -> None:
    """Append so many events, each when the replica has reported the one before."""
    read = ("XREAD", "BLOCK", REPORT_MILLISECONDS, "STREAMS", KEYS.reports)
    last = b"$"
    for entry in ledger.entries(count):
        client.execute_command("XADD", KEYS.log, *fields(entry))
        position = 0
        while position < entry.position:
            found = client.execute_command(*read, last)
            if not found:
                raise RuntimeError(f"no report of position {entry.position}")
            last, position = _reported(found)


def _reported(found: Any) -> tuple[bytes, int]:
    """The last report of a reply of XREAD: its id, and the position that it tells."""
    ((_, reports),) = found.items() if isinstance(found, dict) else found
    id, fields = reports[-1]
    return id, json.loads(fields[b"report"])["position"]
