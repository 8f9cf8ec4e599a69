"""The demo model over HTTP, asked by a real OpenAI client."""

from collections.abc import AsyncIterator
from itertools import pairwise
from time import perf_counter
from typing import Any

import aiohttp
import openai
import pytest

from services.demo_model.server import start

MESSAGES: Any = [
    {"role": "system", "content": "Be a pirate."},
    {"role": "user", "content": "Hello?"},
]
TEXT = 'My system prompt begins "Be a pirate.". You said "Hello?".'


@pytest.fixture
async def url() -> AsyncIterator[str]:
    runner, port = await start("127.0.0.1", 0, pause=0)
    yield f"http://127.0.0.1:{port}"
    await runner.cleanup()


@pytest.fixture
async def client(url: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        yield client


async def test_a_plain_answer(client: openai.AsyncOpenAI):
    answer = await client.chat.completions.create(model="any", messages=MESSAGES)
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "demo"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == len(TEXT.split())


async def test_a_stream_without_usage(client: openai.AsyncOpenAI):
    stream = await client.chat.completions.create(model="any", messages=MESSAGES, stream=True)
    chunks = [chunk async for chunk in stream]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == TEXT
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert not any(chunk.usage for chunk in chunks)


async def test_a_stream_with_usage_has_it_on_one_more_chunk(client: openai.AsyncOpenAI):
    stream = await client.chat.completions.create(
        model="any", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert [bool(chunk.usage) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].choices == []


async def test_a_limit_of_tokens_is_kept(client: openai.AsyncOpenAI):
    answer = await client.chat.completions.create(
        model="any", messages=MESSAGES, max_completion_tokens=2
    )
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == (
        ("My system", "length")
    )


async def test_the_models_are_listed(client: openai.AsyncOpenAI):
    assert [model.id async for model in client.models.list()] == ["demo"]


async def test_it_says_that_it_is_well(url: str):
    async with aiohttp.request("GET", f"{url}/healthz") as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"messages": []}', b'{"messages": [1]}', b"[" * 100_000]
)
async def test_a_body_of_another_shape_is_a_400(url: str, body: bytes):
    async with aiohttp.request("POST", f"{url}/v1/chat/completions", data=body) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["type"] == "invalid_request_error"


async def test_words_come_one_after_the_other():
    """Not all at once at the end: that is what makes a stream worth looking at."""
    runner, port = await start("127.0.0.1", 0, pause=0.005)
    body = {"messages": MESSAGES, "stream": True}
    try:
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        async with aiohttp.request("POST", url, json=body) as answer:
            came = [perf_counter() async for _ in answer.content.iter_any()]
    finally:
        await runner.cleanup()
    assert len(came) > 5
    assert sum(later - earlier > 0.002 for earlier, later in pairwise(came)) > 5
