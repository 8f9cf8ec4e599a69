"""Houses: each test runs against the chat service and against the admin service."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from services.front_door.limits import Limits
from tests.services.chat.scripted import ScriptedModel, scripted_model
from tests.services.front_door.houses import QUICK, House, admin_house, chat_house, limited


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with scripted_model() as model:
        yield model


@pytest.fixture(params=["chat", "admin"])
async def opened(request: pytest.FixtureRequest, model: ScriptedModel) -> AsyncIterator[Any]:
    """Open a house with these limits."""
    async with AsyncExitStack() as stack:

        async def open_house(limits: Limits = QUICK, per_address: int | None = None) -> House:
            with limited(limits, per_address):
                house = chat_house(model.url) if request.param == "chat" else admin_house()
                return await stack.enter_async_context(house)

        yield open_house


@pytest.fixture
async def house(opened: Callable[[], Any]) -> House:
    made: House = await opened()
    return made


@pytest.fixture
async def chat(model: ScriptedModel) -> AsyncIterator[House]:
    """The chat service alone, which answers one request at a time."""
    with limited(QUICK):
        async with chat_house(model.url, chat_concurrency=1) as house:
            yield house
