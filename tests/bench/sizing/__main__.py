"""``python -m tests.bench.sizing``: the numbers that sizing is done with; one table, and JSON."""

import argparse
import asyncio
import json
import os
import platform
import sys
from dataclasses import asdict, replace
from pathlib import Path

from tests.bench import chat
from tests.bench.fanout.__main__ import started
from tests.bench.fanout.meter import Meter
from tests.bench.fanout.room import make_room
from tests.bench.fanout.table import command
from tests.bench.scale import FULL
from tests.bench.sizing import processes, storage
from tests.bench.sizing.fact import Fact, Sizing

SECONDS = 240.0


async def measure(sizing: Sizing) -> None:
    """Every fact, and first of all which server it is."""
    server = started(make_room(10))
    try:
        with server.client() as client:
            meter, facts = Meter(client), sizing.facts
            sizing.server = meter.name()
            facts += await processes.fleet(server)
            facts += await processes.prompts(server)
            facts += await storage.saves(server, meter)
            facts += await storage.history(server)
            facts += await _chats()
    finally:
        server.close()


async def _chats() -> list[Fact]:
    rows = await chat.rows(replace(FULL, rounds=3))
    return [Fact("replica", f"{row.name}, on one core", row.ours, "answers/s") for row in rows]


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sizing", description=__doc__)
    parser.add_argument("--json", type=Path, default=Path("bench-sizing.json"), metavar="FILE")
    options = parser.parse_args()
    sizing, ended = Sizing(), ""
    try:
        asyncio.run(asyncio.wait_for(measure(sizing), SECONDS))
    except TimeoutError as error:
        ended = f"something took too long: {error}"
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"`{command('sizing')}`: {sizing.server}, {machine}.\n\n{sizing.markdown()}")
    options.json.write_text(json.dumps(asdict(sizing), indent=2, ensure_ascii=False) + "\n")
    print(ended, end="\n" if ended else "", file=sys.stderr)
    return 1 if ended else 0


if __name__ == "__main__":
    sys.exit(main())
