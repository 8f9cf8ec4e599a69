"""Appending while another log takes the place of the one that was followed: nobody decides by the old."""

import pytest

from events.memory import MemoryFeed, MemoryLog
from events.model import PromptConfig, PromptSaved
from events.signing import KeyRing
from projections.applying import Applied
from projections.follower import Follower
from projections.held import Held
from projections.history import History, fold
from services.admin.appending import AppendQueue
from services.admin.mirror import Mirror
from tests.projections.rig import Notes, other_log


@pytest.fixture
async def mirror():
    """Follows a log of two versions, and is then given another one, of three."""
    log = MemoryLog(entries=other_log("one", "two").entries)
    held = Held(History(), History(), fold)
    follower = Follower(log, MemoryFeed(log, 1.0), Applied(held, KeyRing()), Notes())
    mirror = Mirror(log, follower, held)
    await follower.catch_up()
    log.entries[:] = other_log("ONE", "TWO", "THREE").entries
    follower.applied.rebuild()
    return mirror


@pytest.fixture
def queue(mirror):
    return AppendQueue(mirror, KeyRing(), "/test")


def saved(mirror):
    """What a save makes by the history in force."""
    version = mirror.history.prompts["system"].next_version
    return PromptSaved(prompt="system", version=version, template="more", config=PromptConfig())


async def folded(mirror):
    """All of the other log is folded, and is not in force yet."""
    await mirror.follower.take(mirror.log.entries)
    assert not mirror.follower.applied.settled


async def test_a_log_that_is_still_being_folded_is_not_confirmed(mirror):
    await folded(mirror)
    assert mirror.history.prompts["system"].next_version == 3
    assert not await mirror.confirm()
    assert mirror.history.prompts["system"].next_version == 4
    assert await mirror.confirm()


async def test_nothing_is_appended_that_was_decided_upon_the_log_before(mirror, queue):
    await folded(mirror)
    seen, known = mirror.follower.applied.chain, len(mirror.log.entries)
    assert await queue.append(saved(mirror), "eve", seen) is None
    assert len(mirror.log.entries) == known
    assert mirror.follower.applied.settled


async def test_not_even_when_the_other_log_has_come_into_force_meanwhile(mirror, queue):
    await folded(mirror)
    seen, event = mirror.follower.applied.chain, saved(mirror)
    mirror.follower.applied.settle()
    assert await queue.append(event, "eve", seen) is None


async def test_what_is_decided_anew_is_appended(mirror, queue):
    await folded(mirror)
    assert not await mirror.confirm()
    done = await queue.append(saved(mirror), "eve", mirror.follower.applied.chain)
    assert done.entry.position == 5
    assert mirror.history.prompts["system"].next_version == 5
