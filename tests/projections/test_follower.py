"""The follower, on a log in memory: whatever happens, it comes back by its one path."""

import asyncio
from dataclasses import replace

import pytest

from events.chain import Chain, Entry, Reason
from events.envelope import digest
from events.errors import (
    ClaimLost,
    LogForked,
    LogMended,
    LogMissing,
    LogShorter,
    LogUnavailable,
    StrayId,
)
from events.limits import MAX_EVENT_BYTES
from events.signing import KeyRing
from projections.pace import Pace
from tests.projections.rig import BOMB, QUICK, Rig, other_log
from tests.scribe import Scribe
from tests.waiting import until

ONE, TWO, THREE = {"system": "one"}, {"system": "two"}, {"system": "three"}


@pytest.fixture
async def rig():
    rig = Rig()
    yield rig
    await rig.stop()


@pytest.fixture
async def following(rig):
    """A rig that follows a log with one version, and is current."""
    await rig.opened_with("one")
    rig.start()
    await rig.current()
    await until(lambda: rig.feed.is_open)
    return rig


def save(template, version):
    return lambda scribe: scribe.saved(template, version)


def poison(*args, **fields):
    return lambda scribe: scribe.poison(*args, **fields)


# --- starting -------------------------------------------------------------------------------------


async def test_it_catches_up_by_reading_and_then_is_fed_from_there(rig):
    await rig.opened_with("one", "two")
    assert rig.follower.state == "starting"
    rig.start()
    await rig.current()
    await rig.more_beats(1)
    assert rig.notes.states == ["catching_up", "current"]
    assert rig.held.texts == TWO
    assert rig.trace == [("folded", [1, 2, 3]), ("opened", 3)]


async def test_it_catches_up_page_by_page(rig):
    await rig.opened_with(*[str(n) for n in range(1, 10)])
    rig.log.page = 3
    rig.start()
    await rig.current()
    assert [done for done in rig.trace if done[0] == "folded"] == [
        ("folded", [1, 2, 3]), ("folded", [4, 5, 6]), ("folded", [7, 8, 9]), ("folded", [10]),
    ]  # fmt: skip


async def test_while_a_log_was_never_there_it_only_waits_for_it(rig):
    rig.start()
    await rig.more_looks(3)
    assert (rig.follower.state, rig.notes.lost_for) == ("starting", [])
    await rig.opened_with("one")
    await rig.current()
    assert rig.held.texts == ONE


async def test_it_goes_on_from_a_kept_state(rig):
    await rig.opened_with("one", "two")
    rig.follower.resume(rig.scribe.chain())
    await rig.write(save("three", 3))
    rig.start()
    await rig.current()
    assert rig.trace[0] == ("folded", [4]), "what was kept is not read again"
    assert rig.held.texts == THREE


async def test_a_kept_state_is_stale_until_the_log_was_reached(rig):
    await rig.opened_with("one")
    rig.log.trouble = LogUnavailable("down")
    rig.follower.resume(rig.scribe.chain(), silent=60.0)
    assert rig.follower.state == "stale"
    assert rig.follower.stale_seconds() == 60.0
    rig.start()
    rig.now += 5
    await until(lambda: rig.notes.lost_for)
    assert rig.follower.stale_seconds() == 65.0
    rig.log.trouble = None
    await rig.current()
    assert rig.follower.stale_seconds() is None


async def test_a_kept_state_of_another_log_is_not_gone_on_with(rig):
    await rig.opened_with("one", "two")
    rig.follower.resume(other_log("ONE", "TWO").chain())
    rig.start()
    await rig.state("diverged")
    assert isinstance(rig.notes.lost_for[0], LogForked)


# --- following ------------------------------------------------------------------------------------


async def test_an_entry_is_applied_then_reported_then_acknowledged(following):
    following.trace.clear()
    await following.write(save("two", 2))
    await until(lambda: following.feed.acknowledged)
    assert following.trace == [
        ("folded", [3]), ("reported", 3), ("published", [3], b"through 3"),
    ]  # fmt: skip
    assert following.held.texts == TWO


async def test_several_entries_at_once_are_folded_and_reported_once(following):
    following.trace.clear()
    await following.write(save("two", 2), save("three", 3), lambda s: s.archived())
    await until(lambda: following.feed.acknowledged)
    assert following.trace == [
        ("folded", [3, 4, 5]), ("reported", 5), ("published", [3, 4, 5], b"through 5"),
    ]  # fmt: skip
    assert following.held.texts == {}


async def test_waiting_for_a_position_ends_when_it_is_applied(following):
    waiter = asyncio.create_task(following.applied.wait(3, 5.0))
    await following.write(save("two", 2))
    assert await waiter
    assert following.held.texts == TWO


async def test_the_lag_is_told_of_what_was_followed_and_not_of_what_was_replayed(rig):
    await rig.opened_with("one")
    rig.start()
    await rig.current()
    assert (rig.notes.lags, rig.follower.lag_us, rig.follower.last_reload_at) == (
        [None],
        None,
        None,
    )
    rig.scribe.saved("two", 2)
    await rig.log.put(rig.scribe.entries[-1]._replace(at=rig.log.clock.now()))
    await rig.current()
    assert rig.notes.lags[1] is not None
    assert 0 <= rig.notes.lags[1] < 5_000_000
    assert rig.follower.lag_us == rig.notes.lags[1]
    assert rig.follower.last_reload_at is not None
    assert abs(rig.follower.last_reload_at - rig.log.clock.now()) < 5_000_000


@pytest.mark.parametrize("hours", [-24, -1, 1, 24])
async def test_a_server_s_clock_that_was_set_makes_no_reload_unseen_and_no_lag_absurd(
    following, hours
):
    following.scribe.saved("two", 2)
    at = following.log.clock.now() + hours * 3_600_000_000
    await following.log.put(following.scribe.entries[-1]._replace(at=at))
    await following.current()
    assert following.notes.lags[-1] is not None
    assert 0 <= following.notes.lags[-1] < 5_000_000
    assert following.follower.last_reload_at is not None


async def test_a_clock_that_is_ahead_makes_no_negative_lag(following):
    following.scribe.saved("two", 2)
    ahead = following.log.clock.now() + 60_000_000
    await following.log.put(following.scribe.entries[-1]._replace(at=ahead))
    await following.current()
    assert following.follower.lag_us == 0


async def test_it_beats_as_soon_as_it_follows_and_ever_after(following):
    assert following.beats >= 1
    await following.more_beats(3)
    assert following.follower.head_position == 2


async def test_a_writer_s_own_event_is_folded_at_once_and_not_again_when_it_is_delivered(following):
    following.feed.deaf = True
    following.trace.clear()
    entry = following.scribe.saved("two", 2)
    following.follower.advance([entry])
    assert (following.held.texts, following.follower.position) == (TWO, 3)
    assert following.follower.head_position == 3
    following.feed.deaf = False
    await following.log.put(entry)
    await following.write(save("three", 3))
    await following.current()
    assert [done for done in following.trace if done[0] == "folded"] == [
        ("folded", [3]),
        ("folded", [4]),
    ]


async def test_whoever_keeps_what_was_stored_is_given_exactly_what_was_applied(rig):
    given: list[object] = []
    rig.follower.taken = given.append
    await rig.opened_with("one", "two")
    rig.start()
    await rig.current()
    await until(lambda: rig.feed.is_open)
    own = rig.scribe.saved("three", 3)
    rig.follower.advance([own, own])
    await rig.log.put(own)
    await rig.write(poison(b"{"), save("four", 4))
    await rig.current()
    assert given == [rig.scribe.entries[:3], [own], rig.scribe.entries[4:]]
    assert rig.held.texts == {"system": "four"}


async def test_nothing_behind_a_gap_is_given_to_whoever_keeps_what_was_stored(rig):
    given: list[object] = []
    rig.follower.taken = given.append
    await rig.opened_with("one", "two", "three")
    first, second, third, fourth = rig.scribe.entries
    rig.follower.advance([first, second, fourth, third])
    assert given == [[first, second]]


async def test_cancelled_it_closes_its_feed_and_leaves_nothing_running(following):
    others = asyncio.all_tasks()
    assert following.feed.is_open
    await following.stop()
    assert isinstance(await following.ended(), asyncio.CancelledError)
    assert not following.feed.is_open
    assert asyncio.all_tasks() < others


# --- poison ---------------------------------------------------------------------------------------


KEYS = KeyRing({"k": b"secret"})
POISON = {
    "bad json": (Reason.BAD_JSON, poison(b"{")),
    "wrong hash": (Reason.WRONG_HASH, poison(b"{}", hash="0" * 64)),
    "no hash": (Reason.MISSING_FIELDS, poison(b"{}", hash="")),
    "no event": (Reason.MISSING_FIELDS, poison(b"")),
    "unknown type": (Reason.UNKNOWN_TYPE, poison(b'{"type":"promptcast.New.v1"}')),
    "ten megabytes": (Reason.TOO_LARGE, poison(b"x" * (10 * MAX_EVENT_BYTES))),
    "a surrogate": (Reason.INVALID, poison(b'{"subject":"\\ud800"}')),
    "deep": (Reason.BAD_JSON, poison(b"[" * 100_000)),
    "opened twice": (Reason.OPENED_TWICE, Scribe.opened),
    "an event from elsewhere": (
        Reason.WRONG_POSITION,
        lambda s: s.poison(other_log("x").entries[0].event),
    ),
    "an event from another log": (
        Reason.BROKEN_CHAIN,
        lambda s: s.poison(other_log("one", "two", "x").entries[s.head.position].event),
    ),
    "a signature of nobody": (
        Reason.UNKNOWN_KEY,
        lambda s: s.put(_saved_elsewhere(s)._replace(kid="x", sig="y")),
    ),
    "an invalid template": (Reason.INVALID, lambda s: s.poison(_invalid_template(s))),
    "a crash": (Reason.CRASHED, save(BOMB, 2)),
}


def _saved_elsewhere(scribe):
    return Scribe(scribe.keys, head=scribe.head).saved("forged", 2)


def _invalid_template(scribe):
    return _saved_elsewhere(scribe).event.replace(b"forged", b"{{ 1 }}")


@pytest.mark.parametrize("how", POISON)
@pytest.mark.parametrize("delivery", ["followed", "replayed", "in the midst"])
async def test_poison_is_passed_over_and_the_next_good_event_is_applied(rig, how, delivery):
    reason, write = POISON[how]
    await rig.opened_with("one")
    if delivery != "replayed":
        rig.start()
        await rig.current()
    if delivery == "in the midst":
        await rig.write(save("before", 2), write, save("two", 3))
    else:
        await rig.write(write)
        if delivery == "followed":
            await rig.current()
            assert rig.held.texts == ONE, "the last good version stays in force"
        await rig.write(save("two", 2))
    rig.start()
    await rig.current()
    assert rig.held.texts == TWO
    assert [rejected.reason for rejected in rig.applied.rejected] == [reason]
    assert rig.notes.crashes == []
    assert "diverged" not in rig.notes.states


async def test_poison_that_was_followed_is_acknowledged_and_reported(following):
    await following.write(poison(b"{"))
    await until(lambda: following.feed.acknowledged == [3])
    assert following.feed.reports == [b"through 3"]


async def test_an_unsigned_event_is_passed_over_once_the_log_is_signed():
    rig = Rig(keys=KEYS)
    await rig.opened_with("one")
    rig.start()
    await rig.current()
    forger = Scribe(head=rig.scribe.head)
    await rig.write(lambda s: s.put(forger.saved("forged", 2)), save("two", 2))
    await rig.current()
    assert [rejected.reason for rejected in rig.applied.rejected] == [Reason.UNSIGNED]
    assert rig.held.texts == TWO
    await rig.stop()


# --- trouble with the feed ------------------------------------------------------------------------


async def test_a_missed_wake_up_is_noticed_at_the_heartbeat(following):
    following.feed.deaf = True
    await following.more_beats(1)
    following.trace.clear()
    await following.write(save("two", 2))
    await opened(following, 3)
    assert following.held.texts == TWO
    assert following.notes.crashes == []
    assert following.feed.reports == []


async def opened(rig, position):
    await until(lambda: ("opened", position) in rig.trace)
    return True


async def test_an_entry_that_the_feed_skipped_is_read_from_the_log(following):
    following.feed.skipped = {3}
    await following.write(save("two", 2), save("three", 3))
    await following.current()
    assert following.held.texts == THREE
    assert "diverged" in following.notes.states


async def test_a_feed_that_breaks_is_opened_again_where_we_are(following):
    following.trace.clear()
    following.feed.failing = LogUnavailable("cut")
    await following.write(save("two", 2), save("three", 3))
    await following.current()
    await opened(following, 4)
    assert following.held.texts == THREE
    assert following.notes.states[-1] == "current"


async def test_what_could_not_be_acknowledged_is_not_applied_again(following):
    acknowledging = following.feed.done
    failures = [LogUnavailable("cut")]

    async def done_but_once(entries, report):
        if failures:
            raise failures.pop()
        await acknowledging(entries, report)

    following.feed.done = done_but_once
    following.trace.clear()
    await following.write(save("two", 2))
    await opened(following, 3)
    await following.write(save("three", 3))
    await until(lambda: following.feed.acknowledged)
    assert [done for done in following.trace if done[0] == "folded"] == [
        ("folded", [3]),
        ("folded", [4]),
    ]


async def test_a_bug_in_a_report_is_told_and_lived_with(following):
    bugs = [ZeroDivisionError()]
    following.follower.report = lambda: (_ for _ in ()).throw(bugs.pop()) if bugs else b"fine"
    await following.write(save("two", 2))
    await until(lambda: following.notes.crashes)
    await opened(following, 3)
    await following.write(save("three", 3))
    await until(lambda: following.feed.reports == [b"fine"])
    assert following.held.texts == THREE
    assert len(following.notes.crashes) == 1


async def test_a_bug_in_a_heartbeat_is_told_and_lived_with(following):
    following.beating = ZeroDivisionError()
    await until(lambda: len(following.notes.crashes) >= 2)
    following.beating = None
    await following.write(save("two", 2))
    await following.current()


@pytest.mark.parametrize("where", ["opening", "beating"])
async def test_a_claim_that_was_lost_ends_it(following, where):
    setattr(following.feed if where == "opening" else following, where, ClaimLost("another"))
    following.feed.failing = LogUnavailable("cut")
    await following.write(save("two", 2))
    assert isinstance(await following.ended(), ClaimLost)
    assert not following.feed.is_open


async def test_it_comes_back_ever_more_slowly_but_never_too_slowly(rig):
    tried: list[tuple[float, float]] = []

    def jitter(least, most):
        tried.append((least, most))
        return 0.0

    rig.follower.jitter = jitter
    rig.log.trouble = LogUnavailable("down")
    rig.start()
    await until(lambda: len(tried) >= 30)
    assert tried[:4] == [(0.001, 0.002), (0.002, 0.004), (0.002, 0.004), (0.002, 0.004)]
    assert set(tried[2:]) == {(0.002, 0.004)}
    rig.log.trouble = None
    await rig.opened_with("one")
    await until(lambda: rig.feed.is_open)
    del tried[:]
    rig.feed.failing = LogUnavailable("cut")
    await rig.write(save("two", 2))
    await until(lambda: tried)
    assert tried[0] == (0.001, 0.002), "what went well begins the count anew"


async def test_the_same_trouble_is_told_once_and_again_when_it_comes_back(following):
    tried: list[float] = []

    def jitter(least, most):
        tried.append(most)
        return 0.0

    following.follower.jitter = jitter
    for times in (1, 2):
        tried.clear()
        following.log.trouble = LogUnavailable("down")
        await until(lambda: len(tried) >= 5)
        assert [str(error) for error in following.notes.lost_for] == ["down"] * times
        following.log.trouble = None
        await following.more_beats()


# --- out of reach ---------------------------------------------------------------------------------


async def test_a_log_out_of_reach_makes_it_stale_after_a_while_and_it_serves_on(following):
    following.log.trouble = LogUnavailable("down")
    await until(lambda: following.notes.lost_for)
    following.now += 5.0
    assert following.follower.stale_seconds() is None
    assert following.follower.state == "current"
    following.now += 1.0
    await following.state("stale")
    assert following.follower.stale_seconds() == 6.0
    assert following.held.texts == ONE
    following.log.trouble = None
    await following.write(save("two", 2))
    await following.current()
    assert following.follower.stale_seconds() is None
    assert (
        following.notes.states[-2:] == ["stale", "current"]
        or following.notes.states[-1] == "current"
    )


async def test_a_kept_state_may_be_old_until_what_the_log_holds_was_read(rig):
    await rig.opened_with("one")
    rig.follower.resume(rig.scribe.chain(), silent=60.0)
    await rig.write(save("two", 2))
    rig.log.may_read.clear()
    rig.start()
    await rig.state("catching_up")
    rig.now += 1
    assert (rig.follower.stale_seconds(), rig.follower.outdated_seconds()) == (None, 61.0)
    rig.log.may_read.set()
    await rig.current()
    assert rig.follower.outdated_seconds() is None


async def test_what_is_not_read_as_far_as_the_log_was_seen_to_go_may_be_old(following):
    following.log.trouble = LogUnavailable("down")
    await until(lambda: following.notes.lost_for)
    following.now += 4.0
    await following.write(save("two", 2))
    following.log.may_read.clear()
    following.log.trouble = None
    await until(lambda: following.follower.head_position == 3)
    following.now += 1.0
    assert following.follower.outdated_seconds() is None
    following.now += 1.0
    assert (following.follower.stale_seconds(), following.follower.outdated_seconds()) == (
        None,
        6.0,
    )
    following.log.may_read.set()
    await following.current()
    assert following.follower.outdated_seconds() is None


async def test_a_follower_that_keeps_up_holds_nothing_old_however_much_comes(following):
    for version in range(2, 30):
        await following.write(save("two", version))
        following.now += 1.0
        await following.more_looks(1)
        assert following.follower.outdated_seconds() is None


async def test_a_log_that_was_never_reached_is_not_stale(rig):
    rig.log.trouble = LogUnavailable("down")
    rig.start()
    await until(lambda: rig.notes.lost_for)
    rig.now += 100
    assert rig.follower.stale_seconds() is None
    assert rig.follower.state == "starting"


# --- another log ----------------------------------------------------------------------------------


DIVERGED = {
    "forked": (LogForked, lambda rig: rig.replace_log(other_log("ONE").entries)),
    "forked and longer": (
        LogForked,
        lambda rig: rig.replace_log(other_log("ONE", "TWO", "THREE").entries),
    ),
    "shorter": (LogShorter, lambda rig: rig.replace_log(rig.scribe.entries[:1])),
    "missing": (LogMissing, lambda rig: rig.replace_log([])),
    "stray": (
        StrayId,
        lambda rig: rig.replace_log([*rig.scribe.entries, Entry(1_700_000_000_000, b"", "", 0)]),
    ),
}


@pytest.mark.parametrize("how", DIVERGED)
async def test_a_log_that_is_another_one_is_noticed_and_what_is_in_force_stays(following, how):
    kind, happen = DIVERGED[how]
    happen(following)
    await following.state("diverged")
    assert isinstance(following.notes.lost_for[-1], kind)
    await following.more_beats(3)
    assert (following.held.texts, following.follower.position) == (ONE, 2)
    assert following.follower.head_position < 10**11
    assert following.notes.states == ["catching_up", "current", "diverged"]


async def test_what_is_held_may_be_old_once_the_log_is_another_one(following):
    following.replace_log([])
    await following.state("diverged")
    following.now += 5.0
    assert following.follower.outdated_seconds() is None
    following.now += 1.0
    await following.more_beats()
    assert (following.follower.stale_seconds(), following.follower.outdated_seconds()) == (
        None,
        6.0,
    )
    following.replace_log(following.scribe.entries)
    await following.current()
    assert following.follower.outdated_seconds() is None


@pytest.mark.parametrize("how", DIVERGED)
async def test_a_log_that_was_healed_is_followed_on_without_a_rebuild(following, how):
    DIVERGED[how][1](following)
    await following.state("diverged")
    following.now += 59.0
    following.replace_log(following.scribe.entries)
    await following.write(save("two", 2))
    await following.current()
    assert following.held.texts == TWO
    assert [done for done in following.trace if done[0] == "folded"] == [
        ("folded", [1, 2]),
        ("folded", [3]),
    ]


@pytest.mark.parametrize("how", ["forked", "forked and longer", "shorter"])
async def test_another_log_is_believed_after_a_patience(following, how):
    rebuilt = []
    following.follower.rebuilt = lambda: rebuilt.append(following.follower.position)
    DIVERGED[how][1](following)
    wanted = {"forked": {"system": "ONE"}, "forked and longer": {"system": "THREE"}, "shorter": {}}[
        how
    ]
    await following.state("diverged")
    following.now += 59.9
    await following.more_beats(3)
    assert following.held.texts == ONE
    assert rebuilt == []
    following.now += 0.2
    await following.current(len(following.log.entries))
    assert following.held.texts == wanted
    assert rebuilt == [0], "told once, and before anything of the other log is applied"
    await following.log.put(_next(following.log.entries, "NEXT"))
    await until(lambda: following.held.texts == {"system": "NEXT"})


def _next(entries, template):
    head = Chain().head._replace(position=len(entries), digest=digest(entries[-1].event))
    return Scribe(head=head).saved(template, 9)


@pytest.mark.parametrize("how", ["missing", "stray"])
async def test_a_log_that_is_gone_or_has_a_stray_entry_is_never_believed(following, how):
    DIVERGED[how][1](following)
    await following.state("diverged")
    following.now += 10_000
    await following.more_beats(5)
    assert (following.follower.state, following.follower.position) == ("diverged", 2)


@pytest.mark.parametrize(
    "entries",
    [
        [Entry(1, b"{", "x", 0), Entry(2, b"{", "x", 0)],
        [other_log("ONE").entries[0]._replace(position=7)],
        [Entry(2, b"{", "x", 0)],
    ],
    ids=["poison", "a later position", "a gap"],
)
async def test_what_does_not_begin_as_a_log_should_is_never_believed(following, entries):
    following.replace_log(entries)
    await following.state("diverged")
    following.now += 10_000
    await following.more_beats(5)
    assert (following.follower.state, following.follower.position) == ("diverged", 2)


async def test_an_unsigned_log_is_never_believed_in_the_place_of_a_signed_one():
    rig = Rig(keys=KEYS)
    await rig.opened_with("one")
    rig.start()
    await rig.current()
    rig.replace_log(other_log("ONE", "TWO").entries)
    await rig.state("diverged")
    rig.now += 10_000
    await rig.more_beats(5)
    assert (rig.held.texts, rig.follower.state) == (ONE, "diverged")
    rig.replace_log(other_log("SIGNED", keys=KEYS).entries)
    await rig.current(2)
    assert rig.held.texts == {"system": "SIGNED"}
    await rig.stop()


async def test_without_an_end_to_its_patience_it_never_believes_another_log():
    rig = Rig(pace=replace(QUICK, rebuild_after=None))
    await rig.opened_with("one")
    rig.start()
    await rig.current()
    rig.replace_log(other_log("ONE").entries)
    await rig.state("diverged")
    rig.now += 10**9
    await rig.more_beats(5)
    assert rig.held.texts == ONE
    await rig.stop()


async def test_patience_begins_anew_with_each_divergence(following):
    following.replace_log(other_log("ONE").entries)
    await following.state("diverged")
    following.now += 50
    following.replace_log(following.scribe.entries)
    await following.current()
    following.replace_log(other_log("ONE").entries)
    await following.state("diverged")
    following.now += 50
    await following.more_beats(3)
    assert following.held.texts == ONE


async def test_the_old_state_is_in_force_until_the_rebuilt_one_is_whole(following):
    following.log.page = 2
    following.replace_log(other_log("ONE", "TWO", "THREE").entries)
    await following.state("diverged")
    following.now += 61
    await following.current(4)
    assert [done for done in following.trace if done[0] == "folded"][-2:] == [
        ("folded", [1, 2]), ("folded", [3, 4]),
    ]  # fmt: skip
    assert following.held.in_force[-2:] == [ONE, ONE]
    assert following.held.texts == {"system": "THREE"}


async def test_a_rebuild_that_meets_trouble_goes_on_where_it_was_and_the_old_state_stays(following):
    following.log.page = 1
    entries = other_log("ONE", "TWO", "THREE").entries
    following.replace_log([*entries[:2], *entries[3:]])
    await following.state("diverged")
    following.now += 61
    await until(lambda: following.follower.position == 2 and len(following.notes.lost_for) > 1)
    await following.more_beats(3)
    assert following.held.texts == ONE
    assert following.follower.state == "diverged"
    following.replace_log(entries)
    await following.current(4)
    assert following.held.texts == {"system": "THREE"}


async def test_an_entry_behind_another_event_means_that_the_log_was_forked_and_is_no_poison(
    following,
):
    """The heartbeat has not looked yet: the entry is not rejected, but the log is doubted."""
    other = other_log("ONE", "TWO")
    following.log.entries[:] = other.entries[:2]
    await following.log.put(other.entries[2])
    await following.state("diverged")
    assert not following.applied.rejected
    assert (following.held.texts, following.follower.position) == (ONE, 2)


async def _damaged_head(following):
    """It has passed over an entry whose bytes are not those of its hash; the entry as it was written."""
    whole = following.scribe.saved("two", 2)
    await following.log.put(whole._replace(event=whole.event.replace(b"two", b"tw0")))
    await following.current(3)
    assert [each.reason for each in following.applied.rejected] == [Reason.WRONG_HASH]
    assert following.held.texts == ONE
    await following.more_beats(2)
    assert following.notes.lost_for == []
    return whole


async def test_what_was_damaged_and_put_right_is_read_again_at_once(following):
    whole = await _damaged_head(following)
    following.log.entries[2] = whole
    await until(lambda: following.held.texts == TWO)
    await following.current(3)
    assert [type(error) for error in following.notes.lost_for] == [LogMended]
    assert following.follower.applied.chain.head.digest == whole.hash
    assert not following.applied.rejected


async def test_an_event_behind_what_was_put_right_is_no_poison(following):
    """It was appended before the heartbeat could see that anything was put right."""
    following.log.entries[2:] = [await _damaged_head(following)]
    await following.write(save("three", 3))
    await until(lambda: following.held.texts == THREE)
    assert not following.applied.rejected


async def test_it_reports_on_while_it_is_diverged(following):
    following.replace_log([])
    await following.state("diverged")
    await following.more_beats(3)


async def test_a_bug_in_a_heartbeat_is_lived_with_while_it_is_diverged_too(following):
    following.replace_log([])
    await following.state("diverged")
    following.beating = ZeroDivisionError()
    await until(lambda: len(following.notes.crashes) >= 2)
    following.beating = LogUnavailable("down")
    await following.more_beats()
    following.beating = None
    following.replace_log(following.scribe.entries)
    await following.current()


async def test_a_claim_that_was_lost_while_it_is_diverged_ends_it(following):
    following.replace_log([])
    await following.state("diverged")
    following.beating = ClaimLost("another")
    assert isinstance(await following.ended(), ClaimLost)


async def test_a_log_out_of_reach_stays_diverged_if_it_was(following):
    following.replace_log([])
    await following.state("diverged")
    following.log.trouble = LogUnavailable("down")
    following.now += 100
    await until(lambda: isinstance(following.notes.lost_for[-1], LogUnavailable))
    assert following.follower.state == "diverged"


async def test_a_log_with_a_hole_is_diverged_and_does_not_waver(following):
    lost = following.scribe.saved("two", 2)
    await following.log.put(following.scribe.saved("three", 3))
    await following.state("diverged")
    await following.more_beats(3)
    assert following.notes.states == ["catching_up", "current", "diverged"]
    following.log.entries.insert(2, lost)
    await following.current()
    assert following.held.texts == THREE


async def test_a_log_that_diverges_before_anything_was_read_of_it_is_diverged(rig):
    rig.replace_log([Entry(1_700_000_000_000, b"", "", 0)])
    rig.start()
    await rig.state("diverged")


def test_the_pace_of_a_replica_is_as_the_design_says():
    """Noticed within two seconds: at the heartbeat, or at the one after it."""
    pace = Pace()
    assert (pace.beat, pace.stale_after) == (1.0, 5.0)
    assert pace.backoff_most <= 1.0


async def test_nothing_is_shown_before_the_first_heartbeat_and_everything_after(rig):
    """Whoever waits for all members must know of this one before it answers anybody."""
    shown = []

    async def beat() -> None:
        shown.append((rig.follower.state, rig.follower.serving))

    rig.follower.beat = beat
    await rig.opened_with("one")
    rig.start()
    await until(lambda: rig.follower.serving)
    assert shown == [("current", False)]


async def test_a_kept_state_is_shown_while_the_log_is_out_of_reach(rig):
    await rig.opened_with("one")
    rig.follower.resume(rig.scribe.chain(), silent=60.0)
    assert (rig.follower.state, rig.follower.serving) == ("stale", True)
