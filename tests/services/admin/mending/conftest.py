"""A log on a real server, and another copy of it."""

from collections.abc import AsyncIterator, Sequence

import pytest

from events.chain import GENESIS, Entry
from events.signing import KeyRing
from events.streams.log import RedisLog
from events.streams.rebuilding import Rebuilding
from services.admin.mending.closing import Closing
from tests.scribe import Scribe


class Shelf:
    """Keeps what is given up."""

    def __init__(self) -> None:
        self.kept: list[Entry] = []

    async def __call__(self, given_up: AsyncIterator[Sequence[Entry]]) -> str | None:
        async for entries in given_up:
            self.kept += entries
        return "a-file" if self.kept else None


class Copied:
    """A copy of a log, as a journal is one."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = list(entries)

    async def behind(self, position: int, count: int = 2, max_bytes: int = 0) -> Sequence[Entry]:
        return [each for each in self.entries if each.position > position][:count]


def four_events() -> Scribe:
    """A log of four events."""
    scribe = Scribe()
    scribe.opened()
    for version in range(1, 4):
        scribe.saved(f"v{version}", version)
    return scribe


@pytest.fixture
def scribe() -> Scribe:
    return four_events()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def closing() -> Closing:
    return Closing(KeyRing(), "/test", lambda: 1_800_000_000_000_000)


@pytest.fixture
async def log(server, log_at, scribe) -> RedisLog:
    """Holds the scribe's events."""
    made = log_at(server.url)
    await made.put_back(scribe.entries, GENESIS, "somebody", last=True)
    return made


@pytest.fixture
def rebuilding(server, link_to, keys) -> Rebuilding:
    return Rebuilding(link_to(server.url), keys, "me")
