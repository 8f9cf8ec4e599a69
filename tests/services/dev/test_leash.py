"""No child outlives the supervisor, however it ends."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.running import runs
from tests.waiting import until


@pytest.fixture
async def hosted(tmp_path: Path, ports) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict]]:
    """A supervisor in a process of its own, and the pids of its children and of its leash."""
    numbers = [str(ports.own()) for _ in range(3)]
    host = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.services.dev.leashed_host", str(tmp_path), *numbers,
        stdout=PIPE, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert host.stdout
    pids = json.loads(await asyncio.wait_for(host.stdout.readline(), 20))
    yield host, pids
    if host.returncode is None:
        host.kill()
        await host.wait()
    await until(lambda: not any(runs(pid) for pid in pids.values()), 15.0)


async def test_children_end_when_the_supervisor_is_killed(hosted, tmp_path):
    host, pids = hosted
    host.kill()
    await host.wait()
    await until(lambda: not any(runs(pid) for pid in pids.values()), 15.0)
    assert len((tmp_path / "words").read_text().split()) == 2  # both were asked before


async def test_a_stopped_child_ends_as_well(hosted):
    host, pids = hosted
    stopped = next(pid for name, pid in pids.items() if name.startswith("chat"))
    os.kill(stopped, signal.SIGSTOP)
    host.kill()
    await until(lambda: not any(runs(pid) for pid in pids.values()), 15.0)


async def test_a_killed_leash_is_replaced_and_holds_as_before(hosted):
    host, pids = hosted
    os.kill(pids["leash"], signal.SIGKILL)
    await until(lambda: not runs(pids["leash"]), 15.0)
    # A child that is started anew shows that the supervisor is past replacing its leash.
    victim = next(name for name in pids if name.startswith("chat"))
    os.kill(pids[victim], signal.SIGKILL)
    again = json.loads(await asyncio.wait_for(host.stdout.readline(), 20))
    host.kill()
    await until(lambda: not any(runs(pid) for pid in {**pids, **again}.values()), 15.0)
