"""``promptcast dev`` itself: what it tells, what it keeps, and what it leaves behind: nothing."""

import asyncio
import os
import signal
import stat
from collections.abc import Iterator

import aiohttp
import pytest

from tests.system.chat_port import ChatPort
from tests.system.edit_api import EditApi
from tests.system.process import Process, promptcast
from tests.system.system import System


@pytest.fixture
def own_system() -> Iterator[System]:
    """Not started yet."""
    made = System("--replicas", "2")
    try:
        yield made
    finally:
        made.close()


async def test_a_later_start_goes_on_with_the_history_and_each_end_leaves_nothing_behind(
    own_system: System, session: aiohttp.ClientSession
) -> None:
    """Ended by Ctrl-C and by SIGTERM. The times of both starts are printed."""
    first = await asyncio.to_thread(own_system.start)
    print(f"first start {own_system.started_in:.2f} s")
    file = own_system.directory / "ready.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.id for each in first.replicas] == ["chat-1", "chat-2"]
    assert {each.id: each.pid for each in first.replicas}.items() <= first.pids.items()

    admin = EditApi(session, first.admin, first.admin_key)
    begun = (await admin.prompt("system")).expect(200).json
    assert begun["version"] == 1, "a first prompt is there, so that chat works at once"
    (await admin.save("system", "You are kept.", begun["revision"])).expect(201)
    assert (await ChatPort(session, first.chat).ask()).prompt == "You are kept."
    assert await asyncio.to_thread(own_system.end, signal.SIGINT) == 0

    later = await asyncio.to_thread(own_system.start)
    print(f"later start {own_system.started_in:.2f} s")
    assert later.admin_key == first.admin_key
    admin = EditApi(session, later.admin, later.admin_key)
    assert [each["version"] for each in await admin.versions("system")] == [2, 1]
    said = await ChatPort(session, later.chat).ask()
    assert (said.version, said.prompt) == (2, "You are kept.")
    assert await asyncio.to_thread(refused, own_system)
    assert await asyncio.to_thread(own_system.end, signal.SIGTERM) == 0


def refused(system: System) -> bool:
    """Whether a second system in the same directory ends at once, with one line that says why."""
    data, out = str(system.directory / "data"), system.directory / "second"
    ports = ("--chat-port", "0", "--admin-port", "0")
    second = Process(promptcast("dev", *ports, "--data-dir", data), {}, out)
    try:
        assert second.ended() == 1
        (line,) = second.said().splitlines()
        return "works in" in line and "--data-dir" in line
    finally:
        second.kill()


async def test_the_embedded_server_is_started_again_and_a_killed_supervisor_takes_all_with_it(
    own_system: System, session: aiohttp.ClientSession
) -> None:
    """``kill -9`` for both, one after the other."""
    ready = await asyncio.to_thread(own_system.start)
    admin = EditApi(session, ready.admin, ready.admin_key)
    begun = (await admin.create("kept", "You are version 1.")).expect(201).json
    os.kill(ready.pids["redis"], signal.SIGKILL)
    again = await asyncio.to_thread(own_system.restarted, "redis", ready.pids["redis"])
    assert (again.redis, again.admin) == (ready.redis, ready.admin)
    assert (await admin.prompt("kept")).expect(200).json["hash"] == begun["hash"]
    await admin.all_members(state="current")
    saved = (await admin.save("kept", "You are version 2.", begun["revision"])).expect(201).json
    assert saved["propagation"]["state"] == "converged"
    await asyncio.to_thread(own_system.kill)
