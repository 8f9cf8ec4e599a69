"""What HAProxy's file holds beside what both balancers do: health checks, retries of changes, TLS."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
import trustme

from tests.deploy.balancer import HAPROXY_CFG, HAProxy, addresses, program
from tests.deploy.standins import StandIns, drops, says, streams
from tests.system.patience import becomes
from tests.system.process import environment

pytestmark = [pytest.mark.deploy, pytest.mark.asyncio(loop_scope="module")]

CHANGE = "/api/v1/prompts/system/versions"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def haproxy(chats: StandIns, admins: StandIns) -> AsyncIterator[HAProxy]:
    made = HAProxy(chats.urls, admins.urls, PROMPTCAST_CONNECTIONS_PER_CLIENT="8")
    await asyncio.to_thread(made.open)
    try:
        yield made
    finally:
        await asyncio.to_thread(made.close)


@pytest_asyncio.fixture(loop_scope="module")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield session


def checked(cfg: Path, **env: str) -> str:
    """What ``haproxy -c`` complains of; nothing when the file is good."""
    given = environment({**addresses(()), **env})
    argv = [program("haproxy"), "-c", "-f", str(cfg)]
    done = subprocess.run(argv, env=given, capture_output=True, text=True, timeout=20, check=False)
    said = done.stdout + done.stderr
    return said if done.returncode or "WARNING" in said else ""


async def test_the_file_is_good_as_it_stands_and_with_tls(tmp_path: Path) -> None:
    """The lines for TLS are comments there; here they are not."""
    assert checked(HAPROXY_CFG) == ""
    pem = tmp_path / "chat.pem"
    trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(pem)
    text = HAPROXY_CFG.read_text()
    assert text.count("    # bind :") == 2
    shutil.copytree(HAPROXY_CFG.parent, tmp_path, dirs_exist_ok=True)
    copy = tmp_path / "haproxy.cfg"
    copy.write_text(text.replace("# bind :", "bind :").replace("/etc/haproxy/certs/", str(pem)))
    assert checked(copy) == ""


async def test_a_missing_address_is_said_and_not_guessed() -> None:
    lines = HAPROXY_CFG.read_text().splitlines()
    number = 1 + lines.index('    server chat-3 "${PROMPTCAST_CHAT_3}"')
    assert f"haproxy.cfg:{number}]" in checked(HAPROXY_CFG, PROMPTCAST_CHAT_3="")


async def test_a_replica_that_is_not_ready_gets_nothing_new_and_keeps_what_it_has(
    haproxy: HAProxy, chats: StandIns, http: aiohttp.ClientSession
) -> None:
    """That is how one drains; it comes back as soon as it says so."""
    go_on = asyncio.Event()
    chats.told(streams(go_on))
    async with http.post(f"{haproxy.chat}/chat", json={}) as answer:
        await answer.content.readuntil(b"\n\n")
        (first,) = chats.asked
        chats.healthy[first.by] = 503
        await asyncio.to_thread(haproxy.becomes, first.by, "NOLB")
        for _ in range(6):
            async with http.post(f"{haproxy.chat}/chat", json={}) as other:
                assert (await other.json())["by"] != first.by
        go_on.set()
        assert (await answer.read()).endswith(b"[DONE]\n\n")
    chats.told()
    await asyncio.to_thread(haproxy.becomes, first.by, "UP")


async def test_its_own_health_is_whether_anybody_is_in_rotation(
    haproxy: HAProxy, chats: StandIns, http: aiohttp.ClientSession
) -> None:
    async def healthz(status: int) -> bool:
        async with http.get(f"{haproxy.chat}/healthz") as answer:
            return answer.status == status

    chats.told()
    await becomes(healthz, 200)
    chats.healthy.update(dict.fromkeys(chats.names, 503))
    await becomes(healthz, 503)
    async with http.post(f"{haproxy.chat}/chat", json={}) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert (await answer.json())["error"]["code"] == "no_replica"
    chats.told()
    await becomes(healthz, 200)


async def test_a_replicas_503_is_not_asked_away(
    haproxy: HAProxy, chats: StandIns, http: aiohttp.ClientSession
) -> None:
    """It has a reason: it is full, or waits for a position, which another would wait for once more."""
    chats.told(says(503))
    async with http.post(f"{haproxy.chat}/chat", json={}) as answer:
        assert (answer.status, await answer.json()) == (503, {"error": {"code": "refused"}})
    assert len(chats.asked) == 1


async def test_a_change_with_an_idempotency_key_is_sent_again_and_so_is_reading(
    haproxy: HAProxy, admins: StandIns, http: aiohttp.ClientSession
) -> None:
    """Others are answered 502, or, on a connection that has had an answer before, by its end."""
    url, key = f"{haproxy.admin}{CHANGE}", {"Idempotency-Key": '"k"'}
    http.headers["Connection"] = "close"
    for method, headers, times in (("POST", key, 2), ("GET", {}, 2), ("POST", {}, 1)):
        admins.told(drops)
        async with http.request(method, url, headers=headers) as answer:
            assert (answer.status == 200) is (times == 2)
        assert len(admins.asked) == times


async def test_of_two_admins_the_one_that_is_ready_is_asked_and_if_none_is_any_that_lives(
    haproxy: HAProxy, admins: StandIns, http: aiohttp.ClientSession
) -> None:
    async def asked_by_four() -> set[str]:
        told = set()
        for _ in range(4):
            async with http.get(f"{haproxy.admin}/api/v1/fleet") as answer:
                told.add((await answer.json())["by"])
        return told

    admins.told()
    assert await asked_by_four() == {"admin-1", "admin-2"}
    admins.healthy["admin-2"] = 503
    await asyncio.to_thread(haproxy.becomes, "admin-2", "NOLB", backend="admin")
    assert await asked_by_four() == {"admin-1"}
    admins.healthy["admin-1"] = 503
    await asyncio.to_thread(haproxy.becomes, "admin-1", "NOLB", backend="admin")
    assert await asked_by_four() == {"admin-1", "admin-2"}
    admins.told()
    await asyncio.to_thread(haproxy.becomes, "admin-1", "UP", backend="admin")


async def test_one_client_cannot_take_all_connections(haproxy: HAProxy) -> None:
    """Here eight; the ninth is closed at once."""
    at = haproxy.chat.removeprefix("http://").split(":")
    held: list[asyncio.StreamWriter] = []
    try:
        answered = [await _answered(at, held) for _ in range(9)]
    finally:
        for each in held:
            each.close()
    assert answered == [b"HTTP/1.1 200"] * 8 + [b""]


async def _answered(at: list[str], held: list[asyncio.StreamWriter]) -> bytes:
    """How an answer on a new connection begins, which stays open; nothing when it is closed."""
    try:
        reader, writer = await asyncio.open_connection(*at)
        held.append(writer)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        return await asyncio.wait_for(reader.read(12), 5)
    except ConnectionError:
        return b""


async def test_it_tells_prometheus_who_is_in_rotation(
    haproxy: HAProxy, http: aiohttp.ClientSession
) -> None:
    async with http.get(f"{haproxy.metrics}/metrics") as answer:
        text = await answer.text()
    assert 'haproxy_server_status{proxy="chat",server="chat-3",state="UP"} 1' in text
    async with http.get(f"{haproxy.metrics}/") as answer:
        assert "chat-3" in await answer.text()
