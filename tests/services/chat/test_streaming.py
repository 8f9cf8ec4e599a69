"""Streams that go wrong, on either side."""

import asyncio
import json
from typing import Any

import openai
import pytest

from services.chat import upstream
from services.chat.relay import Relay
from tests.services.chat.conftest import Serve, Service
from tests.services.chat.scripted import OK_EVENTS, Call, ScriptedModel, whole_stream
from tests.waiting import until

ASKED: Any = [{"role": "user", "content": "Hello?"}]


async def read_events(chat: Service, **body: Any) -> tuple[int, list[bytes]]:
    async with chat.completions(model="gpt", stream=True, **body) as answer:
        return answer.status, [part for part in (await answer.read()).split(b"\n\n") if part]


def error_of(event: bytes) -> dict[str, Any]:
    assert event.startswith(b"data: ")
    error = json.loads(event[6:])["error"]
    assert sorted(error) == ["code", "message", "param", "type"]
    return error


async def test_a_stream_that_breaks_ends_with_an_error_and_no_done(
    chat: Service, model: ScriptedModel
):
    """The piece of an event that came last is dropped, so the client can parse all that it gets."""

    async def cut(call: Call) -> None:
        await call.send(OK_EVENTS)
        await call.say("Hel")
        await call.chunk(b'data: {"id": "chatcmpl-1", "choi')
        call.writer.close()

    model.script = cut
    status, events = await read_events(chat)
    assert status == 200
    assert len(events) == 2
    assert error_of(events[-1])["code"] == "upstream_broke_off"
    labels = {"prompt": "system", "version": "41", "outcome": "upstream_error"}
    assert chat.metric("chat_requests_total", **labels) == 1


async def test_a_stream_that_ends_without_done_ends_with_an_error(
    chat: Service, model: ScriptedModel
):
    async def short(call: Call) -> None:
        await call.send(OK_EVENTS)
        await call.say("Hel")
        await call.end()

    model.script = short
    _, events = await read_events(chat)
    assert error_of(events[-1])["code"] == "upstream_broke_off"


async def test_the_sdk_raises_when_a_stream_breaks(chat: Service, model: ScriptedModel):
    async def cut(call: Call) -> None:
        await call.send(OK_EVENTS)
        await call.say("Hel")
        call.writer.close()

    model.script = cut
    stream = await chat.openai.chat.completions.create(model="gpt", messages=ASKED, stream=True)
    with pytest.raises(openai.APIError, match="broke off"):
        async for _ in stream:
            pass


async def test_a_stream_that_breaks_before_its_first_event_is_a_502(
    chat: Service, model: ScriptedModel
):
    async def cut(call: Call) -> None:
        await call.send(OK_EVENTS)
        call.writer.close()

    model.script = cut
    async with chat.completions(model="gpt", stream=True) as answer:
        assert answer.status == 502
        assert (await answer.json())["error"]["code"] == "upstream_broke_off"


async def test_an_error_within_the_stream_ends_it(chat: Service, model: ScriptedModel):
    """Some servers send ``[DONE]`` after their error; it must not look like a whole answer."""

    async def fail(call: Call) -> None:
        await call.send(OK_EVENTS)
        await call.say("Hel")
        await call.event({"error": {"message": "out of memory", "code": "oom"}})
        await call.event(b"[DONE]")
        await call.end()

    model.script = fail
    _, events = await read_events(chat)
    assert len(events) == 2
    error = error_of(events[-1])
    assert (error["message"], error["code"]) == ("out of memory", "oom")


async def test_a_model_that_does_not_stream_is_a_502(chat: Service, model: ScriptedModel):
    model.script = lambda call: call.answer(200, {"choices": []})
    async with chat.completions(model="gpt", stream=True) as answer:
        assert answer.status == 502
        assert (await answer.json())["error"]["code"] == "upstream_error"


async def test_line_ends_of_every_kind_are_relayed_as_they_are(chat: Service, model: ScriptedModel):
    model.script = lambda call: whole_stream(call, "Hel", "lo.", end=b"\r\n\r\n")
    async with chat.completions(model="gpt", stream=True) as answer:
        body = await answer.read()
    assert body.endswith(b"data: [DONE]\r\n\r\n")
    assert body.count(b"\r\n\r\n") == 5
    assert b'"choices": []' not in body


async def test_a_model_that_never_begins_is_a_504(serve: Serve, model: ScriptedModel):
    chat = await serve(upstream_first_byte_timeout=0.05)

    async def silent(call: Call) -> None:
        await call.left.wait()

    model.script = silent
    async with chat.completions(model="gpt", stream=True) as answer:
        assert answer.status == 504
        assert (await answer.json())["error"]["code"] == "upstream_timeout"
    call = await model.call()
    await asyncio.wait_for(call.left.wait(), 5)
    labels = {"prompt": "system", "version": "41", "outcome": "timeout"}
    assert chat.metric("chat_requests_total", **labels) == 1


async def test_a_model_that_falls_silent_ends_the_stream(serve: Serve, model: ScriptedModel):
    chat = await serve(upstream_first_byte_timeout=0.05)

    async def silent(call: Call) -> None:
        await call.send(OK_EVENTS)
        await call.say("Hel")
        await call.left.wait()

    model.script = silent
    _, events = await read_events(chat)
    assert error_of(events[-1])["code"] == "upstream_timeout"


async def test_a_model_that_never_ends_is_ended(serve: Serve, model: ScriptedModel):
    chat = await serve(upstream_timeout=0.1)

    async def babble(call: Call) -> None:
        await call.send(OK_EVENTS)
        while not call.left.is_set():
            await call.say("and ")
            await asyncio.sleep(0.001)

    model.script = babble
    _, events = await read_events(chat)
    assert error_of(events[-1])["code"] == "upstream_timeout"
    await asyncio.wait_for(model.calls[0].left.wait(), 5)


async def test_a_model_that_keeps_the_connection_open_after_done_holds_nobody_up(
    chat: Service, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(upstream, "SETTLE_SECONDS", 0.05)

    async def linger(call: Call) -> None:
        await call.send(OK_EVENTS)
        await call.say("Hello.")
        await call.event(b"[DONE]")
        await call.left.wait()

    model.script = linger
    _, events = await read_events(chat)
    assert events[-1] == b"data: [DONE]"
    labels = {"prompt": "system", "version": "41", "outcome": "ok"}
    await until(lambda: chat.metric("chat_requests_total", **labels) == 1, 5.0)


async def test_a_connection_whose_end_comes_after_done_is_used_again(
    chat: Service, model: ScriptedModel
):
    async def end_late(call: Call) -> None:
        await call.send(OK_EVENTS)
        await call.say("Hello.")
        await call.event(b"[DONE]")
        await asyncio.sleep(0.02)  # a write of its own, as most servers make it
        await call.end()

    model.script = end_late
    for _ in range(3):
        await read_events(chat)
    assert model.connections == 1


async def test_an_event_that_is_too_large_ends_the_stream(chat: Service, model: ScriptedModel):
    async def endless(call: Call) -> None:
        await call.send(OK_EVENTS)
        await call.say("Hel")
        while not call.left.is_set():
            await call.chunk(b"x" * 65536)

    model.script = endless
    _, events = await read_events(chat)
    assert error_of(events[-1])["code"] == "upstream_error"


async def test_a_fault_of_ours_in_mid_stream_is_told_and_logged(
    chat: Service, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
):
    """Half an answer must never look like a whole one."""
    feed = Relay.feed

    def stumble(self: Relay, block: bytes) -> bytes:
        if b"lo." in block:
            raise ZeroDivisionError
        return feed(self, block)

    async def slow(call: Call) -> None:
        await call.send(OK_EVENTS)
        await call.say("Hel")
        await asyncio.sleep(0.01)  # so that both words do not arrive in one block
        await call.say("lo.")
        await call.left.wait()

    model.script = slow
    monkeypatch.setattr(Relay, "feed", stumble)
    _, events = await read_events(chat)
    assert error_of(events[-1])["code"] == "internal_error"
    assert "ZeroDivision" not in str(events)
