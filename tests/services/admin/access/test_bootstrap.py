import asyncio
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from services.admin.access import bootstrap
from services.admin.access.bootstrap import tell_if_locked_out
from tests.services.admin.stage import in_memory
from tests.waiting import until


@pytest.fixture
async def book():
    async with in_memory() as stage:
        yield stage.access.book


@asynccontextmanager
async def looking(book):
    task = asyncio.create_task(tell_if_locked_out(book))
    with capture_logs() as lines:
        yield lines
    assert not task.done()  # a task that ends by itself would end the service
    task.cancel()


async def turns():
    """Let the others go on: a few turns are all that they need, since the book is there already."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_service_that_nobody_can_sign_in_to_says_what_to_do(book):
    async with looking(book) as lines:
        await until(lambda: lines)
    (line,) = lines
    assert line["event"] == "nobody_can_sign_in"
    assert "promptcast admin --bootstrap" in line["remedy"]


@pytest.mark.parametrize("who", ["person", "key"])
async def test_one_that_somebody_can_use_says_nothing(book, who):
    if who == "person":
        await book.add_person("ada", "viewer", "admin")
    else:
        await book.add_key("0" * 12, "ci", "viewer", "admin")
    async with looking(book) as lines:
        await turns()
    assert lines == []


async def test_it_waits_until_the_book_can_tell(book, monkeypatch):
    monkeypatch.setattr(bootstrap, "LOOK_SECONDS", 0.001)
    follower = book.tracked.follower
    follower.state = "starting"
    async with looking(book) as lines:
        await turns()
        assert lines == []
        follower.state = "current"
        await until(lambda: lines)
