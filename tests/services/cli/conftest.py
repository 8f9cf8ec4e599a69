import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from services.cli import output
from services.cli.main import run
from tests.services.cli.fake_admin import KEY, FakeAdmin


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str


@pytest.fixture
async def admin(aiohttp_server, monkeypatch) -> FakeAdmin:
    """A fake admin service, which the environment names."""
    fake = FakeAdmin()
    server = await aiohttp_server(fake.app())
    monkeypatch.setenv("PROMPTCAST_URL", str(server.make_url("")))
    monkeypatch.setenv("PROMPTCAST_API_KEY", KEY)
    return fake


@pytest.fixture
def promptcast(capsysbinary) -> Callable[..., Awaitable[Ended]]:
    """Runs one command line, as the console script would, beside the fake's event loop."""

    async def command(*arguments: str) -> Ended:
        output.console.cache_clear()
        status = await asyncio.to_thread(run, arguments)
        said = capsysbinary.readouterr()
        return Ended(status, said.out.decode(), said.err.decode())

    return command
