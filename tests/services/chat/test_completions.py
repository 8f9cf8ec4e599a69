"""A real OpenAI client against the chat port, and what the model behind it gets to see."""

import asyncio
from typing import Any

import openai
import pytest

from events.model import PromptConfig
from services.demo_model.server import start
from tests.services.chat.conftest import Serve, Service
from tests.services.chat.replicas import live_prompt
from tests.services.chat.scripted import (
    OK_EVENTS,
    USAGE,
    Call,
    ScriptedModel,
    completion,
    delta,
    polite,
)

ASKED: Any = [{"role": "user", "content": "Hello?"}]


async def test_a_plain_answer_comes_from_the_live_prompt(chat: Service, model: ScriptedModel):
    answer = await chat.openai.chat.completions.create(model="gpt", messages=ASKED)
    assert answer.choices[0].message.content == "Hello."
    assert model.calls[0].body["messages"] == [
        {"role": "system", "content": "You are the test's own prompt.\nBe brief."},
        *ASKED,
    ]


async def test_a_plain_answer_is_handed_on_byte_for_byte(chat: Service, model: ScriptedModel):
    exact = b'{"choices": [ ] , "odd":1.50, "\\u00e9":"\xc3\xa9", "usage":{"prompt_tokens":7}}'
    model.script = lambda call: call.answer(200, exact)
    async with chat.completions(model="gpt") as answer:
        assert await answer.read() == exact
        assert answer.headers["Content-Type"] == "application/json"


async def test_a_streamed_answer_arrives_word_by_word(chat: Service):
    stream = await chat.openai.chat.completions.create(model="gpt", messages=ASKED, stream=True)
    texts = [chunk.choices[0].delta.content async for chunk in stream]
    assert texts == ["", "Hel", "lo.", None]


async def test_the_usage_chunk_is_dropped_when_the_client_did_not_ask(
    chat: Service, model: ScriptedModel
):
    async with chat.completions(model="gpt", stream=True) as answer:
        body = await answer.read()
    assert model.calls[0].body["stream_options"] == {"include_usage": True}
    assert b'"choices": []' not in body
    assert body.endswith(b"data: [DONE]\n\n")


async def test_the_usage_chunk_is_kept_when_the_client_asked(chat: Service):
    stream = await chat.openai.chat.completions.create(
        model="gpt", messages=ASKED, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == USAGE["total_tokens"]


async def test_other_stream_options_go_upstream_beside_ours(chat: Service, model: ScriptedModel):
    async with chat.completions(model="gpt", stream=True, stream_options={"other": 1}) as answer:
        await answer.read()
    assert model.calls[0].body["stream_options"] == {"other": 1, "include_usage": True}


async def test_the_versions_config_goes_before_the_setting_and_the_request(
    serve: Serve, model: ScriptedModel
):
    config = PromptConfig(model="from-config", parameters={"temperature": 0.1, "seed": 7})
    chat = await serve(live_prompt(config=config), model="from-setting")
    async with chat.completions(model="from-request", temperature=0.9, top_p=0.5) as answer:
        assert answer.status == 200
    body = model.calls[0].body
    assert (body["model"], body["temperature"], body["seed"], body["top_p"]) == (
        ("from-config", 0.1, 7, 0.5)
    )


async def test_fields_that_are_ours_do_not_go_upstream(chat: Service, model: ScriptedModel):
    async with chat.completions(
        model="gpt", variables={"x": "y"}, conversation_id="c-1", user="u-1", unheard_of=[1]
    ) as answer:
        assert answer.status == 200
    body = model.calls[0].body
    assert sorted(body) == ["messages", "model", "unheard_of", "user"]


async def test_no_field_of_the_body_becomes_an_option_of_the_call(
    serve: Serve, model: ScriptedModel
):
    """The SDK's own keyword arguments are plain fields when they come from a client."""
    chat = await serve(allow_client_system=True)
    async with chat.completions(model="gpt", extra_headers={"X-Bad": "1"}, timeout=0.001) as answer:
        assert answer.status == 200
    assert "x-bad" not in model.calls[0].headers
    assert model.calls[0].body["timeout"] == 0.001


async def test_the_clients_key_is_never_forwarded(serve: Serve, model: ScriptedModel):
    chat = await serve(chat_key="the-chat-key", openai_api_key="the-model-key")
    async with chat.completions(
        headers={"Authorization": "Bearer the-chat-key"}, model="gpt"
    ) as answer:
        assert answer.status == 200
    assert model.calls[0].headers["authorization"] == "Bearer the-model-key"
    assert "the-chat-key" not in str(model.calls[0].headers)


async def test_a_lost_kept_connection_is_tried_once_more(chat: Service, model: ScriptedModel):
    await chat.openai.chat.completions.create(model="gpt", messages=ASKED)

    async def hang_up_once(call: Call) -> None:
        if len(model.calls) == 2:
            call.writer.close()
        else:
            await call.answer(200, completion("Again."))

    model.script = hang_up_once
    answer = await chat.openai.chat.completions.create(model="gpt", messages=ASKED)
    assert answer.choices[0].message.content == "Again."
    assert len(model.calls) == 3


async def test_connections_to_the_model_are_used_again(chat: Service, model: ScriptedModel):
    for stream in (False, True, True, False):
        async with chat.completions(model="gpt", stream=stream) as answer:
            assert answer.status == 200
            await answer.read()
    assert model.connections == 1


async def test_a_prompt_that_changes_in_mid_stream_does_not_change_the_answer(
    chat: Service, model: ScriptedModel
):
    """The answer, its headers and its metrics stay with the version that it began with."""
    go_on = asyncio.Event()

    async def slow(call: Call) -> None:
        if len(model.calls) > 1:
            await polite(call)
            return
        await call.send(OK_EVENTS)
        await call.say("Begun")
        await go_on.wait()
        await call.event(delta({}, "stop"))
        await call.event(b"[DONE]")
        await call.end()

    model.script = slow
    async with chat.completions(model="gpt", stream=True) as first:
        await first.content.readany()
        chat.replica.put(live_prompt("Another.", version=42, revision=58))
        async with chat.completions(model="gpt") as second:
            assert second.headers["X-Prompt-Version"] == "42"
        go_on.set()
        assert (await first.read()).endswith(b"data: [DONE]\n\n")
        assert first.headers["X-Prompt-Version"] == "41"
    for version in ("41", "42"):
        labels = {"prompt": "system", "version": version, "outcome": "ok"}
        assert chat.metric("chat_requests_total", **labels) == 1


async def test_the_sdk_over_the_demo_model_sees_which_prompt_was_used(serve: Serve):
    demo, port = await start("127.0.0.1", 0, pause=0)
    try:
        chat = await serve(
            live_prompt("You speak like {{ who }}."), openai_base_url=f"http://127.0.0.1:{port}/v1"
        )
        ask = chat.openai.chat.completions.create
        extra = {"variables": {"who": "a pirate"}}
        plain = await ask(model="any", messages=ASKED, extra_body=extra)
        stream = await ask(model="any", messages=ASKED, stream=True, extra_body=extra)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    finally:
        await demo.cleanup()
    assert text == plain.choices[0].message.content
    assert "You speak like a pirate." in text


async def test_an_error_reaches_the_sdk_as_its_own_kind(serve: Serve):
    chat = await serve(live_prompt("Hello {{ name }} and {{ other }}."))
    with pytest.raises(openai.BadRequestError) as caught:
        await chat.openai.chat.completions.create(model="gpt", messages=ASKED)
    assert caught.value.code == "missing_variables"
    assert "name, other" in caught.value.message
