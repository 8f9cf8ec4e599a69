"""Settlements: where an operator has decided nobody needs patience; and nobody forges a decision."""

from dataclasses import replace as changed

import pytest

from events.errors import LogForked, LogUnavailable
from events.memory import MemoryLog
from events.model import ForkSettled, PositionPassed
from events.signing import KeyRing
from projections.settlements import SEARCHED, Search, settlement
from tests.projections.rig import QUICK, Rig, other_log
from tests.scribe import Scribe
from tests.waiting import until

FOR_EVER = changed(QUICK, rebuild_after=None)
RING = KeyRing({"k": b"0" * 32})


def settled(scribe: Scribe, after: int = 1):
    """An operator has decided for what the scribe has written."""
    through = scribe.head.position
    return scribe.write(ForkSettled(kept="log", after=after, through=through))


@pytest.fixture
async def diverged():
    """A rig whose follower was current at position 3, and then met another log of equal length."""
    rig = Rig(FOR_EVER)
    await rig.opened_with("one", "two")
    rig.start()
    await rig.current()
    rig.replace_log(other_log("ONE", "TWO").entries)
    await rig.state("diverged")
    yield rig
    await rig.stop()


async def test_without_a_decision_it_is_waited_upon_for_ever(diverged):
    await diverged.more_beats(3)
    assert diverged.held.texts == {"system": "two"}


async def test_a_log_that_was_decided_for_is_followed_at_once(diverged):
    scribe = other_log("ONE", "TWO", "THREE")
    settled(scribe)
    diverged.replace_log(scribe.entries)
    await diverged.current(5)
    assert diverged.held.texts == {"system": "THREE"}


async def test_a_decision_that_is_not_further_on_than_what_is_followed_is_an_older_one(diverged):
    scribe = other_log("ONE")
    settled(scribe)
    diverged.replace_log(scribe.entries)  # it stands at position 3
    await diverged.more_beats(3)
    assert diverged.follower.state == "diverged"


async def test_the_old_log_is_given_up_first_and_only_if_that_can_be(diverged):
    tried: list[int] = []
    may: list[bool] = []

    async def giving_up():
        tried.append(diverged.follower.position)
        if not may:
            raise LogUnavailable("it cannot be kept")

    diverged.follower.giving_up = giving_up
    scribe = other_log("ONE", "TWO", "THREE")
    settled(scribe)
    diverged.replace_log(scribe.entries)
    await until(lambda: len(tried) > 2)
    assert diverged.held.texts == {"system": "two"}
    may.append(True)
    await diverged.current(5)
    assert set(tried) == {3}


async def test_what_a_machine_remembers_is_given_up_likewise():
    rig = Rig(FOR_EVER)
    rig.follower.remembered = other_log("one", "two").chain()
    scribe = rig.scribe = other_log("ONE", "TWO", "THREE")
    settled(scribe)
    rig.replace_log(scribe.entries)
    rig.start()
    await rig.current(5)
    remembered: object = rig.follower.remembered
    await rig.stop()
    assert remembered is None


async def test_what_is_recalled_during_a_look_is_looked_for_as_well():
    """A request may look at the log before its admin has read what this machine remembers."""
    rig, remembered = Rig(FOR_EVER), other_log("one", "two").chain()
    rig.replace_log(other_log("ONE", "TWO", "THREE").entries)
    pulse = rig.log.pulse

    async def recalling(position: int = 0):
        rig.follower.remembered = remembered
        return await pulse(position)

    rig.log.pulse = recalling  # type: ignore[method-assign]  # as it is then
    with pytest.raises(LogForked):
        await rig.follower.look()
    assert rig.follower.remembered is remembered


def test_where_events_are_signed_only_a_signed_decision_counts():
    forged, signed = settled(other_log("a")), settled(other_log("a", keys=RING))
    assert settlement(forged, RING, signed=False) == (1, 3)
    assert settlement(forged, RING, signed=True) is None
    assert settlement(signed, RING, signed=True) == (1, 3)


def test_what_only_looks_like_a_decision_is_none():
    entry = settled(other_log("a"))
    assert settlement(entry._replace(hash="f" * 64), KeyRing(), signed=False) is None
    poison = other_log("a").poison(b'{"type":"promptcast.ForkSettled.v1"}')
    assert settlement(poison, KeyRing(), signed=False) is None


async def test_a_long_search_goes_on_where_it_was():
    scribe, log = other_log("a"), MemoryLog()
    for _ in range(SEARCHED + 300):
        scribe.write(PositionPassed())
    settled(scribe)
    log.entries = scribe.entries
    search = Search(KeyRing(), 1)
    assert await search.go_on(log, signed=False) is False
    assert search.found == []
    assert await search.go_on(log, signed=False) is True
    assert [each.after for each in search.found] == [1]
