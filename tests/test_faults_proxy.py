"""The proxy itself: a fault that does not happen would make every test behind it worthless."""

import asyncio
import tempfile
from pathlib import Path

import pytest

from tests.faults_proxy import FaultsProxy, cut_after, eaten, held, late, on
from tests.waiting import until


async def shout(reader, writer):
    """A server that says everything back, louder."""
    while data := await reader.read(1 << 16):
        writer.write(data.upper())
    writer.close()


@pytest.fixture(params=["unix", "tcp"])
async def proxy(request):
    with tempfile.TemporaryDirectory(prefix="pc-") as directory:
        path = Path(directory) / "s"
        if request.param == "unix":
            server = await asyncio.start_unix_server(shout, path)
            target = path
        else:
            server = await asyncio.start_server(shout, "127.0.0.1", 0)
            target = server.sockets[0].getsockname()
        async with FaultsProxy(target, tcp=request.param == "tcp") as proxy:
            yield proxy
        server.close()


class Client:
    """A connection through the proxy."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def says(self, text):
        self.writer.write(text)
        await self.writer.drain()

    async def hears(self, seconds=2.0):
        """What comes next; empty when the connection was cut, None when nothing comes."""
        try:
            async with asyncio.timeout(seconds):
                return await self.reader.read(100)
        except TimeoutError:
            return None
        except ConnectionError:
            return b""


@pytest.fixture
async def client(proxy):
    at = proxy.address
    opening = (
        asyncio.open_unix_connection(at) if isinstance(at, Path) else asyncio.open_connection(*at)
    )
    client = Client(*await opening)
    yield client
    client.writer.close()


async def test_without_a_fault_everything_passes(proxy, client):
    await client.says(b"hello")
    assert await client.hears() == b"HELLO"
    assert (proxy.accepted, proxy.open_pairs, proxy.asked) == (1, 1, 1)
    assert proxy.url.startswith(("unix:///", "redis://127.0.0.1:"))


async def test_an_eaten_reply_never_comes_and_the_connection_stays(proxy, client):
    proxy.to_client = eaten
    await client.says(b"hello")
    assert await client.hears(0.05) is None
    proxy.heal()
    await client.says(b"again")
    assert await client.hears() == b"AGAIN"


async def test_a_black_hole_swallows_both_ways(proxy, client):
    proxy.black_hole()
    await client.says(b"hello")
    assert await client.hears(0.05) is None


async def test_a_cut_in_the_middle_lets_the_first_half_pass(proxy, client):
    proxy.to_client = cut_after(0.5)
    await client.says(b"0123456789")
    assert await client.hears() == b"01234"
    assert await client.hears() == b""


async def test_a_cut_before_the_request_lets_nothing_pass(proxy, client):
    proxy.to_server = cut_after(0)
    await client.says(b"hello")
    assert await client.hears() == b""
    await until(lambda: proxy.open_pairs == 0)


async def test_a_fault_happens_where_the_word_was_said_and_so_many_times(proxy, client):
    proxy.to_client = on(b"boo", eaten, times=1)
    await client.says(b"fine")
    assert await client.hears() == b"FINE"
    await client.says(b"boo")
    assert await client.hears(0.05) is None
    await client.says(b"boo")
    assert await client.hears() == b"BOO"


async def test_what_is_held_back_or_late_comes_all_the_same(proxy, client):
    release = asyncio.Event()
    proxy.to_server = held(release)
    await client.says(b"hello")
    assert await client.hears(0.05) is None
    release.set()
    assert await client.hears() == b"HELLO"
    proxy.to_server = late(0.05)
    await client.says(b"late")
    assert await client.hears(0.01) is None
    assert await client.hears() == b"LATE"


async def test_all_connections_can_be_cut_at_once(proxy, client):
    await client.says(b"hello")
    await client.hears()
    proxy.cut_all()
    assert await client.hears() == b""
