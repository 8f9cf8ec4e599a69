"""The log is gone, is another one, or has an entry that nobody of us wrote: alarm, and chat goes on."""

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

pytestmark = pytest.mark.redis
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


async def test_a_log_that_lost_its_end_is_an_alarm_and_no_new_end(
    system: System, admin: EditApi, replicas: dict[str, ChatPort]
) -> None:
    async with disaster(system, admin, replicas, "shortened") as prompt:
        with system.hand() as hand:
            before = hand.head()
            hand.client.xdel(hand.keys.log, f"{before.position}-0")
            await all_diverge(replicas)
            refused = (await admin.save(prompt, "You are refused.")).expect(503)
            assert refused.problem == "log-diverged"
            assert hand.head().position == before.position - 1, "somebody wrote on"
        await chat_goes_on(replicas, prompt)


@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGTERM])
async def test_flushall_is_an_alarm_and_no_new_beginning_also_for_an_admin_that_starts_then(
    system: System, admin: EditApi, replicas: dict[str, ChatPort], ended_by: signal.Signals
) -> None:
    """An admin that was asked to end has written down where the log ended; another has not."""
    name = f"flushed-{ended_by.name.lower()}"
    async with disaster(system, admin, replicas, name) as prompt:
        with system.hand() as hand:
            hand.client.flushall()
            await all_diverge(replicas)
            await admin.all_members(state="diverged")
            assert (await admin.save(prompt, "No.")).expect(503).problem == "log-diverged"
            await chat_goes_on(replicas, prompt)

            pid = system.ready.pids["admin"]
            os.kill(pid, ended_by)
            await asyncio.to_thread(system.restarted, "admin", pid)
            assert (await admin.save(prompt, "No.")).expect(503).problem == "log-diverged"
            assert (await admin.create("brand-new", "No.")).expect(503).problem == "log-diverged"
            assert not hand.exists(), "a new log was begun"
            await chat_goes_on(replicas, prompt)


async def test_an_admin_that_remembers_nothing_believes_the_replicas_that_there_was_a_log(
    own_services: Services, session: aiohttp.ClientSession
) -> None:
    """It has no state directory, and Redis was emptied: only the replicas still know."""
    own_services.open_log()
    service, replica = await asyncio.gather(
        asyncio.to_thread(own_services.admin), asyncio.to_thread(own_services.chat, "chat-1")
    )
    admin, port = EditApi(session, service.url, KEY), ChatPort(session, replica.url)
    (await admin.create("known", "You are version 1.")).expect(201)
    service.process.kill()
    with own_services.hand() as hand:
        hand.client.flushall()
        await becomes(state, port, "diverged")
        await asyncio.to_thread(service.start)
        for _ in range(2):
            created = await admin.create("brand-new", "You are nobody.", wait=None)
            assert created.expect(503).problem == "log-diverged"
        assert (await admin.prompt("known")).expect(503).problem == "log-diverged"
        assert not hand.exists(), "a new log was begun"
    assert [each["version"] for each in (await port.serves())["prompts"]] == [1]
