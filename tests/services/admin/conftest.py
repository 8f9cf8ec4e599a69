"""The edit API on a stage: each test runs over a log in memory, and over a real server."""

from collections.abc import AsyncIterator

import pytest

from events.streams.keys import Keys
from tests.services.admin.stage import Stage, in_memory, on_server

STAGES = ["memory", pytest.param("server", marks=pytest.mark.redis)]


@pytest.fixture(params=STAGES)
async def stage(request: pytest.FixtureRequest, keys: Keys) -> AsyncIterator[Stage]:
    """The edit API, nothing saved yet."""
    if request.param == "memory":
        async with in_memory() as made:
            yield made
    else:
        server = request.getfixturevalue("server")
        async with on_server(server.url, keys.namespace) as made:
            yield made
