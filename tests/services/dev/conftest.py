import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from services.dev.leash import Leash
from services.dev.ports import Ports
from services.dev.supervisor import Supervisor
from services.dev.terminal import Screen
from tests.services.dev.fakes import SilentScreen


@pytest.fixture
def ports() -> Iterator[Ports]:
    with Ports() as held:
        yield held


@pytest.fixture
def screen() -> SilentScreen:
    return SilentScreen()


@pytest.fixture
async def leash(tmp_path: Path) -> AsyncIterator[Leash]:
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    leash = Leash(lock)
    await leash.start()
    yield leash
    await leash.close()
    os.close(lock)


@pytest.fixture
async def supervise(leash: Leash, screen: Screen) -> AsyncIterator[Callable[..., Supervisor]]:
    """Makes supervisors; whatever they have started is ended with the test."""
    made: list[Supervisor] = []

    def make(changes: list[dict[str, int | None]], *, restart: bool = True) -> Supervisor:
        made.append(Supervisor(leash, screen, restart, changes.append))
        return made[-1]

    yield make
    hurry = asyncio.Event()
    hurry.set()
    for one in made:
        await one.stop(hurry)
