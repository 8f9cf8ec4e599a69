"""nginx before a real fleet under load, and what its file holds beside what both balancers do."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
import trustme

from services.dev.ports import Ports
from tests.deploy.balancer import NGINX_TEMPLATE, Nginx, program
from tests.deploy.crowd import chatting
from tests.deploy.house import House
from tests.deploy.standins import StandIns, says, thinks
from tests.system.patience import becomes

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with House() as standing:
        yield standing


@pytest.fixture
def nginx(house: House) -> Iterator[Nginx]:
    with Nginx([each.url for each in house.replicas.values()]) as balancer:
        yield balancer


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield session


async def test_replicas_may_be_restarted_or_killed_and_no_question_fails(
    house: House, nginx: Nginx
) -> None:
    """It finds out by asking them; only streams that a killed replica has begun are lost."""
    async with chatting(nginx.chat) as crowd:
        await becomes(crowd.has_had, 100, seconds=60.0)
        await asyncio.to_thread(house.end, "chat-1")
        await asyncio.to_thread(house.start, "chat-1")
        assert list(map(str, crowd.failed)) == []
        await asyncio.to_thread(house.kill, "chat-3")
        await becomes(crowd.has_had, max(500, crowd.answers.total() + 200), seconds=60.0)
    lost = [each for each in crowd.failed if each.begun and each.replica in ("chat-3", "")]
    assert [str(each) for each in crowd.failed if each not in lost] == []


async def test_who_asks_for_a_position_that_nobody_has_keeps_no_replica_from_others(
    http: aiohttp.ClientSession,
) -> None:
    """For its 503s are not counted; those of a replica that starts or leaves are."""
    async with StandIns(("chat-1", "chat-2", "chat-3")) as chats:
        nginx = Nginx(chats.urls)
        await asyncio.to_thread(nginx.open)
        try:
            url = f"{nginx.chat}/chat"
            chats.told(*[says(503)] * 3)
            async with http.post(url, headers={"X-Prompt-Min-Position": "999"}) as answer:
                assert (answer.status, await answer.json()) == (503, {"error": {"code": "refused"}})
            assert len(chats.asked) == 3
            answered = set()
            for _ in range(6):
                async with http.post(url) as answer:
                    answered.add((await answer.json())["by"])
            assert answered == set(chats.names)

            chats.told(says(503))
            async with http.post(url) as answer:
                assert answer.status == 200
            starting = chats.asked[0].by
            for _ in range(6):
                async with http.post(url) as answer:
                    assert (await answer.json())["by"] != starting
        finally:
            await asyncio.to_thread(nginx.close)


async def test_a_hanging_replica_keeps_what_it_has_taken(
    http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Until 130 s are over, which are one here; it is not sent on then, for it may be a slow model's."""
    text, copy = NGINX_TEMPLATE.read_text(), tmp_path / "copy.template"
    for old, new in (
        ("read_timeout 130s", "read_timeout 1s"),
        ("upstream_timeout 10s", "upstream_timeout 500ms"),
    ):
        assert old in text
        text = text.replace(old, new)
    copy.write_text(text)
    async with StandIns(("chat-1", "chat-2", "chat-3")) as chats:
        nginx = Nginx(chats.urls, template=copy)
        await asyncio.to_thread(nginx.open)
        try:
            chats.told(thinks(asyncio.Event()))
            async with http.post(f"{nginx.chat}/chat") as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (504, "1")
                assert (await answer.json())["error"]["code"] == "no_replica"
            assert len(chats.asked) == 1
        finally:
            await asyncio.to_thread(nginx.close)


def test_the_file_is_good_with_tls_too(tmp_path: Path) -> None:
    """The lines for TLS are comments there; here they are not."""
    certificate = trustme.CA().issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "promptcast.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "promptcast.key")
    text = NGINX_TEMPLATE.read_text()
    assert text.count("    # listen ") == 2
    text = text.replace("\n# ssl_", "\nssl_").replace("/etc/nginx/certs", str(tmp_path))
    copy = tmp_path / "copy.template"
    with Ports() as ports:  # it tries them
        for port in ("443", "8443"):
            text = text.replace(f"    # listen {port} ", f"    listen 127.0.0.1:{ports.own()} ")
        copy.write_text(text)
        nginx = Nginx([], template=copy)
        try:
            words = [program("nginx"), "-t", "-q", "-e", "stderr", "-c", str(nginx.conf)]
            done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
            assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
        finally:
            nginx.close()
