"""Bounds: how many at a time, how large, how slow; and leaving in good order."""

import asyncio
import io
import json
import zlib
from typing import Any

import aiohttp
import pytest

from services.chat import body as body_module
from services.chat import drain as drain_module
from tests.services.chat.conftest import Serve, Service
from tests.services.chat.scripted import OK_EVENTS, Call, ScriptedModel, completion, delta
from tests.waiting import until

ASKED: Any = [{"role": "user", "content": "Hello?"}]

JSON = {"Content-Type": "application/json"}


class Held:
    """A model that answers when it is let go."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def __call__(self, call: Call) -> None:
        if call.body.get("stream"):
            await call.send(OK_EVENTS)
            await call.say("Hel")
        await self.go_on.wait()
        if call.body.get("stream"):
            await call.event(delta({}, "stop"))
            await call.event(b"[DONE]")
            await call.end()
        else:
            await call.answer(200, completion())


async def test_one_too_many_is_told_so_at_once(serve: Serve, model: ScriptedModel):
    chat = await serve(chat_concurrency=2)
    model.script = held = Held()

    async def ask() -> int:
        async with chat.completions(model="gpt") as answer:
            status: int = answer.status
            return status

    inside = [asyncio.ensure_future(ask()) for _ in range(2)]
    await model.call(2)
    assert chat.metric("chat_in_flight") == 2
    async with chat.chat("Hello?") as answer:
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "1"
        assert (await answer.json())["error"]["code"] == "too_many_requests"
    labels = {"prompt": "", "version": "", "outcome": "busy"}
    assert chat.metric("chat_requests_total", **labels) == 1
    held.go_on.set()
    assert await asyncio.gather(*inside) == [200, 200]
    assert await ask() == 200
    assert len(model.calls) == 3


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
@pytest.mark.parametrize("path", ["/chat", "/v1/chat/completions"])
async def test_a_body_that_a_web_page_could_send_unasked_is_a_415(
    chat: Service, model: ScriptedModel, path: str, kind: str | None
):
    body = b'{"message": "Hello?", "messages": [{"role": "user", "content": "Hello?"}]}'
    headers = {"Content-Type": kind} if kind else {}
    async with chat.http.post(path, data=body, headers=headers) as answer:
        assert answer.status == 415
        assert (await answer.json())["error"]["code"] == "unsupported_media_type"
    assert not model.calls


async def test_a_body_above_the_limit_is_a_413(chat: Service):
    large = io.BytesIO(b'{"message": "' + b"x" * 1024 * 1024 + b'"}')
    async with chat.http.post("/chat", data=large, headers=JSON) as answer:
        assert answer.status == 413
        assert (await answer.json())["error"]["code"] == "too_large"


@pytest.mark.parametrize("coding", ["deflate", "gzip", "br", "GZIP", "identity, gzip"])
async def test_a_compressed_body_is_a_415_and_never_unpacked(chat: Service, coding: str):
    bomb = zlib.compress(b" " * 50_000_000)
    headers = {"Content-Encoding": coding, **JSON}
    async with chat.http.post("/chat", data=bomb, headers=headers) as answer:
        assert answer.status == 415
        assert answer.headers["Accept-Encoding"] == "identity"
        assert (await answer.json())["error"]["code"] == "unsupported_media_type"


async def test_a_body_may_say_that_it_is_not_compressed(chat: Service):
    headers = {"Content-Encoding": "identity", **JSON}
    async with chat.http.post("/chat", data=b'{"message": "Hello?"}', headers=headers) as answer:
        assert answer.status == 200


async def test_a_body_that_does_not_come_is_a_408(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(body_module, "READ_SECONDS", 0.02)
    chat = await serve()
    reader, writer = await asyncio.open_connection(*chat.runner.addresses[0])
    writer.write(b"POST /chat HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
    writer.write(b"Content-Length: 100\r\n\r\n{")
    assert (await reader.readline()).startswith(b"HTTP/1.1 408")
    writer.close()
    await writer.wait_closed()


async def test_draining_lets_answers_finish_and_closes_their_connections(
    chat: Service, model: ScriptedModel
):
    model.script = held = Held()
    async with chat.completions(model="gpt", stream=True) as answer:
        await answer.content.readany()
        chat.drain.begin()
        finished = asyncio.ensure_future(chat.drain.finished(5))
        async with chat.http.get("/readyz") as ready:
            assert ready.status == 503
        async with chat.http.post("/v1/chat/completions", json={"messages": []}) as late:
            assert late.status == 400  # still answered
            assert late.headers["Connection"] == "close"
        assert not finished.done()
        held.go_on.set()
        assert (await answer.read()).endswith(b"data: [DONE]\n\n")
    assert await finished


async def test_draining_with_nothing_under_way_is_over_at_once(chat: Service):
    chat.drain.begin()
    assert await chat.drain.finished(0)


async def test_who_leaves_takes_requests_until_the_notice_is_over(chat: Service):
    """Even with nothing under way: load balancers have not noticed yet."""
    leaving = asyncio.ensure_future(chat.drain.leave(60, 100))
    await until(lambda: chat.drain.draining, 5.0)
    async with chat.http.get("/readyz") as ready:
        assert ready.status == 503
    async with chat.http.post("/chat", json={"message": "Hello?"}) as answer:
        assert (answer.status, answer.headers["Connection"]) == (200, "close")
    assert not leaving.done()
    leaving.cancel()


async def test_who_has_given_notice_turns_new_requests_away_and_finishes_the_others(
    chat: Service, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
):
    """Else a balancer that does not ask /readyz would keep it from ever being done."""
    monkeypatch.setattr(drain_module, "TAKES_SECONDS", 0.05)
    model.script = held = Held()
    async with chat.completions(model="gpt", stream=True) as answer:
        await answer.content.readany()
        leaving = asyncio.ensure_future(chat.drain.leave(0.01, 5))
        await until(lambda: chat.drain.refusing, 5.0)
        async with chat.http.post("/chat", json={"message": "Hello?"}) as late:
            assert (late.status, late.headers["Retry-After"]) == (503, "1")
            assert (await late.json())["error"]["code"] == "draining"
        assert not leaving.done()
        held.go_on.set()
        assert (await answer.read()).endswith(b"data: [DONE]\n\n")
    assert await leaving
    assert len(model.calls) == 1
    assert chat.metric("chat_requests_total", prompt="", version="", outcome="busy") == 1


async def test_what_does_not_finish_is_told_that_it_ends_here(chat: Service, model: ScriptedModel):
    """A stream gets an error and no DONE, a plain request a 503; the model is left."""
    model.script = Held()
    async with (
        chat.completions(model="gpt", stream=True) as stream,
        aiohttp.ClientSession(chat.url) as other,
    ):
        await stream.content.readany()
        plain = asyncio.ensure_future(
            other.post("/v1/chat/completions", json={"model": "gpt", "messages": ASKED})
        )
        await model.call(2)
        chat.drain.begin()
        assert not await chat.drain.finished(0.02)
        assert (chat.drain.under_way, chat.drain.cut) == (0, 2)
        rest = await stream.read()
        event = rest.rstrip().split(b"\n\n")[-1]
        assert json.loads(event.removeprefix(b"data: "))["error"]["code"] == "shutting_down"
        async with await plain as answer:
            assert answer.status == 503
            assert (await answer.json())["error"]["code"] == "shutting_down"
    for call in model.calls:
        await asyncio.wait_for(call.left.wait(), 5)
    labels = {"prompt": "system", "version": "41", "outcome": "failed"}
    assert chat.metric("chat_requests_total", **labels) == 2


async def test_a_task_that_was_cut_off_goes_on_as_if_it_had_not_been(chat: Service):
    """Else the next timeout in it would take the cancelling for its own."""
    forever = asyncio.Event()

    async def under_way() -> tuple[bool, bool, int]:
        task = asyncio.current_task()
        assert task is not None
        with chat.drain:
            try:
                await forever.wait()
            except asyncio.CancelledError:
                return chat.drain.cut_off(), chat.drain.cut_off(), task.cancelling()
        raise AssertionError

    task = asyncio.ensure_future(under_way())
    await until(lambda: chat.drain.under_way, 5.0)
    assert not await chat.drain.finished(0.01)
    assert await task == (True, False, 0)


async def test_a_turn_that_will_not_end_does_not_hold_up_the_drain(
    chat: Service, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(drain_module, "CUT_OFF_SECONDS", 0.02)
    stubborn = asyncio.Event()

    async def under_way() -> None:
        with chat.drain:
            try:
                await stubborn.wait()
            except asyncio.CancelledError:
                await stubborn.wait()

    task = asyncio.ensure_future(under_way())
    await until(lambda: chat.drain.under_way, 5.0)
    assert not await chat.drain.finished(0.01)
    stubborn.set()
    await task


async def test_the_cancelling_of_a_client_that_leaves_is_not_mistaken_for_the_drain(
    chat: Service, model: ScriptedModel
):
    model.script = Held()
    async with chat.completions(model="gpt", stream=True) as answer:
        await answer.content.readany()
        chat.drain.begin()
        answer.close()
    assert await chat.drain.finished(5)
    labels = {"prompt": "system", "version": "41", "outcome": "left"}
    assert chat.metric("chat_requests_total", **labels) == 1
