"""Processes are killed and started again: nothing acknowledged is lost, and chat goes on."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count

import pytest

from tests.servers import Server
from tests.system.answers import Answer
from tests.system.busy import asking
from tests.system.chat_port import ChatPort
from tests.system.edit_api import EditApi
from tests.system.patience import becomes
from tests.system.system import System

pytestmark = [pytest.mark.redis, pytest.mark.faults, pytest.mark.soak]
KILLS, SAVES, ANSWERS = 2, 20, 20


@pytest.fixture(scope="module")
def system(start_system: Callable[..., System], module_server: Server) -> System:
    """A system of our own, whose processes may be killed."""
    return start_system("--replicas", "2", REDIS_URL=module_server.url)


async def kill(system: System, child: str) -> None:
    """``kill -9``, and wait until another process is in its place and ready."""
    pid = system.ready.pids[child]
    os.kill(pid, signal.SIGKILL)
    await asyncio.to_thread(system.restarted, child, pid)


@asynccontextmanager
async def down(server: Server) -> AsyncIterator[None]:
    """The server was killed with ``kill -9``; behind the block it is started again."""
    server.kill()
    try:
        yield
    finally:
        await asyncio.to_thread(server.start)


class Saver:
    """Saves one version after the other, and keeps what was acknowledged."""

    def __init__(self, admin: EditApi, prompt: str) -> None:
        self.acknowledged: dict[int, str] = {}
        """By version, the event's hash."""
        self.refused: list[Answer] = []
        self._admin, self._prompt = admin, prompt

    async def save(self) -> None:
        """Save until cancelled. A save that was not acknowledged is repeated with the same key."""
        for version in count(2):
            text, key = f"You are version {version}.", f"{self._prompt}-{version}"
            while (answer := await self._try(text, key)).status != 201:
                self.refused.append(answer.expect(503))
            assert answer.json["version"] == version
            self.acknowledged[version] = answer.json["hash"]

    async def _try(self, text: str, key: str) -> Answer:
        return await self._admin.save(self._prompt, text, wait=None, key=key)

    async def has_saved(self, more_than: int) -> bool:
        """Whether more than so many saves were acknowledged."""
        return len(self.acknowledged) > more_than


@asynccontextmanager
async def saving(admin: EditApi, prompt: str) -> AsyncIterator[Saver]:
    """Somebody who saves as long as the block runs."""
    saver = Saver(admin, prompt)
    task = asyncio.create_task(saver.save())
    try:
        yield saver
    finally:
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(ended, asyncio.CancelledError), ended


async def test_the_server_is_killed_under_traffic_and_nothing_acknowledged_is_lost(
    module_server: Server, admin: EditApi, chat: ChatPort, replicas: dict[str, ChatPort]
) -> None:
    """``kill -9`` in the midst of saves; users are answered while the server is not there."""
    (await admin.create("killed", "You are version 1.")).expect(201)
    async with saving(admin, "killed") as saver, asking(chat, "killed", users=4) as users:
        for _ in range(KILLS):
            await becomes(saver.has_saved, len(saver.acknowledged) + SAVES)
            async with down(module_server):
                await becomes(users.have_had, users.answers + ANSWERS)
        await becomes(saver.has_saved, len(saver.acknowledged) + SAVES)
    assert users.failed == []
    assert {each.problem for each in saver.refused} <= {"log-unavailable", "outcome-unknown"}

    stored = {each["version"]: each["hash"] for each in await admin.versions("killed")}
    assert stored.items() >= saver.acknowledged.items()
    assert sorted(stored) == list(range(1, max(stored) + 1))
    live = (await admin.prompt("killed")).expect(200).json["version"]
    for port in replicas.values():  # by themselves: nothing is saved any more
        await becomes(answers_with, port, "killed", live)


async def test_the_server_is_killed_in_silence_and_everybody_is_back_by_themselves(
    module_server: Server, admin: EditApi, replicas: dict[str, ChatPort]
) -> None:
    begun = (await admin.create("silent", "You are version 1.")).expect(201).json
    async with down(module_server):
        for port in replicas.values():
            said = await port.ask("silent")
            assert (said.version, said.prompt) == (1, "You are version 1.")
    await admin.all_members(state="current")
    found = (await admin.prompt("silent")).expect(200).json
    assert found["hash"] == begun["hash"]
    saved = (await admin.save("silent", "You are version 2.", begun["revision"])).expect(201).json
    assert saved["propagation"]["state"] == "converged"
    assert set(await admin.fleet()) == set(replicas)


async def test_a_killed_replica_is_started_again_under_its_name_and_address_and_catches_up(
    system: System, admin: EditApi, replicas: dict[str, ChatPort], chat: ChatPort
) -> None:
    (await admin.create("revived", "You are version 1.")).expect(201)
    old = system.ready
    pid = old.pids["chat-1"]
    os.kill(pid, signal.SIGKILL)
    (await admin.save("revived", "You are version 2.", wait=None)).expect(201)
    new = await asyncio.to_thread(system.restarted, "chat-1", pid)
    assert [(each.id, each.url) for each in new.replicas] == [
        (each.id, each.url) for each in old.replicas
    ]
    said = await replicas["chat-1"].ask("revived")
    assert (said.replica, said.version) == ("chat-1", 2)
    saved = (await admin.save("revived", "You are version 3.")).expect(201).json
    assert saved["propagation"]["state"] == "converged"
    assert set(await admin.fleet()) == set(replicas)
    answered = {(await chat.ask("revived")).replica for _ in range(40)}
    assert answered == set(replicas), "it takes part in the shared port again"


async def test_a_killed_admin_knows_everything_again(
    system: System, admin: EditApi, replicas: dict[str, ChatPort]
) -> None:
    begun = (await admin.create("remembered", "You are version 1.")).expect(201).json
    await kill(system, "admin")
    (await admin.save("remembered", "You are lost.", 1)).expect(412)
    again = (await admin.save("remembered", "You are version 1.", begun["revision"])).expect(200)
    assert again.json["unchanged"] is True
    saved = (await admin.save("remembered", "You are version 2.", begun["revision"])).expect(201)
    assert saved.json["propagation"]["state"] == "converged"
    assert {each["replica"] for each in saved.json["propagation"]["replicas"]} == set(replicas)


async def answers_with(port: ChatPort, prompt: str, version: int) -> bool:
    """Whether the replica answers with this version."""
    return (await port.ask(prompt)).version == version
