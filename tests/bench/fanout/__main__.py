"""``python -m tests.bench.fanout``: measure fan-out by the number of replicas; two tables, and JSON."""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.fanout.measure import SMOKE, Scale, measured
from tests.bench.fanout.meter import Meter
from tests.bench.fanout.result import Run
from tests.bench.fanout.room import TooFewFiles, make_room
from tests.bench.fanout.table import as_json, markdown
from tests.servers import Server

COUNTS, SMOKE_COUNTS = (1, 10, 100, 300, 1000), (2,)
SECONDS = 360.0
MOST = 2_000
"""Replicas: beyond that, this machine's processes are measured and no server."""


async def measure(counts: Sequence[int], scale: Scale, run: Run) -> None:
    """Each count on a server of its own, one after the other."""
    for members in counts:
        began = time.monotonic()
        server = started(make_room(members))
        try:
            run.server = name_of(server)
            run.fleets.append(await measured(server, members, scale))
        finally:
            server.close()
        took = time.monotonic() - began
        print(f"{members} replicas: {took:.0f} s", file=sys.stderr, flush=True)


def started(files: int) -> Server:
    """A server that has each write on disk before its reply, and takes so many connections.

    It does not rewrite its append-only file, so that what is written there can be counted.
    """
    clients = "--maxclients", str(files - 32)
    server = Server(
        durable=True, tcp=True, options=(*clients, "--auto-aof-rewrite-percentage", "0")
    )
    server.start()
    return server


def name_of(server: Server) -> str:
    """Its program and version."""
    with server.client() as client:
        return Meter(client).name()


def _counts(text: str) -> tuple[int, ...]:
    counts = tuple(int(each) for each in text.split(","))
    if not all(1 <= each <= MOST for each in counts):
        raise argparse.ArgumentTypeError(f"from 1 to {MOST:,}")
    return counts


def main() -> int:
    """Measure and tell; the exit status is 1 when something is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fanout", description=__doc__)
    parser.add_argument("--counts", type=_counts, default=COUNTS, help="replicas: 1,10,100")
    parser.add_argument("--saves", type=int, default=Scale().saves, help="of each size, a side")
    parser.add_argument(
        "--processes", type=int, default=Scale().processes, help="that hold replicas"
    )
    parser.add_argument("--seconds", type=float, default=SECONDS, help="in all: then it stops")
    parser.add_argument("--json", type=Path, default=Path("bench-fan-out.json"), metavar="FILE")
    parser.add_argument("--smoke", action="store_true", help="two replicas: does it run at all?")
    options = parser.parse_args()
    scale = SMOKE if options.smoke else Scale(options.saves, options.processes)
    counts = SMOKE_COUNTS if options.smoke else options.counts
    run, ended = Run(scale.processes), ""
    began = time.monotonic()
    try:
        make_room(max(counts))
        asyncio.run(asyncio.wait_for(measure(counts, scale, run), options.seconds))
    except TooFewFiles as error:
        ended = str(error)
    except RuntimeError as error:  # what was measured before it is worth showing
        ended = str(error)
    except TimeoutError:
        ended = f"stopped after {options.seconds:g} s, or waited for somebody in vain"
    run.seconds = round(time.monotonic() - began, 1)
    if run.fleets:
        print(markdown(run))
        if not options.smoke:
            options.json.write_text(as_json(run))
    print(ended, end="\n" if ended else "", file=sys.stderr)
    return 1 if ended else 0


if __name__ == "__main__":
    sys.exit(main())
