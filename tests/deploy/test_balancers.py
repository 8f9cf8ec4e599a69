"""What HAProxy and nginx both hold, request by request, before stand-ins for the services."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import openai
import pytest
import pytest_asyncio
from yarl import URL

from tests.deploy.balancer import HAPROXY_CFG, NGINX_TEMPLATE, Balancer, HAProxy, Nginx
from tests.deploy.standins import StandIns, begins_and_drops, drops, says, streams, thinks
from tests.system.patience import becomes

pytestmark = [pytest.mark.deploy, pytest.mark.asyncio(loop_scope="module")]

ASKED = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}
KINDS: list[Callable[..., Balancer]] = [HAProxy, Nginx]
COMPLETIONS = "/v1/chat/completions"
SHUT = (
    "/", "/metrics", "/prompt", "/readyz", "/chat/", "/chatter", "/v1", "/v2/models", "//metrics",
    "/v1/../metrics", "/v1/..", "/v1/%2e%2e/metrics", "/v1/x/../../prompt", "/v1/..%2fmetrics",
)  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=KINDS)
async def balancer(
    request: pytest.FixtureRequest, chats: StandIns, admins: StandIns
) -> AsyncIterator[Balancer]:
    made = request.param(chats.urls, admins.urls)
    await asyncio.to_thread(made.open)
    try:
        yield made
    finally:
        await asyncio.to_thread(made.close)


@pytest_asyncio.fixture(loop_scope="module")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=20)
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        yield session


async def test_only_what_clients_need_passes(
    balancer: Balancer, chats: StandIns, http: aiohttp.ClientSession
) -> None:
    chats.told()
    for path in SHUT:
        async with http.get(URL(f"{balancer.chat}{path}", encoded=True)) as answer:
            assert answer.status == 404, path
            assert (await answer.json())["error"]["code"] == "not_found"
    assert chats.asked == []
    for method, path in (("POST", COMPLETIONS), ("POST", "/chat"), ("GET", "/v1/models/gpt-4.1")):
        async with http.request(method, f"{balancer.chat}{path}?a=b") as answer:
            assert answer.status == 200, path
    assert [asked.path for asked in chats.asked] == [
        f"{COMPLETIONS}?a=b", "/chat?a=b", "/v1/models/gpt-4.1?a=b",
    ]  # fmt: skip


async def test_of_an_admin_all_passes_but_what_is_for_operators(
    balancer: Balancer, admins: StandIns, http: aiohttp.ClientSession
) -> None:
    admins.told()
    for path, status in (("/", 200), ("/api/v1/fleet", 200), ("/metrics", 404), ("/readyz", 404)):
        async with http.get(f"{balancer.admin}{path}") as answer:
            assert answer.status == status, path
    assert [asked.path for asked in admins.asked] == ["/", "/api/v1/fleet"]


async def test_a_service_hears_who_its_client_is_and_not_who_it_says_to_be(
    balancer: Balancer, chats: StandIns, admins: StandIns, http: aiohttp.ClientSession
) -> None:
    lies = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https", "X-Request-ID": "a-lie"}
    for url, standing in ((f"{balancer.chat}/chat", chats), (f"{balancer.admin}/x", admins)):
        standing.told()
        async with http.post(url, headers=lies) as answer:
            assert answer.status == 200
        (asked,) = standing.asked
        assert asked.headers.getall("X-Forwarded-For") == ["127.0.0.1"]
        assert asked.headers.getall("X-Forwarded-Proto") == ["http"]
        assert asked.headers["Host"] == urlsplit(url).netloc, "it is compared with Origin"
        assert asked.headers["X-Request-ID"] == answer.headers["X-Request-ID"] != "a-lie"
        assert asked.headers["X-Request-ID"] in await becomes(_has_logged, balancer, asked.headers)
        assert "aiohttp" not in answer.headers.get("Server", "")


async def _has_logged(balancer: Balancer, headers: Mapping[str, str]) -> str:
    said = balancer.said()
    return said if headers["X-Request-ID"] in said else ""


async def test_a_stream_comes_as_it_is_made(
    balancer: Balancer, chats: StandIns, http: aiohttp.ClientSession
) -> None:
    """No event is made before the one before it has arrived."""
    steps = [asyncio.Event() for _ in range(5)]
    chats.told(streams(*steps))
    async with http.post(f"{balancer.chat}{COMPLETIONS}", json=ASKED) as answer:
        arrived = [await answer.content.readuntil(b"\n\n")]
        for step in steps:
            step.set()
            arrived.append(await asyncio.wait_for(answer.content.readuntil(b"\n\n"), 10))
    assert arrived == [b"data: first\n\n", *[b"data: next\n\n"] * 4, b"data: [DONE]\n\n"]


async def test_what_nobody_has_answered_is_asked_again_elsewhere(
    balancer: Balancer, chats: StandIns, http: aiohttp.ClientSession
) -> None:
    """A conversation of 50 KB too."""
    chats.told(drops)
    body = b'{"message": "' + b"x" * 50_000 + b'"}'
    async with http.post(f"{balancer.chat}/chat", data=body) as answer:
        assert answer.status == 200
    first, second = chats.asked
    assert (first.body, first.by != second.by) == (second.body, True)
    assert second.body == body


async def test_an_answer_that_has_begun_is_never_begun_again(
    balancer: Balancer, chats: StandIns, http: aiohttp.ClientSession
) -> None:
    """It breaks off, and the client sees that it does."""
    chats.told(begins_and_drops)
    async with http.post(f"{balancer.chat}{COMPLETIONS}", json=ASKED) as answer:
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
    assert len(chats.asked) == 1


async def test_a_replicas_own_refusal_reaches_the_client_as_it_is(
    balancer: Balancer, chats: StandIns, http: aiohttp.ClientSession
) -> None:
    for status in (400, 429, 500, 502, 504):
        chats.told(says(status))
        async with http.post(f"{balancer.chat}/chat", json={}) as answer:
            assert (answer.status, await answer.json()) == (status, {"error": {"code": "refused"}})
        assert len(chats.asked) == 1


async def test_a_change_that_may_have_been_carried_out_is_not_sent_again(
    balancer: Balancer, admins: StandIns, http: aiohttp.ClientSession
) -> None:
    admins.told(drops)
    async with http.post(f"{balancer.admin}/api/v1/prompts/system/versions", json={}) as answer:
        assert answer.status == 502
        assert answer.content_type == "application/problem+json"
        assert "not known" in (await answer.json())["detail"]
    assert len(admins.asked) == 1


async def test_a_client_that_leaves_costs_no_more_tokens(
    balancer: Balancer, chats: StandIns, http: aiohttp.ClientSession
) -> None:
    left = asyncio.Event()
    chats.told(thinks(left))
    asking = asyncio.ensure_future(http.post(f"{balancer.chat}{COMPLETIONS}", json=ASKED))
    await becomes(_have_been_asked, chats)
    asking.cancel()
    await asyncio.wait_for(left.wait(), 5)
    assert len(chats.asked) == 1


async def _have_been_asked(standing: StandIns) -> bool:
    return bool(standing.asked)


async def test_a_client_that_is_slow_with_its_head_is_cut(
    balancer: Balancer, chats: StandIns, tmp_path: Path
) -> None:
    """After ten seconds; the copy here says one."""
    chats.told()
    hurried = await asyncio.to_thread(changed(balancer, tmp_path, " 10s", " 1s").open)
    try:
        head = b"POST /chat HTTP/1.1\r\nHost: x\r\n" + b"X-Slow: yes\r\n" * 1000
        assert await dripped(hurried.chat, head) < len(head)
    finally:
        await asyncio.to_thread(hurried.close)
    assert chats.asked == []


def changed(balancer: Balancer, directory: Path, old: str, new: str) -> Balancer:
    """A balancer of the same kind with a copy of its files; in the main one all of ``old`` is ``new``."""
    committed = HAPROXY_CFG if isinstance(balancer, HAProxy) else NGINX_TEMPLATE
    shutil.copytree(committed.parent, directory, dirs_exist_ok=True)
    text, copy = committed.read_text(), directory / committed.name
    assert old in text
    copy.write_text(text.replace(old, new))
    chat = [f"http://{balancer.env[f'PROMPTCAST_CHAT_{n}']}" for n in (1, 2, 3)]
    return HAProxy(chat, cfg=copy) if isinstance(balancer, HAProxy) else Nginx(chat, template=copy)


async def dripped(url: str, text: bytes) -> int:
    """Send it byte by byte; how many were sent until the other side had enough."""
    reader, writer = await asyncio.open_connection(*urlsplit(url).netloc.split(":"))
    try:
        for sent in range(len(text)):
            writer.write(text[sent : sent + 1])
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reader.read(), 0.05)
                return sent
        return len(text)
    except ConnectionError:
        return sent
    finally:
        writer.close()


async def test_openais_client_can_read_that_there_is_no_replica(balancer: Balancer) -> None:
    lonely = type(balancer)([])
    await asyncio.to_thread(lonely.open)
    try:
        async with openai.AsyncOpenAI(
            base_url=f"{lonely.chat}/v1", api_key="unused", max_retries=0
        ) as client:
            with pytest.raises(openai.InternalServerError) as caught:
                await client.models.list()
    finally:
        await asyncio.to_thread(lonely.close)
    assert caught.value.code == "no_replica"
    assert caught.value.response.headers["Retry-After"] == "1"
