"""Clients that leave, dawdle, speak an older HTTP, or come in numbers."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest
import structlog

from services.chat import event_stream
from tests.services.chat.conftest import Serve, Service
from tests.services.chat.scripted import OK_EVENTS, Call, ScriptedModel, delta
from tests.waiting import until

ASKED: Any = [{"role": "user", "content": "Hello?"}]


async def test_a_client_that_leaves_with_the_whole_answer_has_not_left_too_early(
    chat: Service, model: ScriptedModel
):
    async def linger(call: Call) -> None:
        await call.send(OK_EVENTS)
        await call.say("Hello.")
        await call.event(b"[DONE]")
        await call.left.wait()

    model.script = linger
    async with aiohttp.ClientSession(chat.url) as client:
        body = {"model": "gpt", "messages": ASKED, "stream": True}
        async with client.post("/v1/chat/completions", json=body) as answer:
            await answer.read()
    await asyncio.wait_for(model.calls[0].left.wait(), 5)
    labels = {"prompt": "system", "version": "41"}
    await until(lambda: chat.metric("chat_requests_total", **labels, outcome="ok") == 1, 5.0)


async def test_the_model_is_left_when_the_client_leaves_in_mid_stream(
    chat: Service, model: ScriptedModel
):
    async def go_on(call: Call) -> None:
        await call.send(OK_EVENTS)
        await call.say("Hel")
        await call.left.wait()

    model.script = go_on
    async with chat.completions(model="gpt", stream=True) as answer:
        await answer.content.readany()
        answer.close()
    call = await model.call()
    await asyncio.wait_for(call.left.wait(), 5)
    labels = {"prompt": "system", "version": "41", "outcome": "left"}
    await until(lambda: chat.metric("chat_requests_total", **labels) == 1, 5.0)
    assert chat.metric("chat_in_flight") == 0


@pytest.mark.parametrize("stream", [False, True])
async def test_the_model_is_left_when_the_client_leaves_before_the_first_byte(
    chat: Service, model: ScriptedModel, stream: bool
):
    async def wait(call: Call) -> None:
        await call.left.wait()

    model.script = wait
    asking = asyncio.ensure_future(
        chat.http.post(
            "/v1/chat/completions", json={"model": "gpt", "messages": ASKED, "stream": stream}
        )
    )
    call = await model.call()
    asking.cancel()
    await asyncio.wait_for(call.left.wait(), 5)
    labels = {"prompt": "system", "version": "41", "outcome": "left"}
    await until(lambda: chat.metric("chat_requests_total", **labels) == 1, 5.0)
    assert chat.metric("chat_in_flight") == 0


async def test_a_client_that_does_not_read_is_cut_off(
    serve: Serve, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
):
    """It would otherwise hold its place, and the model's connection, for ever."""
    monkeypatch.setattr(event_stream, "STUCK_SECONDS", 0.1)
    chat = await serve()

    async def flood(call: Call) -> None:
        await call.send(OK_EVENTS)
        chunk = json.dumps(delta({"content": "x" * 4000})).encode()
        block = (b"data: " + chunk + b"\n\n") * 20
        while not call.left.is_set():
            await call.chunk(block)

    model.script = flood
    reader, writer = await asyncio.open_connection(*chat.runner.addresses[0], limit=1024)
    body = json.dumps({"model": "gpt", "messages": ASKED, "stream": True}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += b"Content-Length: %d\r\n\r\n"
    writer.write(head % len(body) + body)
    with structlog.testing.capture_logs() as lines:
        call = await model.call()
        await asyncio.wait_for(call.left.wait(), 10)
        labels = {"prompt": "system", "version": "41", "outcome": "left"}
        await until(lambda: chat.metric("chat_requests_total", **labels) == 1, 5.0)
    server = chat.runner.server
    assert server is not None
    await until(lambda: not server.connections, 5.0)  # nothing waits to be flushed
    assert [line["event"] for line in lines] == ["chat_failed"]  # and no fault of ours
    writer.close()
    del reader


async def test_many_streams_run_side_by_side(chat: Service):
    async def ask() -> bytes:
        async with chat.completions(model="gpt", stream=True) as answer:
            body: bytes = await answer.read()
            return body

    bodies = await asyncio.gather(*(ask() for _ in range(40)))
    assert all(body.endswith(b"data: [DONE]\n\n") for body in bodies)


async def test_http_1_0_clients_get_their_stream(chat: Service):
    async with aiohttp.ClientSession(version=aiohttp.HttpVersion10) as old:
        body = {"model": "gpt", "messages": ASKED, "stream": True}
        async with old.post(f"{chat.url}/v1/chat/completions", json=body) as answer:
            assert (await answer.read()).endswith(b"data: [DONE]\n\n")
