"""``python -m tests.bench``: measure, and print one table."""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tests.bench import chat, fleet, memory, reload, save, start
from tests.bench.row import Row
from tests.bench.scale import FULL, SMOKE, Scale
from tests.bench.table import printed, write

BENCHES: dict[str, Callable[[Scale], Awaitable[list[Row]]]] = {
    "reload": reload.rows,
    "save": save.rows,
    "fleet": fleet.rows,
    "start": start.rows,
    "chat": chat.rows,
    "memory": memory.rows,
}


async def measure(names: Sequence[str], scale: Scale) -> list[Row]:
    """The rows of these benches, one bench after the other."""
    rows: list[Row] = []
    for name in names:
        began = time.monotonic()
        rows += await BENCHES[name](scale)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return rows


def main() -> int:
    """Measure and tell; the exit status is 1 when a number is none."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="small counts: does it run at all?")
    parser.add_argument("--only", choices=BENCHES, action="append", help="these rows only")
    parser.add_argument("--json", type=Path, default=Path("bench-latest.json"), metavar="FILE")
    options = parser.parse_args()
    began = time.monotonic()
    rows = asyncio.run(measure(options.only or list(BENCHES), SMOKE if options.smoke else FULL))
    if options.smoke:  # so few samples say nothing about targets
        rows = [replace(row, bounds=()) for row in rows]
    print(printed(rows))
    write(options.json, rows, time.monotonic() - began)
    unsound = [row.name for row in rows if not row.sound]
    if unsound:
        print(f"no numbers: {', '.join(unsound)}", file=sys.stderr)
    return 1 if unsound else 0


if __name__ == "__main__":
    sys.exit(main())
