"""The log is gone, is another one, or has an entry that nobody of us wrote: chat goes on, and what was
lost is put back; what cannot be is an alarm."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic

import aiohttp
import pytest

from tests.servers import Server
from tests.system.chat_port import ChatPort
from tests.system.edit_api import EditApi
from tests.system.patience import becomes
from tests.system.services import KEY, Services
from tests.system.system import System

pytestmark = [pytest.mark.redis, pytest.mark.faults, pytest.mark.soak]
NOTICED_SECONDS = 2.0


@pytest.fixture(scope="module")
def system(start_system: Callable[..., System], module_server: Server) -> System:
    """A system of our own; each test brings its log back."""
    return start_system("--replicas", "2", REDIS_URL=module_server.url)


@asynccontextmanager
async def disaster(
    system: System, admin: EditApi, replicas: dict[str, ChatPort], prompt: str
) -> AsyncIterator[str]:
    """Two versions of ``prompt`` are saved; whatever the block does to the log is mended behind it.

    Everybody must be current again then, and saving go on where it was.
    """
    (await admin.create(prompt, "You are version 1.")).expect(201)
    (await admin.save(prompt, "You are version 2.")).expect(201)
    before = (await admin.call("GET", "/prompts")).expect(200).json
    with system.hand() as hand:
        copy, head = hand.copy(), hand.head()
        yield prompt
        hand.bring_back(copy)
        assert hand.head() == head
    for port in replicas.values():
        await becomes(state, port, "current")
    await admin.all_members(state="current")
    assert (await admin.call("GET", "/prompts")).expect(200).json == before
    saved = (await admin.save(prompt, "You are version 3.")).expect(201).json
    assert (saved["version"], saved["position"]) == (3, head.position + 1)
    assert saved["propagation"]["state"] == "converged"


async def state(port: ChatPort, wanted: str) -> bool:
    """Whether the replica says that it is in this state."""
    return str((await port.serves())["state"]) == wanted


async def all_diverge(replicas: dict[str, ChatPort]) -> None:
    """Wait until every replica says so."""
    await asyncio.gather(*(becomes(state, port, "diverged") for port in replicas.values()))


async def chat_goes_on(replicas: dict[str, ChatPort], prompt: str) -> None:
    """Every replica answers with the last good version, and is ready."""
    for port in replicas.values():
        said = await port.ask(prompt)
        assert (said.version, said.prompt) == (2, "You are version 2.")
        (await port.get("/readyz")).expect(200)


async def test_a_stray_entry_is_an_alarm_and_chat_goes_on(
    system: System, admin: EditApi, replicas: dict[str, ChatPort]
) -> None:
    async with disaster(system, admin, replicas, "strayed") as prompt:
        with system.hand() as hand:
            hand.stray()
        await all_diverge(replicas)
        await admin.all_members(state="diverged")
        refused = (await admin.save(prompt, "You are refused.")).expect(503)
        assert refused.problem == "log-diverged"
        assert refused.headers["Retry-After"]
        await chat_goes_on(replicas, prompt)


async def test_a_log_rewritten_by_another_hand_is_noticed_by_every_replica_within_two_seconds(
    system: System, admin: EditApi, replicas: dict[str, ChatPort]
) -> None:
    """As long as before, and whole in itself; but other events stand there."""
    async with disaster(system, admin, replicas, "rewritten") as prompt:
        with system.hand() as hand:
            length = hand.head().position
            hand.rewrite_from(length - 1)
            began = monotonic()
            assert hand.head().position == length
        await all_diverge(replicas)
        assert monotonic() - began < NOTICED_SECONDS
        await admin.all_members(state="diverged")
        refused = (await admin.save(prompt, "You are refused.")).expect(503)
        assert refused.problem == "log-diverged"
        assert (await admin.prompt(prompt)).expect(503).problem == "log-diverged"
        await chat_goes_on(replicas, prompt)


async def two_versions(admin: EditApi, prompt: str) -> None:
    """Save them."""
    (await admin.create(prompt, "You are version 1.")).expect(201)
    (await admin.save(prompt, "You are version 2.")).expect(201)


async def goes_on(admin: EditApi, replicas: dict[str, ChatPort], prompt: str) -> None:
    """The third version is saved, and every replica has it."""
    saved = (await admin.save(prompt, "You are version 3.")).expect(201).json
    assert saved["version"] == 3
    for port in replicas.values():
        await becomes(state, port, "current")
        assert (await port.ask(prompt, min_position=saved["position"])).version == 3


async def test_a_log_that_lost_its_end_is_put_back_as_it_was_and_a_save_waits_for_that(
    system: System, admin: EditApi, replicas: dict[str, ChatPort]
) -> None:
    await two_versions(admin, "shortened")
    with system.hand() as hand:
        before = hand.entries()
        hand.client.xdel(hand.keys.log, f"{before[-1].position}-0")
        await chat_goes_on(replicas, "shortened")
        await goes_on(admin, replicas, "shortened")
        assert hand.entries()[: len(before)] == before, "somebody wrote on"


@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGTERM])
async def test_after_flushall_the_log_is_put_back_also_by_an_admin_that_starts_then(
    system: System, admin: EditApi, replicas: dict[str, ChatPort], ended_by: signal.Signals
) -> None:
    """It finds nothing in Redis, but what it has written down itself."""
    name = f"flushed-{ended_by.name.lower()}"
    await two_versions(admin, name)
    with system.hand() as hand:
        before, pid = hand.entries(), system.ready.pids["admin"]
        os.kill(pid, ended_by)
        hand.client.flushall()
        await all_diverge(replicas)
        await chat_goes_on(replicas, name)
        await asyncio.to_thread(system.restarted, "admin", pid)
        await goes_on(admin, replicas, name)
        assert hand.entries()[: len(before)] == before


async def test_an_admin_that_remembers_nothing_has_the_log_from_a_replica(
    own_services: Services, session: aiohttp.ClientSession
) -> None:
    """It has no state directory, and Redis was emptied: only the replica still knows."""
    own_services.open_log()
    service, replica = await asyncio.gather(
        asyncio.to_thread(own_services.admin), asyncio.to_thread(own_services.chat, "chat-1")
    )
    admin, port = EditApi(session, service.url, KEY), ChatPort(session, replica.url)
    await two_versions(admin, "known")
    service.process.kill()
    with own_services.hand() as hand:
        before = hand.entries()
        hand.client.flushall()
        await becomes(state, port, "diverged")
        await asyncio.to_thread(service.start)
        saved = (await admin.save("known", "You are version 3.")).expect(201).json
        assert saved["version"] == 3
        assert hand.entries()[: len(before)] == before
