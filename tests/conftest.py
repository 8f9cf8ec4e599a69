"""Fixtures for every folder: real servers, and a namespace of its own for each test."""

import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterator

import hypothesis
import pytest

from events.streams.keys import Keys
from events.streams.link import Link, connector
from events.streams.log import RedisLog
from tests.faults_proxy import FaultsProxy
from tests.servers import Server

NEEDS_SERVER = {"server", "own_server"}

hypothesis.settings.register_profile(
    "promptcast",
    deadline=None,  # the machines that run this are small and shared
    max_examples=40,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("promptcast")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What asks for a real server is marked `redis`, so that it runs on every server we support."""
    for item in items:
        if NEEDS_SERVER & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.redis)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One server for a whole worker: nobody may stop it, and each test has keys of its own."""
    running = Server()
    try:
        running.start()
        yield running
    finally:
        running.close()


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server of the test's own, which may be stopped, killed, started again; it loses nothing."""
    running = Server(durable=True)
    try:
        running.start()
        yield running
    finally:
        running.close()


@pytest.fixture
def keys() -> Keys:
    """A namespace that nobody has used."""
    return Keys(f"t-{uuid.uuid4().hex[:12]}")


@pytest.fixture
async def log_at(keys: Keys) -> AsyncIterator[Callable[[str], RedisLog]]:
    """Makes logs over a URL, in the test's namespace; they are closed with the test."""
    made: list[RedisLog] = []

    def make(url: str) -> RedisLog:
        made.append(RedisLog.over(connector(url), keys))
        return made[-1]

    yield make
    for log in made:
        await log.close()


@pytest.fixture
async def link_to() -> AsyncIterator[Callable[[str], Link]]:
    """Makes links to a URL; they are closed with the test."""
    made: list[Link] = []

    def make(url: str) -> Link:
        made.append(Link(connector(url)))
        return made[-1]

    yield make
    for link in made:
        await link.close()


@pytest.fixture
async def proxy(server: Server) -> AsyncIterator[FaultsProxy]:
    """A way to the shared server that can be broken."""
    async with FaultsProxy(server.socket) as standing:
        yield standing
