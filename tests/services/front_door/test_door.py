"""How many connections an address may have, and clients that do not read."""

import asyncio
import json
import socket

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter

from services.front_door.connection import Connection
from services.front_door.door import FrontDoor
from services.front_door.limits import TAKEN_BYTES, Limits
from tests.services.chat.scripted import OK_EVENTS, Call, ScriptedModel, completion, delta
from tests.services.front_door.houses import HEALTHZ, House
from tests.waiting import until

PATIENT = Limits(look=0.02)


async def test_one_connection_too_many_is_closed_at_once(opened):
    house = await opened(PATIENT, per_address=3)
    async with house.visit() as first, house.visit() as second, house.visit() as third:
        for each in (first, second, third):
            assert await each.ask(HEALTHZ) == 200
        async with house.visit() as fourth:
            fourth.send(HEALTHZ)
            assert await fourth.closed() == b""
        assert house.refused("address") == 1
        assert house.door.open == 3
        first.writer.close()
        await until(lambda: house.door.open == 2)
        async with house.visit() as fifth:
            assert await fifth.ask(HEALTHZ) == 200
        assert await second.ask(HEALTHZ) == 200


async def test_those_on_a_unix_socket_are_one_address(opened, tmp_path):
    house = await opened(PATIENT, per_address=1)
    path = str(tmp_path / "s")
    await web.UnixSite(house.runner, path).start()
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(HEALTHZ)
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    refused, other = await asyncio.open_unix_connection(path)
    assert await refused.read() == b""
    assert await house.answers()  # over TCP, which is another address
    other.close()
    writer.close()


async def test_who_does_not_read_its_stream_is_cut_off_and_its_place_is_free(
    chat: House, model: ScriptedModel
):
    """Large events: the stream's own deadline begins only once something waits to be sent."""

    async def flood(call: Call) -> None:
        await call.send(OK_EVENTS)
        event = b"data: " + json.dumps(delta({"content": "x" * 900_000})).encode() + b"\n\n"
        while not call.left.is_set():
            await call.chunk(event)

    model.script = flood
    asked = b'{"message": "Hello?", "stream": true}'
    async with chat.visit() as stalled:
        stalled.reader._transport.pause_reading()  # type: ignore[attr-defined]  # asyncio's stream
        stalled.send(chat.posting(f"Content-Length: {len(asked)}") + asked)
        call = await model.call()
        await asyncio.wait_for(call.left.wait(), 10)
        assert chat.refused("stalled") == 1
    await until(lambda: not chat.door.open)
    assert chat.registry.get_sample_value("promptcast_chat_in_flight") == 0
    model.script = lambda call: call.answer(200, completion())
    async with chat.visit() as next_one:
        asked = b'{"message": "Hello?"}'
        assert await next_one.ask(chat.posting(f"Content-Length: {len(asked)}") + asked) == 200


async def test_who_does_not_read_its_answers_is_cut_off(opened):
    """Their requests are answered no further than that: what is not read is not made.

    The last request lies there half for as long as the others wait, which is no late head here; and
    a small receive buffer is full after a few answers, also where making one takes long.
    """
    house = await opened(Limits(head=30.0, stalled=0.4, look=0.02))
    path = b"/metrics" if house.name == "chat" else b"/api/v1/openapi.json"
    one = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path
    async with house.visit() as stalled:
        stalled.reader._transport.pause_reading()
        client = stalled.writer.get_extra_info("socket")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        sending = asyncio.ensure_future(push(stalled.writer, one * 1_000))
        await until(lambda: house.refused("stalled") == 1, 20)
        sending.cancel()
    await until(lambda: not house.door.open)
    assert await house.answers()


async def push(writer: asyncio.StreamWriter, data: bytes) -> None:
    while True:
        writer.write(data)
        await writer.drain()


async def test_requests_sent_ahead_are_not_taken_in_without_end(chat: House, model: ScriptedModel):
    go_on = asyncio.Event()

    async def held(call: Call) -> None:
        await go_on.wait()
        await call.answer(200, completion())

    model.script = held
    asked = b'{"message": "Hello?"}'
    ahead = (chat.posting("Content-Length: 2") + b"{}") * 100
    with socket.create_connection((chat.host, chat.port)) as eager:
        eager.sendall(chat.posting(f"Content-Length: {len(asked)}") + asked)
        await model.call()
        eager.setblocking(False)
        sent = refusals = 0
        while refusals < 20:  # nothing more was taken while twenty others were answered
            try:
                sent += eager.send(ahead)
                refusals = 0
            except BlockingIOError:
                refusals += 1
                assert await chat.answers()
            assert sent < 64 * 1024 * 1024
    go_on.set()


class Transport:
    """A transport with so much waiting to be sent."""

    def __init__(self, unsent: int = 0) -> None:
        self.unsent = unsent

    def get_write_buffer_size(self) -> int:
        return self.unsent


@pytest.mark.parametrize(
    ("unsent", "stalled"),
    [
        ([100, 100, 100], True),
        ([100, 99, 98], True),  # a byte now and then is no reading
        ([100, 200, 300], True),
        ([10**6 - i * TAKEN_BYTES for i in range(40)], False),
        ([TAKEN_BYTES + 9, 9_000, 8], False),  # enough, though not at once
        ([100, 0, 100, 0, 100, 0], False),
        ([0] * 20, False),
    ],
    ids=["nothing", "drops", "more and more", "steady", "slow", "all of it", "none"],
)
def test_to_read_is_to_take_some_of_what_waits(unsent: list[int], stalled: bool):
    """Looked at every 30.5 s; the limit is 60."""
    door = FrontDoor(1, Counter("refused", "of a test", ["reason"], registry=CollectorRegistry()))
    connection = Connection(door, None)  # type: ignore[arg-type]  # it is never made
    transport = Transport()
    connection._transport = transport  # type: ignore[assignment]  # as far as it is asked
    said = []
    for step, waiting in enumerate(unsent):
        transport.unsent = waiting
        said.append(connection.overdue(step * 30.5, Limits()))
    assert said == ([None, None, "stalled"] if stalled else [None] * len(unsent))
