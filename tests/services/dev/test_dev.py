"""``promptcast dev`` with the real services: what tests/system, which runs on it, has no use for."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from services.demo_model.server import start
from services.dev.ports import Ports
from tests.running import runs
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.redis]
ROOT = Path(__file__).parents[3]
START = ["-m", "services.cli"]
WITHOUT_SHARED_PORTS = [
    "-c",
    "from services.dev import ports as p; p.BALANCES = False; import services.cli.main as m; m.main()",
]
OURS = ("PROMPTCAST_", "OPENAI_", "REDIS_URL")


@dataclass
class Dev:
    """One run: its process, the file that says when it is ready, and what it has printed."""

    process: Process
    ready_file: Path
    printed: bytearray

    @property
    def ready(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ready_file.read_text())
        return found

    async def until_ready(self) -> dict[str, Any]:
        await until(lambda: self.ready_file.exists() or self.process.returncode is not None, 55)
        assert self.ready_file.exists(), self.printed.decode()
        return self.ready

    async def until_over(self) -> int:
        return await asyncio.wait_for(self.process.wait(), 30)


@pytest.fixture
async def dev(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Dev]]]:
    """Starts ``promptcast dev`` on free ports; whatever it started is gone after the test."""
    begun: list[tuple[Dev, asyncio.Task[None]]] = []
    pids: set[int] = set()

    async def begin(*options: str, **environ: str) -> Dev:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
        process = await asyncio.create_subprocess_exec(
            sys.executable, *START, "dev", "--data-dir", str(tmp_path / "data"),
            "--ready-file", str(tmp_path / "ready.json"), "--chat-port", "0", "--admin-port", "0",
            *options, cwd=ROOT, env={**clean, **environ}, stdout=PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        run = Dev(process, tmp_path / "ready.json", bytearray())
        begun.append((run, asyncio.create_task(_read(run))))
        return run

    yield begin
    for run, reading in begun:
        if run.ready_file.exists():
            pids |= set(filter(None, run.ready["pids"].values()))
        if run.process.returncode is None:
            run.process.terminate()
            await run.until_over()
        await reading
    await until(lambda: not any(runs(pid) for pid in pids), 15.0)


async def _read(run: Dev) -> None:
    assert run.process.stdout
    while data := await run.process.stdout.read(4096):
        run.printed += data


async def ask(url: str, message: str = "hello") -> dict[str, Any]:
    # A connection of its own for each question: any replica may answer it.
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/chat", json={"message": message}) as answer,
    ):
        assert answer.status == 200, await answer.text()
        found: dict[str, Any] = await answer.json()
        return found


async def sign_in(url: str, printed: str) -> list[int]:
    """What comes of the link in the banner, followed twice."""
    (token,) = re.findall(rf"  panel     {url}/#/welcome\?token=(\S+)  ", printed)
    async with aiohttp.ClientSession(f"{url}/") as session:
        asked = [await session.post("api/v1/session", json={"token": token}) for _ in range(2)]
    return [answer.status for answer in asked]


async def test_children_end_with_a_supervisor_that_is_killed_and_the_next_start_is_well(dev):
    run = await dev("--replicas", "1")
    ready = await run.until_ready()
    run.process.kill()
    await run.until_over()
    await until(lambda: not any(runs(pid) for pid in ready["pids"].values()), 15.0)
    run = await dev("--replicas", "1")  # it finds the ready file of the killed one, and removes it
    await until(lambda: b"is up after" in run.printed, 55)
    assert (await ask(run.ready["chat"]))["prompt"]["version"] == 1
    await until(lambda: b"signs you in once" in run.printed, 15.0)
    assert await sign_in(run.ready["admin"], run.printed.decode()) == [200, 401]


async def test_without_supervision_the_dead_stay_dead(dev):
    run = await dev("--replicas", "2", "--no-supervise")
    ready = await run.until_ready()
    for replica in ready["replicas"]:  # its URL reaches that replica alone
        assert (await ask(replica["url"]))["replica"] == replica["id"]
    os.kill(ready["pids"]["chat-1"], signal.SIGKILL)
    await until(lambda: b"chat-1 was ended by SIGKILL\n" in run.printed, 15.0)
    assert run.ready == ready
    assert (await ask(ready["replicas"][1]["url"]))["replica"] == "chat-2"


async def test_a_busy_port_is_one_line_with_the_flag(dev):
    with Ports() as ports:
        free = ports.own()
        server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", free)
        async with server:
            run = await dev("--admin-port", str(free))
            assert await run.until_over() == 1
    await until(lambda: run.printed.endswith(b"\n"), 15.0)
    (line,) = run.printed.decode().splitlines()
    assert line.startswith(f"promptcast: port {free} is in use")
    assert "--admin-port" in line


async def test_a_wrong_setting_ends_the_start_with_the_services_own_line(dev):
    run = await dev("--replicas", "1", PROMPTCAST_STALE_AFTER="never")
    assert await run.until_over() == 1
    await until(lambda: run.printed.endswith(b"\n"), 15.0)
    (line,) = run.printed.decode().splitlines()
    assert "PROMPTCAST_STALE_AFTER must be a number of seconds" in line


async def test_a_server_and_a_model_of_ones_own_are_used(dev, tmp_path, monkeypatch):
    """Of another run, and of the test. And replicas that cannot share a port share a socket."""
    url = (await (await dev("--replicas", "1")).until_ready())["redis"]
    runner, port = await start("127.0.0.1", 0, pause=0.0)
    monkeypatch.setattr(sys.modules[__name__], "START", WITHOUT_SHARED_PORTS)
    run = await dev(
        "--replicas", "2", "--data-dir", str(tmp_path / "other"),
        "--ready-file", str(tmp_path / "other.json"),
        REDIS_URL=url, PROMPTCAST_NAMESPACE="other",
        OPENAI_BASE_URL=f"http://127.0.0.1:{port}/v1",
    )  # fmt: skip
    run.ready_file = tmp_path / "other.json"
    ready = await run.until_ready()
    assert ready["redis"] == url
    assert ready["pids"].keys() == {"redis", "admin", "chat-1", "chat-2"}  # no model
    assert ready["pids"]["redis"] is None
    reply = await ask(ready["chat"])
    assert reply["prompt"]["version"] == 1
    assert reply["reply"].startswith("My system prompt begins")
    run.process.terminate()
    await run.until_over()
    await runner.cleanup()


async def test_a_stop_during_the_start_leaves_nothing_behind(dev, tmp_path):
    run = await dev("--replicas", "2")
    await until((tmp_path / "data" / "server.sock").exists, 30)
    run.process.terminate()
    assert await run.until_over() == 0
    assert not (tmp_path / "data" / "server.sock").exists()
    assert not [line for line in command_lines() if str(tmp_path) in line]


def command_lines() -> list[str]:
    """Of every process that there is, where the system lists them (Linux)."""
    found = []
    for process in Path("/proc").iterdir() if Path("/proc").exists() else ():
        with contextlib.suppress(OSError):  # no process, or it ended meanwhile
            found.append((process / "cmdline").read_text(errors="replace"))
    return found
