"""The demo model as a process of its own."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import aiohttp

from services.demo_model.main import write_port


async def test_it_serves_until_it_is_told_to_end_and_prints_only_log_lines(tmp_path: Path):
    port_file = tmp_path / "port"
    command = (sys.executable, "-m", "services.demo_model", "--port", "0", "--pause-ms", "0")
    process = await asyncio.create_subprocess_exec(
        *command, "--port-file", str(port_file), stdout=PIPE, stderr=PIPE
    )
    try:
        async with asyncio.timeout(20):
            while not port_file.exists():  # noqa: ASYNC110  another process writes it
                await asyncio.sleep(0.01)
            url = f"http://127.0.0.1:{int(port_file.read_text())}"
            async with aiohttp.request("GET", f"{url}/v1/models") as answer:
                assert answer.status == 200
            process.send_signal(signal.SIGTERM)
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    assert out == b""
    events = [json.loads(line)["event"] for line in err.splitlines()]
    assert events == ["demo_model_started", "demo_model_ended"]


def test_the_port_file_is_whole_or_not_there(tmp_path: Path):
    file = tmp_path / "port"
    write_port(file, 1)
    write_port(file, 23456)
    assert file.read_text() == "23456\n"
    assert list(tmp_path.iterdir()) == [file]
