"""Bodies: how large, and how much of one is listened to once it has been answered."""

import asyncio
import socket
from functools import partial

import pytest

from services.admin import body as admin_body
from services.chat import body as chat_body
from services.chat import turn
from services.chat.app import DRAIN
from services.chat.body import Bodies
from services.front_door.limits import MAX_LEFTOVER_BYTES
from tests.services.chat.scripted import Call, ScriptedModel, completion
from tests.services.front_door.houses import HEALTHZ, House, chat_house
from tests.waiting import until

HUGE = 100 * 1024 * 1024
BLOCK = b" " * 65_536


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_huge_body_is_a_413_long_before_its_end(house: House, chunked: bool):
    said = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {HUGE}"
    piece = b"%x\r\n%s\r\n" % (len(BLOCK), BLOCK) if chunked else BLOCK
    loop = asyncio.get_running_loop()
    with socket.create_connection((house.host, house.port)) as raw:
        raw.setblocking(False)
        await loop.sock_sendall(raw, house.posting(said))
        answer = asyncio.ensure_future(loop.sock_recv(raw, 65_536))
        sent = 0
        try:
            async with asyncio.timeout(10):
                while sent < HUGE:
                    await loop.sock_sendall(raw, piece)
                    sent += len(piece)
        except ConnectionError:
            pass
        assert (await answer).startswith(b"HTTP/1.1 413 ")
        assert sent < MAX_LEFTOVER_BYTES + 24 * 1024 * 1024  # what two kernels' buffers may hold
    await until(lambda: not house.door.open)


async def test_who_sends_a_little_too_much_is_told_so_and_may_stay(house: House):
    """Many clients look at their answer only once they have sent everything."""
    size = 3 * 1024 * 1024
    async with house.visit() as chatty:
        chatty.send(house.posting(f"Content-Length: {size}"))
        for _ in range(size // len(BLOCK)):
            chatty.send(BLOCK)
            await chatty.writer.drain()
        assert await chatty.status() == 413
        assert await chatty.ask(HEALTHZ) == 200


async def test_a_body_of_a_byte_now_and_then_is_a_408_and_the_end(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(chat_body, "READ_SECONDS", 0.1)
    monkeypatch.setattr(admin_body, "READ_SECONDS", 0.1)
    async with house.visit() as slow:
        slow.send(house.posting("Content-Length: 1000"))
        dripping = asyncio.ensure_future(drip(slow.writer))
        assert await slow.status() == 408
        await slow.closed()
        dripping.cancel()
    await until(lambda: not house.door.open)


async def drip(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b" ")
        await asyncio.sleep(0.01)


async def test_slow_bodies_keep_nobody_out(chat: House, model: ScriptedModel):
    """The service answers one request at a time; ten are sending theirs."""
    asked = b'{"message": "Hello?"}'
    head = chat.posting(f"Content-Length: {len(asked)}")
    visits = [chat.visit() for _ in range(10)]
    slow = [await visit.__aenter__() for visit in visits]
    for each in slow:
        each.send(head + asked[:5])
    await until(lambda: chat.runner.app[DRAIN].under_way == len(slow))
    async with chat.visit() as honest:
        assert await honest.ask(head + asked) == 200
    for each in slow:
        assert await each.ask(asked[5:]) == 200
    assert len(model.calls) == 11
    for visit in visits:
        await visit.__aexit__(None, None, None)


async def test_where_there_is_no_room_no_body_is_waited_for(chat: House, model: ScriptedModel):
    go_on = asyncio.Event()

    async def held(call: Call) -> None:
        await go_on.wait()
        await call.answer(200, completion())

    model.script = held
    asked = b'{"message": "Hello?"}'
    head = chat.posting(f"Content-Length: {len(asked)}")
    async with chat.visit() as first, chat.visit() as second:
        first.send(head + asked)
        await model.call()
        assert await second.ask(head) == 503
        go_on.set()
        assert await first.status() == 200


async def test_what_is_arriving_has_a_bound_in_bytes(
    model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
):
    """However many they are; and what has arrived, or was given up, takes no room any more."""
    monkeypatch.setattr(turn, "Bodies", partial(Bodies, 100))
    asked = b'{"message": "Hello?"}' + b" " * 59  # 80 bytes
    async with chat_house(model.url) as house, house.visit() as slow, house.visit() as other:
        head = house.posting("Content-Length: 80")
        for _ in range(3):
            slow.send(head + asked[:79])
            await until(lambda: house.runner.app[DRAIN].under_way == 1)
            assert await other.ask(head + asked) == 503
            assert await slow.ask(asked[79:]) == 200
            assert await other.ask(head + asked) == 200
