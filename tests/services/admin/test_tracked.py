"""A log as an admin knows it, at the very beginning."""

import asyncio

import pytest

from events.errors import LogMissing
from events.memory import MemoryFeed, MemoryLog
from events.signing import KeyRing
from projections.applying import Applied
from projections.follower import Follower
from projections.held import Held
from projections.history import History, fold
from services.admin.mirror import Mirror
from tests.projections.rig import Notes, other_log


@pytest.fixture
async def mirror():
    """Of a log that nobody has opened yet."""
    log = MemoryLog()
    held = Held(History(), History(), fold)
    follower = Follower(log, MemoryFeed(log, 1.0), Applied(held, KeyRing()), Notes())
    return Mirror(log, follower, held)


async def test_a_log_that_is_just_being_opened_is_waited_for(mirror):
    asked = asyncio.create_task(mirror.confirmed())
    await asyncio.sleep(0)
    mirror.log.entries += other_log("one").entries
    assert "system" in (await asked).prompts


async def test_a_log_that_was_there_is_not_waited_for(mirror):
    mirror.log.entries += other_log("one").entries
    await mirror.confirmed()
    mirror.log.entries.clear()
    with pytest.raises(LogMissing):
        await mirror.confirmed()
