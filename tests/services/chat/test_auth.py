"""The chat key, and browsers of other origins."""

from typing import Any

import aiohttp
import openai
import pytest
from yarl import URL

from tests.services.chat.conftest import Serve, Service

ASKED: Any = [{"role": "user", "content": "Hello?"}]


async def test_without_a_key_set_everybody_may_ask(chat: Service):
    async with chat.completions(model="gpt", headers={"Authorization": "Bearer x"}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "the-key",
        "Bearer",
        "Bearer wrong",
        "Basic the-key",
        "Bearer the-key2",
        "Bearer thé",
    ],
)
async def test_without_the_key_the_answer_is_401_in_openais_shape(serve: Serve, header: str | None):
    chat = await serve(chat_key="the-key")
    headers = {} if header is None else {"Authorization": header}
    for path in ("/v1/chat/completions", "/chat"):
        async with chat.http.post(path, json={"messages": ASKED}, headers=headers) as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert (await answer.json())["error"]["code"] == "invalid_api_key"
    async with chat.http.get("/v1/models", headers=headers) as answer:
        assert answer.status == 401


async def test_no_spelling_of_the_path_goes_round_the_key(serve: Serve):
    chat = await serve(chat_key="the-key")
    for path in ("/%63hat", "//chat", "/chat/", "/v1/chat/../chat/completions", "/v1/./models"):
        url = URL(chat.url + path, encoded=True)
        async with aiohttp.request("POST", url, json={"message": "Hello?"}) as answer:
            assert answer.status in (401, 404, 405)


async def test_with_the_key_the_sdk_is_answered(serve: Serve):
    chat = await serve(chat_key="the-key")
    answer = await chat.openai.chat.completions.create(model="gpt", messages=ASKED)
    assert answer.choices[0].message.content == "Hello."
    with pytest.raises(openai.AuthenticationError):
        await chat.openai.with_options(api_key="wrong").models.list()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/prompt"])
async def test_operators_need_no_key(serve: Serve, path: str):
    chat = await serve(chat_key="the-key")
    async with chat.http.get(path) as answer:
        assert answer.status == 200


PREFLIGHT = {
    "Origin": "https://shop.example",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,x-stainless-lang",
}


async def test_a_browser_of_an_allowed_origin_may_ask(serve: Serve):
    chat = await serve(chat_key="the-key", cors_origins=("https://shop.example",))
    async with chat.http.options("/v1/chat/completions", headers=PREFLIGHT) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
        assert answer.headers["Access-Control-Allow-Headers"] == "authorization,x-stainless-lang"
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    headers = {"Origin": "https://shop.example", "Authorization": "Bearer the-key"}
    async with chat.completions(model="gpt", stream=True, headers=headers) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
        assert "X-Prompt-Version" in answer.headers["Access-Control-Expose-Headers"]
        assert answer.headers["Vary"] == "Origin"


async def test_a_browser_may_read_errors_too(serve: Serve):
    chat = await serve(chat_key="the-key", cors_origins=("https://shop.example",))
    async with chat.completions(headers={"Origin": "https://shop.example"}) as answer:
        assert answer.status == 401
        assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"


async def test_a_browser_of_another_origin_may_not(serve: Serve):
    chat = await serve(cors_origins=("https://shop.example",))
    other = {**PREFLIGHT, "Origin": "https://other.example"}
    async with chat.http.options("/chat", headers=other) as answer:
        assert answer.status == 403
        assert "Access-Control-Allow-Origin" not in answer.headers
    async with chat.completions(model="gpt", headers={"Origin": other["Origin"]}) as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert answer.headers["Vary"] == "Origin"


async def test_a_star_allows_every_origin(serve: Serve):
    chat = await serve(cors_origins=("*",))
    async with chat.http.options("/chat", headers=PREFLIGHT) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


async def test_without_origins_there_are_no_cors_headers(chat: Service):
    async with chat.completions(model="gpt", headers={"Origin": "https://a.example"}) as answer:
        assert not [name for name in answer.headers if name.startswith("Access-Control")]
        assert "Vary" not in answer.headers


async def test_unknown_paths_and_methods_have_openais_shape(chat: Service):
    async with chat.http.get("/v1/nothing") as answer:
        assert answer.status == 404
        assert (await answer.json())["error"]["code"] == "not_found"
    async with chat.http.get("/chat") as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "POST"
        assert (await answer.json())["error"]["code"] == "method_not_allowed"
