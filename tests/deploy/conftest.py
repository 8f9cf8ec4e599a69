"""What several of these modules stand on: Debian's server with its users, and scripted services."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.deploy.redis_server import KEYS, RedisServer
from tests.deploy.standins import StandIns
from tests.system.services import Services


@pytest.fixture
def debian() -> Iterator[RedisServer]:
    made = RedisServer()
    try:
        yield made.start()
    finally:
        made.close()


@pytest.fixture
def services(debian: RedisServer) -> Iterator[Services]:
    made = Services(debian, KEYS)  # type: ignore[arg-type]  # it has all that is asked of a server here
    try:
        yield made
    finally:
        made.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chats() -> AsyncIterator[StandIns]:
    async with StandIns(("chat-1", "chat-2", "chat-3")) as standing:
        yield standing


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admins() -> AsyncIterator[StandIns]:
    async with StandIns(("admin-1", "admin-2")) as standing:
        yield standing
