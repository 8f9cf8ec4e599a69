"""HAProxy before a real fleet under load: restarts, crashes and hanging replicas that nobody notices."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import aiohttp
import pytest

from tests.deploy.balancer import HAProxy
from tests.deploy.crowd import Crowd, chatting
from tests.deploy.house import PROMPT, House
from tests.system.chat_port import ChatPort, Said
from tests.system.edit_api import EditApi
from tests.system.patience import becomes

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(120)]

OUT_SECONDS = 2.0
"""From a replica's beginning to hang until it is out of rotation."""
LONG = "a " * 100
"""A question whose answer takes more than a second to stream."""


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with House(admins=2) as standing:
        yield standing


@pytest.fixture(scope="module")
def haproxy(house: House) -> Iterator[HAProxy]:
    chat = [each.url for each in house.replicas.values()]
    with HAProxy(chat, [each.url for each in house.admins.values()]) as balancer:
        yield balancer


@pytest.fixture(autouse=True)
async def whole(house: House, haproxy: HAProxy) -> AsyncIterator[None]:
    """Whatever a test has done to the fleet, the next one finds it whole, and in rotation."""
    yield
    await asyncio.to_thread(house.mend)
    await asyncio.gather(*(up(haproxy, name) for name in house.replicas))


@pytest.fixture
async def port(haproxy: HAProxy) -> AsyncIterator[ChatPort]:
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield ChatPort(session, haproxy.chat)


async def up(haproxy: HAProxy, name: str) -> None:
    await asyncio.to_thread(haproxy.becomes, name, "UP", 20.0)


async def restarted(house: House, haproxy: HAProxy, crowd: Crowd, name: str) -> None:
    """As an orchestrator does it: the next one comes when this one is in rotation again."""
    await asyncio.to_thread(house.end, name)
    await asyncio.to_thread(house.start, name)
    await up(haproxy, name)
    before = crowd.replicas[name]
    await becomes(_answers, crowd, name, before)


async def _answers(crowd: Crowd, name: str, before: int) -> bool:
    return crowd.replicas[name] > before


async def test_a_rolling_restart_of_all_replicas_fails_nothing(
    house: House, haproxy: HAProxy
) -> None:
    """Streams that are in flight come to their end, too, and nobody asks twice."""
    pids = {each.process.pid for each in house.replicas.values()}
    async with chatting(haproxy.chat) as crowd:
        for name in house.replicas:
            await restarted(house, haproxy, crowd, name)
        await becomes(crowd.has_had, 2_000, seconds=60.0)
    assert not pids & {each.process.pid for each in house.replicas.values()}
    assert list(map(str, crowd.failed)) == []
    assert all(crowd.answers[f"openai {kind}"] for kind in ("plain", "stream"))


async def test_a_crash_costs_nothing_but_streams_that_the_replica_had_begun(
    house: House, haproxy: HAProxy
) -> None:
    """It is stopped for a moment first, so that there are questions which it has taken and not answered:
    another replica does."""
    async with chatting(haproxy.chat) as crowd:
        await becomes(crowd.has_had, 200, seconds=60.0)
        house.stop("chat-2")
        await becomes(_has_waiting, haproxy, "chat-2")
        house.kill("chat-2")
        await asyncio.to_thread(haproxy.becomes, "chat-2", "DOWN")
        await becomes(crowd.has_had, crowd.answers.total() + 400, seconds=60.0)
    lost = [each for each in crowd.failed if each.begun and each.replica in ("chat-2", "")]
    assert [str(each) for each in crowd.failed if each not in lost] == []
    assert len(lost) <= 11, "as many as there are users who stream"


async def _has_waiting(haproxy: HAProxy, name: str) -> bool:
    (row,) = [r for r in haproxy.table() if (r["pxname"], r["svname"]) == ("chat", name)]
    return int(row["scur"]) > 0


async def test_a_hanging_replica_is_out_in_two_seconds_and_fails_nothing(
    house: House, haproxy: HAProxy, port: ChatPort
) -> None:
    """Streams of the others come to their end; who waits for it is answered by another. A stream that it
    had begun ends, visibly broken."""
    await asyncio.gather(
        *(port.ask(PROMPT) for _ in range(9))
    )  # everybody knows its way to the model
    async with AsyncExitStack() as stack:
        opening = [stack.enter_async_context(port.streaming(PROMPT, text=LONG)) for _ in range(9)]
        streams = await asyncio.gather(*opening)
        house.stop("chat-1")
        began = time.monotonic()
        plain = [asyncio.create_task(port.ask(PROMPT)) for _ in range(12)]
        await asyncio.to_thread(haproxy.becomes, "chat-1", "DOWN")
        assert time.monotonic() - began <= OUT_SECONDS
        assert {each.replica for each in await asyncio.gather(*plain)} == {"chat-2", "chat-3"}
        ended = await asyncio.gather(*(each.whole() for each in streams), return_exceptions=True)
    by = [each.response.headers["X-Replica"] for each in streams]
    assert sorted(by) == ["chat-1"] * 3 + ["chat-2"] * 3 + ["chat-3"] * 3
    for name, end in zip(by, ended, strict=True):
        assert isinstance(end, aiohttp.ClientPayloadError if name == "chat-1" else Said), end
    again = await asyncio.gather(*(port.ask(PROMPT) for _ in range(9)))
    assert "chat-1" not in {each.replica for each in again}


async def test_a_draining_replica_gets_nothing_new_and_finishes_what_it_has(
    house: House, haproxy: HAProxy, port: ChatPort
) -> None:
    streams = [asyncio.create_task(port.ask(PROMPT, shape="stream", text=LONG)) for _ in range(6)]
    await becomes(_all_have_some, haproxy)
    ending = asyncio.create_task(asyncio.to_thread(house.end, "chat-2"))
    await asyncio.to_thread(haproxy.becomes, "chat-2", "NOLB")
    said = await asyncio.gather(*(port.ask(PROMPT) for _ in range(9)))
    assert {each.replica for each in said} == {"chat-1", "chat-3"}
    assert "chat-2" in {each.replica for each in await asyncio.gather(*streams)}
    await ending


async def _all_have_some(haproxy: HAProxy) -> bool:
    return all(int(row["scur"]) for row in haproxy.table() if row["pxname"] == "chat")


async def test_saves_and_the_stream_of_updates_pass_whichever_admin_gets_them(
    house: House, haproxy: HAProxy, port: ChatPort
) -> None:
    """And the stream is told of a save that another admin took."""
    api = EditApi(port.session, haproxy.admin, house.key)
    headers = {"Authorization": f"Bearer {house.key}"}
    async with port.session.get(f"{api.url}/api/v1/updates", headers=headers) as updates:
        assert b"event: state\n" in await updates.content.readuntil(b"\n\n")
        for version in (2, 3):
            saved = (await api.save(PROMPT, f"You are version {version}.", wait=30)).expect(201)
            assert saved.json["propagation"]["state"] == "converged"
        saves = 0
        while saves < 2:
            saves += b"event: saved\n" in await updates.content.readuntil(b"\n\n")
    rows = [row for row in haproxy.table() if row["pxname"] == "admin"]
    assert all(int(row["stot"]) for row in rows), "each of them has had some"


async def test_a_reload_of_haproxy_itself_fails_nothing(haproxy: HAProxy) -> None:
    assert haproxy.process is not None
    old = haproxy.command("show info").partition("Pid: ")[2].split()[0]
    async with chatting(haproxy.chat) as crowd:
        await becomes(crowd.has_had, 50, seconds=60.0)
        haproxy.process.send(signal.SIGUSR2)
        await becomes(_is_another, haproxy, old)
        await becomes(crowd.has_had, crowd.answers.total() + 100, seconds=60.0)
    assert list(map(str, crowd.failed)) == []


async def _is_another(haproxy: HAProxy, old: str) -> bool:
    try:
        return f"Pid: {old}\n" not in haproxy.command("show info")
    except OSError:
        return False
