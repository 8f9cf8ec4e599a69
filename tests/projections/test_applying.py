import asyncio

import pytest

from events.chain import Chain, Reason, Recorded, Rejected
from events.errors import LogForked, LogGap
from events.signing import KeyRing
from projections.applying import REJECTIONS_KEPT, Applied
from tests.projections.rig import BOMB, Watched, other_log
from tests.scribe import Scribe
from tests.waiting import until


@pytest.fixture
def scribe():
    return other_log("one", "two", "three")


@pytest.fixture
def trace():
    return []


@pytest.fixture
def applied(trace):
    return Applied(Watched(trace), KeyRing())


def take(applied, entries):
    return applied.take(applied.read(entries))


def texts(applied):
    return applied.projection.texts


def test_entries_are_folded_at_once_and_the_position_follows(applied, scribe, trace):
    outcomes = take(applied, scribe.entries)
    assert [type(outcome) for outcome in outcomes] == [Recorded] * 4
    assert trace == [("folded", [1, 2, 3, 4])]
    assert (applied.position, applied.chain) == (4, scribe.chain())
    assert texts(applied) == {"system": "three"}


def test_reading_changes_nothing(applied, scribe, trace):
    applied.read(scribe.entries)
    assert (trace, applied.chain) == ([], Chain())


def test_entries_that_were_applied_before_are_passed_over(applied, scribe, trace):
    take(applied, scribe.entries[:3])
    assert [outcome.position for outcome in take(applied, scribe.entries)] == [4]
    assert take(applied, scribe.entries) == []
    assert trace == [("folded", [1, 2, 3]), ("folded", [4])]


def test_what_was_read_is_of_no_use_once_something_else_was_applied(applied, scribe, trace):
    """A writer has folded its own event, while a feed's entries were waiting."""
    stale = applied.read(scribe.entries[:2])
    take(applied, scribe.entries[:3])
    assert applied.take(stale) == []
    assert applied.position == 3
    assert trace == [("folded", [1, 2, 3])]


def test_an_entry_that_is_missing_before_them_is_a_gap(applied, scribe):
    take(applied, scribe.entries[:1])
    with pytest.raises(LogGap):
        applied.read(scribe.entries[2:])
    assert applied.position == 1


def test_what_stands_before_a_gap_counts(applied, scribe):
    outcomes = take(applied, [*scribe.entries[:2], scribe.entries[3]])
    assert [outcome.position for outcome in outcomes] == [1, 2]


def test_another_event_at_the_applied_position_is_a_fork(applied, scribe):
    take(applied, scribe.entries)
    with pytest.raises(LogForked):
        applied.read([scribe.entries[3]._replace(hash="0" * 64)])
    other = other_log("one", "two", "THREE")
    with pytest.raises(LogForked):
        applied.read(other.entries)


def test_rejected_entries_are_passed_over_and_remembered(applied, scribe):
    scribe.poison(b"{")
    scribe.saved("four", 4)
    take(applied, scribe.entries)
    assert applied.position == 6
    assert [(r.position, r.reason) for r in applied.rejected] == [(5, Reason.BAD_JSON)]
    assert texts(applied) == {"system": "four"}


def test_only_the_latest_rejections_are_remembered(applied, scribe):
    for n in range(REJECTIONS_KEPT + 5):
        scribe.poison(b"%d" % n)
    take(applied, scribe.entries)
    assert [r.position for r in applied.rejected] == list(range(10, REJECTIONS_KEPT + 10))


@pytest.mark.parametrize("alone", [True, False])
def test_an_event_that_crashes_the_projection_costs_itself_and_no_other(applied, alone):
    scribe = other_log("one", BOMB, "three")
    scribe.saved(BOMB, 1, "other")
    batches = [[entry] for entry in scribe.entries] if alone else [scribe.entries]
    outcomes = [outcome for batch in batches for outcome in take(applied, batch)]
    assert [type(outcome) for outcome in outcomes] == [
        Recorded,
        Recorded,
        Rejected,
        Recorded,
        Rejected,
    ]
    assert [(r.position, r.reason, r.prompt, r.newer) for r in applied.rejected] == [
        (3, Reason.CRASHED, "system", False),
        (5, Reason.CRASHED, "other", False),
    ]
    assert "ZeroDivisionError" in applied.rejected[0].detail
    assert (applied.position, texts(applied)) == (5, {"system": "three"})


def test_an_entry_written_behind_another_event_breaks_the_chain(applied, scribe):
    other = other_log("ONE", "TWO", "THREE", "FOUR")
    take(applied, scribe.entries)
    assert applied.read([other.entries[4]]).breaks_chain
    assert not applied.read(scribe.entries).breaks_chain
    scribe.poison(b"{")
    assert not applied.read(scribe.entries).breaks_chain


# --- rebuilding -----------------------------------------------------------------------------------


def test_a_rebuilt_state_comes_into_force_when_it_is_whole(applied, scribe):
    take(applied, scribe.entries)
    other = other_log("ONE", "TWO")
    applied.rebuild()
    assert applied.position == 0
    for entry in other.entries:
        take(applied, [entry])
        assert texts(applied) == {"system": "three"}
    applied.settle()
    assert texts(applied) == {"system": "TWO"}
    assert applied.chain == other.chain()


def test_a_rebuild_forgets_what_was_rejected_in_the_old_log(applied, scribe):
    scribe.poison(b"{")
    take(applied, scribe.entries)
    applied.rebuild()
    assert not applied.rejected


def test_a_rebuild_does_not_forget_that_events_must_be_signed(scribe, trace):
    """Else whoever can only write to Redis could put an unsigned log into the place of a signed one."""
    keys = KeyRing({"k": b"secret"})
    applied = Applied(Watched(trace), keys)
    take(applied, other_log("one", keys=keys).entries)
    applied.rebuild()
    take(applied, scribe.entries)
    assert {rejected.reason for rejected in applied.rejected} == {Reason.UNSIGNED}


def test_what_was_decided_upon_the_state_before_it_can_be_told_by_its_chain(applied, scribe):
    take(applied, scribe.entries)
    applied.rebuild()
    take(applied, scribe.entries)
    seen = applied.chain
    applied.settle()
    assert applied.chain == seen
    assert applied.chain is not seen


def test_settling_without_a_rebuild_changes_nothing(applied, scribe):
    take(applied, scribe.entries)
    applied.settle()
    assert texts(applied) == {"system": "three"}


def test_a_rebuild_that_was_begun_anew_holds_nothing_of_the_one_before(applied, scribe):
    take(applied, scribe.entries)
    applied.rebuild()
    take(applied, other_log("ONE", "TWO").entries)
    applied.rebuild()
    fresh = Scribe()
    fresh.opened()
    take(applied, fresh.entries)
    applied.settle()
    assert texts(applied) == {}


# --- waiting --------------------------------------------------------------------------------------


async def test_what_is_applied_already_need_not_be_waited_for(applied, scribe):
    take(applied, scribe.entries)
    assert await applied.wait(0, 0.0)
    assert await applied.wait(4, 0.0)


async def test_whoever_waits_is_told_as_soon_as_the_position_is_applied(applied, scribe):
    waiters = [asyncio.create_task(applied.wait(position, 5.0)) for position in (1, 3, 4)]
    await until(lambda: len(applied._waiters) == 3)
    take(applied, scribe.entries[:3])
    assert [await waiters[0], await waiters[1]] == [True, True]
    assert not waiters[2].done()
    take(applied, scribe.entries)
    assert await waiters[2]


async def test_waiting_in_vain_ends_in_time_and_says_so(applied):
    async with asyncio.timeout(2):
        assert not await applied.wait(1, 0.01)


async def test_nobody_is_kept_who_does_not_wait_any_more(applied, scribe):
    impatient = asyncio.create_task(applied.wait(9, 0.01))
    gone = asyncio.create_task(applied.wait(9, 5.0))
    await until(lambda: len(applied._waiters) == 2)
    gone.cancel()
    assert not await impatient
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert not applied._waiters
    take(applied, scribe.entries)


async def test_a_rejected_position_is_applied_too(applied, scribe):
    scribe.poison(b"{")
    waiter = asyncio.create_task(applied.wait(5, 5.0))
    await until(lambda: applied._waiters)
    take(applied, scribe.entries)
    assert await waiter
