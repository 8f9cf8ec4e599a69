"""A server that speaks TLS alone, as ``deploy/redis/tls.conf`` has it, and services that come over it."""

import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import aiohttp
import pytest

from events.errors import LogUnavailable
from events.streams.link import Link, connector
from services.dev.ports import HOST
from tests.deploy.certificates import Certificates
from tests.deploy.redis_server import KEYS, RedisServer
from tests.system.chat_port import ChatPort
from tests.system.edit_api import EditApi
from tests.system.patience import wait_until
from tests.system.services import KEY, Services

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(90)]


@dataclass(frozen=True)
class Secured:
    """A server, and the certificates that it was started with."""

    server: RedisServer
    files: Certificates

    def url(self, user: str, query: str) -> str:
        return f"{self.server.url_of(user)}?{query}"

    def over(self, user: str) -> str:
        return self.url(user, f"ssl_ca_certs={self.files.ca}")


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    files = Certificates(tmp_path_factory.mktemp("tls"))
    includes = ("redis.conf", "tls.conf")
    server = RedisServer(includes=includes, lines=files.lines, tls=files.client)
    try:
        yield Secured(server.start(), files)
    finally:
        server.close()


@pytest.fixture
def services(secured: Secured) -> Iterator[Services]:
    made = Services(secured.server, KEYS)  # type: ignore[arg-type]  # it is asked for a client only
    try:
        yield made
    finally:
        made.close()


async def test_services_save_and_chat_over_tls(secured: Secured, services: Services) -> None:
    model = await asyncio.to_thread(services.model)
    how = {"server_checks": "refuse", "open_after": "0"}
    service = await asyncio.to_thread(lambda: services.admin(secured.over("admin"), **how))
    chat = await asyncio.to_thread(
        lambda: services.chat("chat-1", secured.over("replica"), model=model)
    )
    async with aiohttp.ClientSession() as session:
        admin = EditApi(session, service.url, KEY)
        saved = (await admin.create("system", "You are version 1.")).expect(201).json
        assert saved["propagation"]["state"] == "converged"
        said = await ChatPort(session, chat.url).ask("system")
        assert said.prompt == "You are version 1."
    assert secured.server.denied() == []


def test_a_certificate_is_exchanged_while_a_connection_stays(secured: Secured) -> None:
    """New files in the place of the old ones, and the same setting once more."""
    server, files = secured.server, secured.files
    with server.client() as there:
        assert there.ping()
        before = shown(server)
        files.renew()
        server.call("CONFIG", "SET", "tls-cert-file", str(files.directory / "server.crt"))
        assert there.ping()
        assert shown(server) != before
        assert server.call("PING") == b"PONG"


def shown(server: RedisServer) -> str:
    """The certificate that the server shows to whoever comes."""
    return ssl.get_server_certificate((HOST, server.port))


WRONG = {
    "another CA": ("rediss", "ssl_ca_certs={other}", "CERTIFICATE_VERIFY_FAILED"),
    "the system's CAs": ("rediss", "", "CERTIFICATE_VERIFY_FAILED"),
    "another name": ("rediss-localhost", "ssl_ca_certs={ca}", "not valid for 'localhost'"),
    "no file": ("rediss", "ssl_ca_certs=/nowhere.crt", "is a file that REDIS_URL names missing?"),
    "no TLS": ("redis", "", "if it speaks TLS, REDIS_URL must begin with rediss://"),
}
"""How a URL may be wrong, and what is said of it."""


def wrong(secured: Secured, how: str, user: str) -> tuple[str, str]:
    """The URL, and the words."""
    scheme, query, words = WRONG[how]
    url = secured.url(user, query.format(other=secured.files.other_ca, ca=secured.files.ca))
    scheme, _, host = scheme.partition("-")
    return url.replace("rediss:", f"{scheme}:").replace("127.0.0.1", host or "127.0.0.1"), words


@pytest.mark.parametrize("how", WRONG)
async def test_what_is_wrong_with_a_connection_is_one_clear_line(
    secured: Secured, how: str
) -> None:
    url, words = wrong(secured, how, "admin")
    link = Link(connector(url))
    with pytest.raises(LogUnavailable) as refused:
        await link.call("PING", seconds=20.0)
    said = str(refused.value)
    assert said.startswith("cannot connect to Redis: ")
    assert words in said
    assert "password" not in said


async def test_tls_where_there_is_none_is_one_clear_line(secured: Secured) -> None:
    """Redis waits for the rest of what it takes for a command."""
    plain = RedisServer()
    try:
        link = Link(connector(plain.start().url.replace("redis:", "rediss:")))
        with pytest.raises(LogUnavailable, match="REDIS_URL must begin with redis://"):
            await link.call("PING", seconds=1.0)
    finally:
        plain.close()


@pytest.mark.parametrize(("command", "how"), [("admin", "no TLS"), ("chat", "another CA")])
def test_a_service_waits_not_ready_and_says_why(
    secured: Secured, services: Services, command: str, how: str
) -> None:
    """It tries again: a server may be mended."""
    url, words = wrong(secured, how, {"admin": "admin", "chat": "replica"}[command])
    start = services.admin if command == "admin" else partial(services.chat, "chat-1")
    service = start(url, ready=None)
    wait_until(lambda: words in service.out.read_text(), 20, service.process.said)
    service.until(503, "/readyz")
    said = service.out.read_text()
    assert "Traceback" not in said
    assert "-password" not in said
