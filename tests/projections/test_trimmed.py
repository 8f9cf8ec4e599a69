"""Following a log whose beginning has gone: from a snapshot, from what is held, or not at all."""

import asyncio
from collections.abc import Sequence

import pytest

from events.chain import Chain, Entry
from events.envelope import digest
from events.errors import LogForked, LogUnavailable, TrimmedPast
from events.limits import MAX_READ_BYTES
from events.log import READ_COUNT
from events.model import ForkSettled, LogTrimmed, PositionPassed
from events.signing import KeyRing
from projections.applying import Applied
from projections.held import Held
from projections.live import Live, fold
from projections.settlements import SEARCHED, Search
from tests.projections.rig import Rig, other_log
from tests.scribe import Scribe, outcomes
from tests.trimmed_log import TrimmedLog
from tests.waiting import until

ONE, TWO, THREE = {"system": "one"}, {"system": "two"}, {"system": "three"}


class Skipping:
    """Puts a follower forward as a snapshot would: to where a log stood after ``entries``."""

    def __init__(self, rig: Rig, entries: Sequence[Entry] = (), log_id: str = "log-1") -> None:
        self.rig, self.entries, self.log_id = rig, list(entries), log_id
        self.asked: list[bool] = []
        self.error: Exception | None = None
        rig.follower.skip = self

    async def __call__(self, anew: bool) -> bool:
        self.asked.append(anew)
        if self.error:
            raise self.error
        known = self.rig.applied.chain.log_id
        if not self.entries or not (anew or known in ("", self.log_id)):
            return False
        self.rig.held.put(fold(Live(), outcomes(self.entries)))
        self.rig.follower.resume(_chain(self.entries, self.log_id))
        return True


def _chain(entries: Sequence[Entry], log_id: str = "log-1") -> Chain:
    scribe = Scribe(entries=list(entries))
    return scribe.chain()._replace(log_id=log_id)


@pytest.fixture
async def rig():
    rig = Rig()
    await rig.opened_with("one", "two", "three")
    yield rig
    await rig.stop()


def goes(rig: Rig, through: int) -> None:
    """The oldest entries are there no more."""
    rig.log.entries[:] = [entry for entry in rig.log.entries if entry.position > through]


def save(template, version):
    return lambda scribe: scribe.saved(template, version)


# --- starting -------------------------------------------------------------------------------------


async def test_who_knows_nothing_starts_from_a_snapshot(rig):
    skip = Skipping(rig, rig.scribe.entries[:3])
    told = []
    rig.follower.rebuilt = lambda: told.append(rig.follower.position)
    goes(rig, 2)
    rig.start()
    await rig.current(4)
    assert rig.held.texts == THREE
    assert (skip.asked, told) == ([False], [3])
    assert [done for done in rig.trace if done[0] == "folded"] == [("folded", [4])]
    assert rig.notes.lost_for == []


async def test_who_was_away_starts_from_a_snapshot(rig):
    skip = Skipping(rig, rig.scribe.entries)
    rig.follower.resume(_chain(rig.scribe.entries[:2]))
    goes(rig, 3)
    rig.start()
    await rig.current(4)
    assert (rig.held.texts, skip.asked) == (THREE, [False])


async def test_who_knows_what_the_log_begins_with_needs_no_snapshot(rig):
    skip = Skipping(rig)
    rig.held.put(fold(Live(), outcomes(rig.scribe.entries[:3])))
    rig.follower.resume(_chain(rig.scribe.entries[:3]))
    goes(rig, 2)
    rig.start()
    await rig.current(4)
    assert (rig.held.texts, skip.asked) == (THREE, [])


async def test_without_a_snapshot_it_waits_for_one_and_serves_what_it_has(rig):
    skip = Skipping(rig)
    rig.held.put(fold(Live(), outcomes(rig.scribe.entries[:2])))
    rig.follower.resume(_chain(rig.scribe.entries[:2]))
    goes(rig, 3)
    rig.start()
    await rig.state("diverged")
    await rig.more_beats(3)
    assert (rig.held.texts, rig.follower.position) == (ONE, 2)
    assert [type(error) for error in rig.notes.lost_for] == [TrimmedPast]
    assert rig.follower.serving
    skip.entries = rig.scribe.entries
    await rig.current(4)
    assert rig.held.texts == THREE
    assert set(skip.asked) == {False}


async def test_a_snapshot_that_cannot_be_had_right_now_is_asked_for_again(rig):
    skip = Skipping(rig, rig.scribe.entries)
    skip.error = LogUnavailable("down")
    goes(rig, 2)
    rig.start()
    await until(lambda: rig.notes.lost_for)
    assert [str(error) for error in rig.notes.lost_for] == ["down"]
    skip.error = None
    await rig.current(4)
    assert rig.held.texts == THREE


async def test_what_is_trimmed_while_it_is_followed_makes_no_difference(rig):
    skip = Skipping(rig)
    rig.start()
    await rig.current()
    await rig.write(lambda s: s.write(LogTrimmed(through=3, hash="a" * 64)))
    await rig.current()
    goes(rig, 3)
    await rig.more_looks(3)
    await rig.write(save("four", 4))
    await rig.current()
    assert rig.held.texts == {"system": "four"}
    assert rig.follower.applied.chain.trimmed.position == 3
    assert (skip.asked, rig.notes.lost_for) == ([], [])


async def test_what_is_trimmed_while_it_is_read_is_skipped_too(rig):
    """The look found all there; the next page is gone."""
    skip = Skipping(rig, rig.scribe.entries)
    read, page = rig.log.read, list[int]()

    async def reading(after, count=READ_COUNT, max_bytes=MAX_READ_BYTES):
        found = await read(after, 1, max_bytes)
        if after == 2 and not page:
            page.append(after)
            goes(rig, 3)
            raise TrimmedPast(after, 4)
        return found

    rig.log.read = reading
    rig.start()
    await rig.current(4)
    assert (rig.held.texts, skip.asked) == (THREE, [False])
    assert rig.notes.lost_for == []


async def test_what_lies_in_the_midst_and_is_nowhere_is_skipped_too(rig):
    """An archive may have the beginning, and lack something behind it."""
    skip = Skipping(rig, rig.scribe.entries)
    read = rig.log.read

    async def reading(after, count=READ_COUNT, max_bytes=MAX_READ_BYTES):
        if after == 2:
            raise TrimmedPast(after, 4)
        return await read(after, 2, max_bytes)

    rig.log.read = reading
    rig.start()
    await rig.current(4)
    assert (rig.held.texts, skip.asked) == (THREE, [False])


async def test_who_waits_for_a_position_is_told_when_a_snapshot_has_it(rig):
    waiting = rig.applied.wait(3, 5.0)
    Skipping(rig, rig.scribe.entries[:3])
    goes(rig, 2)
    rig.start()
    assert await waiting


# --- another log ----------------------------------------------------------------------------------


def trimmed_other(*templates: str) -> Scribe:
    """Another log, of which the first three events are gone."""
    scribe = other_log(*templates)
    scribe.write(LogTrimmed(through=3, hash=digest(scribe.entries[2].event)))
    return scribe


@pytest.fixture
async def forked(rig):
    """It has followed a log to position 4, where there is another one now, that was trimmed."""
    rig.start()
    await rig.current()
    other = trimmed_other("ONE", "TWO", "THREE", "FOUR")
    rig.replace_log(other.entries[3:])
    return other


async def test_another_log_that_was_trimmed_is_followed_from_its_snapshot_after_a_patience(
    rig, forked
):
    skip = Skipping(rig, forked.entries[:5], "log-2")
    told = []
    rig.follower.rebuilt = lambda: told.append(rig.follower.position)
    await rig.state("diverged")
    assert [type(error) for error in rig.notes.lost_for] == [LogForked]
    rig.now += 59.0
    await rig.more_beats(3)
    assert (rig.held.texts, skip.asked) == (THREE, [])
    rig.now += 2.0
    await rig.current(6)
    assert rig.held.texts == {"system": "FOUR"}
    assert (skip.asked, told) == ([True], [5])
    assert rig.follower.applied.chain.log_id == "log-2"


async def test_another_log_that_was_trimmed_past_what_is_held_is_followed_after_a_patience(rig):
    """Its id is another one: no snapshot of it is taken before."""
    rig.start()
    await rig.current()
    other = trimmed_other("ONE", "TWO", "THREE", "FOUR", "FIVE")
    rig.replace_log(other.entries[5:])
    skip = Skipping(rig, other.entries, "log-2")
    await rig.state("diverged")
    rig.now += 59.0
    await rig.more_beats(3)
    assert rig.held.texts == THREE
    assert set(skip.asked) == {False}
    rig.now += 2.0
    await rig.current(7)
    assert rig.held.texts == {"system": "FIVE"}
    assert skip.asked[-1] is True


async def test_without_a_snapshot_of_it_the_old_log_is_not_let_go_of(rig, forked):
    skip = Skipping(rig)
    given_up = []

    async def giving_up() -> None:
        given_up.append(rig.follower.position)

    rig.follower.giving_up = giving_up
    await rig.state("diverged")
    rig.now += 61.0
    await until(lambda: len(skip.asked) > 2)
    assert (rig.held.texts, rig.follower.position, rig.follower.state) == (THREE, 4, "diverged")
    assert rig.applied.settled
    assert given_up, "what is only here is kept before"
    rig.replace_log(rig.scribe.entries)
    await rig.current(4)
    assert [done for done in rig.trace if done[0] == "folded"] == [("folded", [1, 2, 3, 4])]


async def test_what_cannot_be_given_up_is_not_skipped(rig, forked):
    skip = Skipping(rig, forked.entries[:5], "log-2")

    async def giving_up() -> None:
        raise LogUnavailable("it cannot be kept")

    rig.follower.giving_up = giving_up
    await rig.state("diverged")
    rig.now += 61.0
    await rig.more_beats(3)
    assert (rig.held.texts, skip.asked) == (THREE, [])


async def test_a_decision_for_a_log_that_was_trimmed_is_followed_at_once(rig, forked):
    skip = Skipping(rig, forked.entries[:5], "log-2")
    await rig.state("diverged")
    forked.write(ForkSettled(kept="log", after=1, through=6))
    await rig.log.put(forked.entries[-1])
    await rig.current(7)
    assert rig.held.texts == {"system": "FOUR"}
    assert skip.asked == [True]


async def test_a_decision_behind_what_was_trimmed_may_have_been_about_something_else(rig):
    """Who only was away must not let go of what it has: nothing speaks against that."""
    given_up = []

    async def giving_up() -> None:
        given_up.append(rig.follower.position)

    rig.follower.giving_up = giving_up
    rig.start()
    await rig.current(4)
    await rig.write(
        *[save("four", 4)] * 2, lambda s: s.write(ForkSettled(kept="log", after=5, through=6))
    )
    await rig.current(7)
    await rig.stop()
    rig.follower.resume(_chain(rig.scribe.entries[:2]))
    goes(rig, 4)
    Skipping(rig)
    rig.start()
    await rig.state("diverged")
    await rig.more_beats(3)
    assert given_up == []


async def test_a_log_that_does_not_begin_as_one_should_is_still_not_believed(rig):
    rig.start()
    await rig.current()
    poison = Scribe()
    for _ in range(5):
        poison.poison(b"{}")
    rig.replace_log(poison.entries)
    skip = Skipping(rig, other_log("ONE").entries)
    await rig.state("diverged")
    rig.now += 61.0
    await rig.more_beats(4)
    assert (rig.held.texts, skip.asked) == (THREE, [])


# --- what was decided -----------------------------------------------------------------------------


async def test_decisions_are_searched_for_behind_what_was_trimmed():
    scribe = other_log("a")
    for _ in range(10):
        scribe.write(PositionPassed())
    scribe.write(ForkSettled(kept="log", after=1, through=2))
    search = Search(KeyRing(), 1)
    assert await search.go_on(TrimmedLog(entries=scribe.entries[8:]), signed=False)
    assert [each.position for each in search.found] == [13]


async def test_a_search_that_jumps_reads_no_more_at_once_than_any():
    scribe = other_log("a")
    for _ in range(SEARCHED + 300):
        scribe.write(PositionPassed())
    search = Search(KeyRing(), 1)
    assert not await search.go_on(TrimmedLog(entries=scribe.entries[8:]), signed=False)
    assert await search.go_on(TrimmedLog(entries=scribe.entries[8:]), signed=False)


# --- what is held ---------------------------------------------------------------------------------


def test_a_state_that_is_put_is_in_force_at_once():
    held = Held(1, 0, lambda state, outcomes: state + len(list(outcomes)))
    held.put(7)
    assert held.state == 7
    held.commit()
    assert held.state == 7


def test_a_state_that_is_put_while_another_is_being_made_comes_into_force_with_it():
    held = Held(1, 0, lambda state, outcomes: state + len(list(outcomes)))
    held.begin()
    held.put(7)
    assert held.state == 1
    held.fold(other_log("one").outcomes())
    assert held.state == 1
    held.commit()
    assert held.state == 9
    held.put(3)
    assert held.state == 3


async def test_resuming_wakes_those_who_wait_for_what_is_there_now_and_nobody_else():
    applied = Applied(Held(Live(), Live(), fold), KeyRing())
    near, far = (asyncio.create_task(applied.wait(at, 5.0)) for at in (3, 4))
    await asyncio.sleep(0)
    applied.resume(_chain(other_log("one", "two").entries))
    assert await near
    assert not far.done()
    far.cancel()
    await asyncio.gather(far, return_exceptions=True)
