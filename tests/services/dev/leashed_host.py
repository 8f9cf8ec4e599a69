"""A supervisor for tests to kill: starts fake children and prints their pids.

python -m tests.services.dev.leashed_host DIRECTORY PORT…
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from services.dev.leash import Leash
from services.dev.supervisor import Supervisor
from tests.services.dev.fakes import SilentScreen, fake_program

if TYPE_CHECKING:
    from services.dev.terminal import Screen


async def host(directory: Path, ports: list[int]) -> None:
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT)
    leash = Leash(lock)
    await leash.start()
    screen = cast("Screen", SilentScreen())  # what is printed is for the test to read
    supervisor = Supervisor(leash, screen, True, lambda pids: print(json.dumps(pids), flush=True))
    words = ("--last-words", str(directory / "words"))
    first, *others = ports
    supervisor.start(
        [
            [fake_program("redis", first, directory, "--deaf", last=True)],
            [fake_program(f"chat-{port}", port, directory, *words) for port in others],
        ]
    )
    await supervisor.until_ready()
    assert leash._process
    print(json.dumps({**supervisor.pids(), "leash": leash._process.pid}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(host(Path(sys.argv[1]), [int(port) for port in sys.argv[2:]]))
