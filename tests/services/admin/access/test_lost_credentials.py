"""Credentials are no events: when they are gone, that is told, and not only by 401s."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from events.errors import LogUnavailable
from services.admin.access import lost_credentials
from services.admin.access.lost_credentials import LostCredentials
from services.admin.healing.gate import Gate
from tests.services.admin.stage import in_memory
from tests.waiting import until

KEY = "0" * 12


class Stage:
    """A book with a person and a key, and who looks after their credentials."""

    def __init__(self, access):
        self.book, self.credentials = access.book, access.credentials
        self.gate, self.shown = Gate("access"), list[int]()
        self.lost = LostCredentials(self.book, self.credentials, self.gate, self.shown.append)

    async def looked(self):
        """What was shown at the next look."""
        seen = len(self.shown)
        await until(lambda: len(self.shown) > seen)
        return self.shown[-1]


@pytest.fixture
async def stage():
    async with in_memory() as running:
        book, credentials = running.access.book, running.access.credentials
        await book.add_person("ada", "admin", "admin")
        await credentials.set_person("ada", "$argon2id$")
        await book.password_set("ada", "ada")
        await credentials.set_key(KEY, "d1" * 32)
        await book.add_key(KEY, "ci", "viewer", "admin")
        yield Stage(running.access)


@asynccontextmanager
async def running(stage):
    task = asyncio.create_task(stage.lost.run())
    with capture_logs() as lines:
        yield lines
    assert not task.done()  # a task that ends by itself would end the service
    task.cancel()


async def test_nothing_is_told_while_everybody_has_theirs(stage):
    async with running(stage) as lines:
        stage.gate.open()
        assert await stage.looked() == 0
    assert lines == []


async def test_a_log_that_was_made_whole_without_its_credentials_is_told_once(stage):
    stage.credentials.kept.clear()
    async with running(stage) as lines:
        for _ in range(2):
            stage.gate.doubt("another server")
            stage.gate.open()
            assert await stage.looked() == 2
    (line,) = lines
    assert (line["event"], line["count"]) == ("credentials_lost", 2)
    assert line["of"] == ("person:ada", f"key:{KEY}")
    assert "promptcast admin --bootstrap" in line["remedy"]


async def test_who_never_set_a_password_has_lost_none(stage):
    await stage.book.add_person("noa", "viewer", "ada")
    async with running(stage) as lines:
        stage.gate.open()
        assert await stage.looked() == 0
    assert lines == []


async def test_it_is_over_once_they_have_new_ones_or_are_gone(stage):
    stage.credentials.kept.clear()
    async with running(stage):
        stage.gate.open()
        assert await stage.looked() == 2
        await stage.book.revoke_key(KEY, "admin")
        assert await stage.looked() == 1
        await stage.credentials.set_person("ada", "$argon2id$new")
        await stage.book.password_set("ada", "admin")
        assert await stage.looked() == 0


async def test_a_look_that_failed_is_made_again(stage, monkeypatch):
    async def unreachable(_names):
        raise LogUnavailable("not reached")

    stage.credentials.kept.clear()
    with monkeypatch.context() as broken:
        broken.setattr(stage.credentials, "missing", unreachable, raising=False)
        stage.gate.open()
        with pytest.raises(LogUnavailable):
            await stage.lost.run()
    async with running(stage):
        assert await stage.looked() == 2


async def test_while_some_are_lost_it_looks_again_now_and_then(stage, monkeypatch):
    monkeypatch.setattr(lost_credentials, "AGAIN_SECONDS", 0.01)
    stage.credentials.kept.clear()
    async with running(stage):
        stage.gate.open()
        assert await stage.looked() == 2
        await stage.credentials.set_key(KEY, "d1" * 32)
        await until(lambda: stage.shown[-1] == 1)
