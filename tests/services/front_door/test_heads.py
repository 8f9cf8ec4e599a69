"""Heads of requests: how slow, how large, and how wrong."""

import asyncio
import gc
import resource
from pathlib import Path

import pytest
from aiohttp import web

from services.front_door.connection import Connection
from services.front_door.limits import MAX_HEAD_BYTES
from tests.services.chat.scripted import Call, ScriptedModel, completion
from tests.services.front_door.houses import HEALTHZ, QUICK, House
from tests.waiting import until

MANY = 500
SLOW = QUICK._replace(head=1.0, look=0.05)


def descriptors() -> int:
    opened = Path("/proc/self/fd")
    return len(list(opened.iterdir())) if opened.exists() else 0


def kept() -> int:
    """Connections that are still in memory, and aiohttp's handlers of them."""
    gc.collect()
    return sum(isinstance(each, Connection | web.RequestHandler) for each in gc.get_objects())


@pytest.fixture
def many_files():
    """Both ends of every connection are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * MANY if hard == resource.RLIM_INFINITY else min(hard, 4 * MANY)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_five_hundred_slow_heads_go_and_nobody_else_notices(opened, many_files):
    """Each sends a byte now and then, which keeps no head alive that does not end."""
    house = await opened(SLOW)
    assert await house.answers()
    await until(lambda: not house.door.open)
    before = descriptors(), kept()
    ends = [await asyncio.open_connection(house.host, house.port) for _ in range(MANY)]
    for _, writer in ends:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    await until(lambda: house.door.open == MANY)
    answered = 0
    async with asyncio.timeout(20):
        while house.refused("header_deadline") < MANY:
            assert await house.answers()
            answered += 1
            for _, writer in ends:
                if not writer.is_closing():
                    writer.write(b"x")
    assert answered > 5
    await until(lambda: not house.door.open)
    assert house.refused("header_deadline") == MANY
    for _, writer in ends:
        writer.transport.abort()
    ends.clear()
    await until(lambda: descriptors() <= before[0])
    await until(lambda: kept() <= before[1])


async def test_who_connects_and_says_nothing_is_not_waited_for(house: House):
    async with house.visit() as silent:
        assert await silent.closed() == b""
    assert house.refused("header_deadline") == 1


async def test_a_connection_may_be_idle_longer_than_a_head_may_take(house: House):
    async with house.visit() as kept_alive, house.visit() as slow:
        assert await kept_alive.ask(HEALTHZ) == 200
        assert await slow.ask(HEALTHZ) == 200
        slow.send(HEALTHZ[:9])  # from here on it is not idle any more
        assert await slow.closed() == b""
        assert await kept_alive.ask(HEALTHZ) == 200
    assert house.refused("header_deadline") == 1


async def test_an_idle_connection_ends_all_the_same(opened):
    house = await opened(QUICK._replace(head=30.0, idle=0.2))
    async with house.visit() as idle:
        assert await idle.ask(HEALTHZ) == 200
        assert await idle.closed() == b""
    await until(lambda: not house.door.open)
    assert house.refused("header_deadline") == 0


async def test_an_answer_may_take_longer_than_a_head(chat: House, model: ScriptedModel):
    """And a client may send the beginning of its next request meanwhile."""
    go_on = asyncio.Event()

    async def held(call: Call) -> None:
        await go_on.wait()
        await call.answer(200, completion())

    model.script = held
    asked = b'{"message": "Hello?"}'
    async with chat.visit() as patient, chat.visit() as slow:
        patient.send(chat.posting(f"Content-Length: {len(asked)}") + asked)
        await model.call()
        patient.send(HEALTHZ[:9])
        slow.send(HEALTHZ[:9])
        await slow.closed()
        go_on.set()
        assert await patient.status() == 200
        assert await patient.ask(HEALTHZ[9:]) == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz?" + b"x" * 65_536 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 65_536 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X-Many: x\r\n" * 2_000 + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /chat HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"POST /chat HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /chat HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
    ],
    ids=["line", "field", "fields", "tls", "lengths", "length", "both", "coding", "space", "fold"],
)
async def test_a_bad_head_is_a_400_and_no_traceback(
    house: House, head: bytes, caplog: pytest.LogCaptureFixture
):
    """The connection ends with it, so nothing can be smuggled in behind."""
    async with house.visit() as bad:
        bad.send(head + HEALTHZ)
        rest = await bad.closed()
    assert rest.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert rest.count(b"HTTP/1.") == 1
    assert house.refused("malformed") == 1
    assert not caplog.records


async def test_a_head_that_never_ends_has_a_size(house: House):
    async with house.visit() as endless:
        endless.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
        for number in range(MAX_HEAD_BYTES // 4_000 + 1):
            endless.send(b"X-%d: %s\r\n" % (number, b"x" * 4_000))
            await endless.writer.drain()
        assert (await endless.closed()).startswith(b"HTTP/1.1 431 ")
    assert house.refused("header_size") == 1
    assert await house.answers()


async def test_heads_in_pieces_are_measured_one_by_one(house: House):
    head = HEALTHZ[:-2] + b"X-Long: " + b"x" * 8_000
    async with house.visit() as chatty:
        for _ in range(MAX_HEAD_BYTES // len(head) + 1):
            chatty.send(head)
            assert await house.answers()  # so that this piece has come by itself
            assert await chatty.ask(b"\r\n\r\n") == 200
