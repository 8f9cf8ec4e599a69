"""Fixtures: whole systems, single services, and clients for them."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.servers import Server
from tests.system.chat_port import ChatPort
from tests.system.edit_api import EditApi
from tests.system.services import Services
from tests.system.system import System

SECONDS = 180
"""For one test: many processes are started, and others may use the machine too."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A hung test of this folder is ended later than one of the others."""
    for item in items:
        if Path(__file__).parent in item.path.parents and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SECONDS))


@pytest.fixture(scope="module")
def start_system() -> Iterator[Callable[..., System]]:
    """Starts systems (options as on the command line, settings), and ends them with the module."""
    started: list[System] = []

    def start(*options: str, **env: str) -> System:
        started.append(System(*options, **env))
        started[-1].start()
        return started[-1]

    yield start
    _close(started)


@pytest.fixture(scope="session")
def system() -> Iterator[System]:
    """A whole system that nobody may break; each test has prompts of its own.

    Modules that break things override it with a system of their own.
    """
    shared = System()
    try:
        shared.start()
        yield shared
    finally:
        shared.close()


@pytest.fixture(scope="module")
def module_server() -> Iterator[Server]:
    """A server of the module's own, which it may flush, kill and start again; it loses nothing."""
    running = Server(durable=True)
    try:
        running.start()
        yield running
    finally:
        running.close()


@pytest.fixture(scope="session")
def model(server: Server) -> Iterator[str]:
    """The base URL of a demo model, for replicas that are started singly."""
    made = Services(server)
    try:
        yield made.model()
    finally:
        made.close()


@pytest.fixture
def services(server: Server) -> Iterator[Services]:
    """Single services over the shared server, in a namespace of the test's own."""
    made = Services(server)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def own_services(own_server: Server) -> Iterator[Services]:
    """The same over a server that may be stopped, killed and started again."""
    made = Services(own_server)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Each request has a connection of its own: a kept one would stay with one replica."""
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as made:
        yield made


@pytest.fixture
def admin(system: System, session: aiohttp.ClientSession) -> EditApi:
    """The edit API of the module's system."""
    return EditApi(session, system.ready.admin, system.ready.admin_key)


@pytest.fixture
def chat(system: System, session: aiohttp.ClientSession) -> ChatPort:
    """The port that the replicas of the module's system share."""
    return ChatPort(session, system.ready.chat)


@pytest.fixture
def replicas(system: System, session: aiohttp.ClientSession) -> dict[str, ChatPort]:
    """Each replica's own port, by its id."""
    return {each.id: ChatPort(session, each.url) for each in system.ready.replicas}


def _close(systems: list[System]) -> None:
    """Close all, even if one of them does not end as it should; that is then told."""
    errors = []
    for each in systems:
        try:
            each.close()
        except (AssertionError, TimeoutError) as error:
            errors.append(error)
    if errors:
        raise errors[0]
