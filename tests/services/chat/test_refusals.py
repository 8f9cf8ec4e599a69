"""What goes wrong upstream in plain answers, and what the client is told."""

import asyncio
import gzip
import json
from typing import Any

import openai
import pytest

from tests.services.chat.conftest import Serve, Service
from tests.services.chat.scripted import Call, ScriptedModel, completion

ASKED: Any = [{"role": "user", "content": "Hello?"}]


async def ask(chat: Service, **body: Any) -> tuple[int, dict[str, Any], dict[str, str]]:
    async with chat.completions(model="gpt", **body) as answer:
        return answer.status, (await answer.json())["error"], dict(answer.headers)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusal_is_passed_on_in_its_shape(
    chat: Service, model: ScriptedModel, stream: bool
):
    shown = {"message": "no such", "type": "invalid_request_error", "param": "x", "code": "y"}
    model.script = lambda call: call.answer(422, {"error": {**shown, "internal": "secret"}})
    status, error, _ = await ask(chat, stream=stream)
    assert (status, error) == (422, shown)


async def test_a_rate_limit_is_passed_on_with_its_retry_after(chat: Service, model: ScriptedModel):
    model.script = lambda call: call.answer(
        429, {"error": {"message": "slow down", "code": "tokens"}}, {"Retry-After": "17"}
    )
    status, error, headers = await ask(chat)
    assert (status, headers["Retry-After"]) == (429, "17")
    assert (error["message"], error["code"], error["type"]) == (
        ("slow down", "tokens", "rate_limit_error")
    )
    with pytest.raises(openai.RateLimitError):
        await chat.openai.chat.completions.create(model="gpt", messages=ASKED)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_a_502_that_shows_nothing_of_it(
    serve: Serve, model: ScriptedModel, status: int
):
    chat = await serve(openai_api_key="sk-very-secret")
    said = {"error": {"message": "Incorrect API key provided: sk-very-secret", "code": "bad_key"}}
    model.script = lambda call: call.answer(status, said)
    got, error, headers = await ask(chat)
    assert (got, error["code"]) == (502, "upstream_unauthorized")
    assert "secret" not in str(error) + str(headers)


@pytest.mark.parametrize(
    ("status", "expected", "code"),
    [
        (400, 400, "upstream_refused"),
        (404, 404, "upstream_refused"),
        (408, 504, "upstream_timeout"),
        (500, 502, "upstream_error"),
        (503, 502, "upstream_error"),
        (504, 504, "upstream_timeout"),
    ],
)
async def test_each_status_has_its_meaning(
    chat: Service, model: ScriptedModel, status: int, expected: int, code: str
):
    model.script = lambda call: call.answer(status, b"<html>oops</html>")
    got, error, _ = await ask(chat)
    assert (got, error["code"]) == (expected, code)
    assert "html" not in error["message"]


async def test_a_refusal_without_end_is_not_read_to_its_end(chat: Service, model: ScriptedModel):
    async def endless(call: Call) -> None:
        await call.send(b"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not call.left.is_set():
            await call.chunk(b"x" * 10_000)

    model.script = endless
    status, _, _ = await ask(chat)
    assert status == 400


async def test_a_model_that_cannot_be_reached_is_a_502(serve: Serve, unused_tcp_port: int):
    chat = await serve(openai_base_url=f"http://127.0.0.1:{unused_tcp_port}/v1")
    status, error, _ = await ask(chat)
    assert (status, error["code"]) == (502, "upstream_unreachable")
    labels = {"prompt": "system", "version": "41", "outcome": "upstream_error"}
    assert chat.metric("chat_requests_total", **labels) == 1


async def test_a_model_that_takes_too_long_is_a_504(serve: Serve, model: ScriptedModel):
    chat = await serve(upstream_timeout=0.05)

    async def silent(call: Call) -> None:
        await call.left.wait()

    model.script = silent
    status, error, _ = await ask(chat)
    assert (status, error["code"]) == (504, "upstream_timeout")


async def test_an_answer_that_drips_is_ended_as_a_whole(serve: Serve, model: ScriptedModel):
    """Bytes that keep coming defeat every bound on silence."""
    chat = await serve(upstream_timeout=0.1)

    async def drip(call: Call) -> None:
        await call.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
        await call.send(b"Transfer-Encoding: chunked\r\n\r\n")
        while not call.left.is_set():
            await call.chunk(b" ")
            await asyncio.sleep(0.002)

    model.script = drip
    status, error, _ = await ask(chat)
    assert (status, error["code"]) == (504, "upstream_timeout")


@pytest.mark.parametrize(
    "garbage", [b"", b"hello", b"[1, 2]", b'{"choices": ', b"{}", b'{"a": 1}', b"\xff\xfe{}"]
)
async def test_garbage_is_a_502(chat: Service, model: ScriptedModel, garbage: bytes):
    model.script = lambda call: call.answer(200, garbage)
    status, error, _ = await ask(chat)
    assert (status, error["code"]) == (502, "upstream_error")


async def test_bytes_that_are_not_http_are_a_502(chat: Service, model: ScriptedModel):
    model.script = lambda call: call.send(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
    status, error, _ = await ask(chat)
    assert status == 502
    assert error["code"] in ("upstream_error", "upstream_broke_off")


async def test_an_answer_cut_in_the_middle_is_a_502(chat: Service, model: ScriptedModel):
    async def cut(call: Call) -> None:
        await call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + b'{"choices": [')
        call.writer.close()

    model.script = cut
    status, error, _ = await ask(chat)
    assert (status, error["code"]) == (502, "upstream_broke_off")


async def test_a_connection_that_is_always_lost_is_a_502_after_two_tries(
    chat: Service, model: ScriptedModel
):
    async def hang_up(call: Call) -> None:
        call.writer.close()

    model.script = hang_up
    status, error, _ = await ask(chat)
    assert (status, error["code"]) == (502, "upstream_broke_off")
    assert len(model.calls) == 2


async def test_an_error_under_status_200_is_an_error(chat: Service, model: ScriptedModel):
    model.script = lambda call: call.answer(200, {"error": {"message": "overloaded"}})
    status, error, _ = await ask(chat)
    assert (status, error["message"]) == (502, "overloaded")


async def test_an_answer_that_is_too_large_is_a_502(
    chat: Service, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("services.chat.upstream.MAX_ANSWER_BYTES", 1000)
    model.script = lambda call: call.answer(200, completion("x" * 2000))
    status, error, _ = await ask(chat)
    assert (status, error["code"]) == (502, "upstream_error")


async def test_a_compressed_answer_arrives_readable(chat: Service, model: ScriptedModel):
    """We ask for none, but some servers compress all the same."""
    body = gzip.compress(json.dumps(completion("Hello.")).encode())
    model.script = lambda call: call.answer(200, body, {"Content-Encoding": "gzip"})
    answer = await chat.openai.chat.completions.create(model="gpt", messages=ASKED)
    assert answer.choices[0].message.content == "Hello."
    assert model.calls[0].headers["accept-encoding"] == "identity"


async def test_a_proxy_of_the_environment_is_not_used_for_a_local_model(
    model: ScriptedModel, serve: Serve, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    chat = await serve()
    async with chat.completions(model="gpt") as answer:
        assert answer.status == 200
