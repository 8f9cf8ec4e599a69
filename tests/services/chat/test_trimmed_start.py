"""A start, or a return, to a log whose beginning is gone: a snapshot stands for it, or what is kept."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from events.chain import Chain, head_of
from events.errors import LogForked, LogUnavailable, TrimmedPast
from events.memory import MemoryFeed, MemoryLog
from events.model import LogTrimmed
from events.signing import KeyRing
from events.streams.shelf import Shelf
from projections import live as live_module
from projections.applying import Applied
from projections.follower import Follower
from projections.held import Held
from projections.history import History
from projections.history import fold as history_of
from projections.live import Live
from projections.snapshot import Snapshot, dump_live, pack
from projections.tail import Tail
from services.chat.last_good import LastGood
from services.chat.loading import Loading, tried_out
from services.chat.marks import Marks
from services.chat.quarantine import Quarantine, Quarantined
from services.chat.start import Start
from services.chat.tail_file import TailFile
from tests.projections.rig import Notes
from tests.scribe import Scribe, outcomes

THROUGH = 3
ALL = {"system": "three", "other": "other"}


class Link:
    closed = 0

    async def close(self):
        self.closed += 1


class OneSnapshot(Shelf):
    """A shelf with one thing on it, or none; or out of reach."""

    def __init__(self, packed=None):
        self.packed, self.error = packed, None
        self.link: Any = Link()

    async def find(self, _projection):
        if self.error:
            raise self.error
        return self.packed


@pytest.fixture
def scribe():
    """Two prompts; the log says that it was trimmed through the third event, and was."""
    made = Scribe()
    made.opened()
    made.saved("other", 1, "other")
    made.saved("one", 1)
    made.saved("two", 2)
    made.write(LogTrimmed(through=THROUGH, hash=made.entries[THROUGH - 1].hash))
    made.saved("three", 3)
    return made


def snapshot_of(entries, through=THROUGH, lines=True, log_id=None):
    """A snapshot of what is live, as an admin keeps it that has applied ``entries``."""
    chain = Scribe(entries=list(entries)).chain()
    trimmed = {entry.position: entry for entry in entries if entry.position <= through and lines}
    state = dump_live(history_of(History(), outcomes(list(entries))), trimmed)
    if log_id:
        chain = chain._replace(log_id=log_id)
    return pack(Snapshot(chain, state, "live"), KeyRing())


@pytest.fixture
async def begin(tmp_path, scribe):
    """Makes a start over what the server has of the log."""
    marks = Marks(tmp_path / "chat-1.loading")
    marks.open()

    def make(packed=None, through=THROUGH, entries=None):
        held = Held(Live(), Live(), tried_out)
        loading = Loading(held, marks, Quarantine())
        there = [entry for entry in entries or scribe.entries if entry.position > through]
        log = MemoryLog(entries=there)
        applied = Applied(loading, KeyRing(), judge=loading.judge)
        follower = Follower(log, MemoryFeed(log, 1.0), applied, Notes())
        last_good = LastGood(tmp_path / "chat-1.last-good", KeyRing(), ("*",), loading)
        tail_file = TailFile(None, Tail())
        start = Start(held, follower, last_good, OneSnapshot(packed), loading, tail_file)
        follower.skip = start.skip
        return start

    yield make
    marks.close()


async def kept(begin, scribe, count):
    """An earlier run has kept its state on disk, through the event ``count``."""
    earlier = begin(through=0, entries=scribe.entries[:count])
    await earlier.follower.catch_up()
    assert await earlier.last_good.keep(earlier.follower.applied.chain, earlier.held.state)


def texts(start):
    return {name: live.template.text for name, live in start.held.state.prompts.items()}


async def goes_on(start):
    await start.go_on()
    await start.follower.catch_up()
    return texts(start)


# --- a start --------------------------------------------------------------------------------------


async def test_what_is_live_and_gone_from_the_server_is_in_the_snapshot_itself(begin, scribe):
    start = begin(snapshot_of(scribe.entries[:5]))
    await start.go_on()
    assert (texts(start), start.follower.position) == ({"system": "two", "other": "other"}, 5)
    await start.follower.catch_up()
    assert texts(start) == ALL
    assert start.follower.applied.chain.trimmed.position == THROUGH
    assert start.held.state.prompts["other"].revision == 2


async def test_a_snapshot_that_points_to_what_is_gone_is_of_no_use(begin, scribe):
    start = begin(snapshot_of(scribe.entries[:5], lines=False))
    await start.go_on()
    assert start.follower.position == 0
    with pytest.raises(TrimmedPast):
        await start.follower.catch_up()


async def test_a_line_that_is_not_what_it_says_is_of_no_use(begin, scribe):
    """The hash beside it is what was live; whoever can only write to Redis could forge the line."""
    other = Scribe()
    other.opened()
    evil = other.saved("EVIL", 1, "other")
    state = dump_live(history_of(History(), scribe.outcomes()), {2: evil})
    packed = pack(Snapshot(scribe.chain(), state, "live"), KeyRing())
    with capture_logs() as told, pytest.raises(TrimmedPast):
        await goes_on(start := begin(packed))
    assert texts(start) == {}
    assert told == []  # nothing is broken: it is a shortcut that leads nowhere


@pytest.mark.parametrize("line", ["", "{", 7, None])
async def test_a_line_that_is_none_is_of_no_use(begin, scribe, line):
    state = dump_live(history_of(History(), scribe.outcomes()))
    state["other"] = [*state["other"], line]
    packed = pack(Snapshot(scribe.chain(), state, "live"), KeyRing())
    with pytest.raises(TrimmedPast):
        await goes_on(begin(packed))


async def test_who_was_away_while_it_was_trimmed_goes_on_from_the_snapshot(begin, scribe):
    await kept(begin, scribe, 2)
    start = begin(snapshot_of(scribe.entries))
    await start.go_on()
    assert (texts(start), start.follower.position) == (ALL, 6)
    assert start.follower.state == "starting", "nothing old was served meanwhile"


async def test_what_is_kept_is_served_until_there_is_a_snapshot(begin, scribe):
    await kept(begin, scribe, 2)
    start = begin()
    await start.go_on()
    assert (texts(start), start.follower.state) == ({"other": "other"}, "stale")
    with pytest.raises(TrimmedPast):
        await start.follower.catch_up()
    start.shelf.packed = snapshot_of(scribe.entries)
    await start.follower.catch_up()
    assert (texts(start), start.follower.state) == (ALL, "current")


async def test_of_another_log_than_what_is_kept_no_snapshot_is_taken(begin, scribe):
    """The server may hold somebody else's log by mistake: what was served is served on."""
    await kept(begin, scribe, 2)
    start = begin(snapshot_of(scribe.entries, log_id="log-2"))
    with pytest.raises(TrimmedPast):
        await goes_on(start)
    assert (texts(start), start.follower.position) == ({"other": "other"}, 2)
    assert await start.skip(True), "unless nobody has patience any more"
    assert (texts(start), start.follower.applied.chain.log_id) == (ALL, "log-2")


async def test_what_is_kept_and_in_the_log_is_gone_on_from_where_no_snapshot_is(begin, scribe):
    """Snapshots are lost with everything else when a server is, and made anew only later."""
    await kept(begin, scribe, 5)
    start = begin()
    assert await goes_on(start) == ALL
    assert start.follower.applied.chain == scribe.chain()
    assert start.follower.state == "current"


async def test_what_is_kept_and_speaks_against_the_log_is_served_whatever_snapshot_there_is(
    begin, scribe
):
    """It may be the last copy of what the log has lost: the follower finds out."""
    await kept(begin, scribe, 6)
    other = Scribe(entries=scribe.entries[:5], head=head_of(scribe.entries[4]))
    other.saved("THREE", 3)
    start = begin(snapshot_of(other.entries), entries=other.entries)
    await start.go_on()
    assert (texts(start), start.follower.state) == (ALL, "stale")
    with pytest.raises(LogForked):
        await start.follower.catch_up()


async def test_a_snapshot_that_is_further_on_goes_before_what_is_kept(begin, scribe):
    await kept(begin, scribe, 4)
    start = begin(snapshot_of(scribe.entries))
    await start.go_on()
    assert start.follower.position == 6


@pytest.mark.parametrize("count", [2, 3])
async def test_what_is_kept_and_not_in_the_log_is_not_gone_on_from(begin, scribe, count):
    await kept(begin, scribe, count)
    start = begin()
    start.follower.resume(Chain())
    assert not await start.skip(False)
    assert (texts(start), start.follower.position) == ({}, 0)


async def test_what_is_kept_takes_nobody_back(begin, scribe):
    await kept(begin, scribe, 4)
    start = begin()
    start.follower.resume(scribe.chain())
    assert not await start.skip(False)
    assert start.follower.position == 6


async def test_the_connection_that_a_snapshot_comes_over_is_not_kept(begin, scribe):
    start = begin(snapshot_of(scribe.entries))
    await start.skip(False)
    assert start.shelf.link.closed == 1
    start.shelf.error = LogUnavailable("down")
    assert not await start.skip(False)
    assert start.shelf.link.closed == 2


async def test_a_snapshot_that_was_trimmed_past_meanwhile_is_not_taken(begin, scribe):
    """It was read, and then the log has lost the event that it stands for."""
    start = begin(snapshot_of(scribe.entries[:4]), through=4)
    with pytest.raises(TrimmedPast):
        await goes_on(start)
    assert start.follower.position == 0


# --- quarantine -----------------------------------------------------------------------------------


def quarantined(start, scribe, position):
    entry = scribe.entries[position - 1]
    prompt = scribe.outcomes()[position - 1].event.prompt
    start.loading.quarantine.add(Quarantined(position, entry.hash, prompt, "", "why"))


async def test_at_a_start_a_snapshot_that_points_into_quarantine_is_passed_over_for_the_log(
    begin, scribe
):
    """As long as the log reaches back to the version before."""
    start = begin(snapshot_of(scribe.entries), through=0)
    quarantined(start, scribe, 6)
    assert await goes_on(start) == {"system": "two", "other": "other"}


async def test_where_the_log_does_not_reach_back_the_prompt_is_left_out_and_told(begin, scribe):
    start = begin(snapshot_of(scribe.entries))
    quarantined(start, scribe, 6)
    with capture_logs() as told:
        assert await goes_on(start) == {"other": "other"}
    (line,) = [line for line in told if line["event"] == "prompt_not_loaded"]
    assert (line["prompt"], line["log_level"]) == ("system", "error")
    assert [each.position for each in start.follower.applied.rejected] == [6]


async def test_one_that_is_gone_from_the_server_may_be_in_quarantine_too(begin, scribe):
    start = begin(snapshot_of(scribe.entries))
    quarantined(start, scribe, 2)
    assert await goes_on(start) == {"system": "three"}


async def test_what_is_in_force_stays_so_where_the_snapshot_s_is_in_quarantine(begin, scribe):
    """The last good version is served on, whatever is skipped."""
    start = begin(snapshot_of(scribe.entries), through=0, entries=scribe.entries[:3])
    await start.follower.catch_up()
    assert texts(start) == {"system": "one", "other": "other"}
    quarantined(start, scribe, 6)
    start.follower.log.entries[:] = scribe.entries[THROUGH + 1 :]
    await start.follower.catch_up()
    assert texts(start) == {"system": "one", "other": "other"}
    assert start.follower.position == 6
    assert [each.position for each in start.follower.applied.rejected] == [6]


async def test_what_was_in_force_of_another_log_does_not_stay(begin, scribe):
    start = begin(
        snapshot_of(scribe.entries, log_id="log-2"), through=0, entries=scribe.entries[:3]
    )
    await start.follower.catch_up()
    quarantined(start, scribe, 6)
    start.follower.log.entries[:] = scribe.entries[THROUGH + 1 :]
    assert await start.skip(True)
    assert texts(start) == {"other": "other"}


async def test_what_breaks_the_loader_is_tried_once_and_then_left_out(begin, scribe, monkeypatch):
    compile_one = live_module._compiled

    def compiled(recorded, event):
        if event.template == "three":
            raise ZeroDivisionError
        return compile_one(recorded, event)

    monkeypatch.setattr(live_module, "_compiled", compiled)
    start = begin(snapshot_of(scribe.entries))
    for _ in range(2):
        try:
            await goes_on(start)
        except TrimmedPast:
            continue
    assert texts(start) == {"other": "other"}
    assert start.follower.position == 6


async def test_a_last_good_state_that_was_served_in_part_goes_on_from_the_snapshot(begin, scribe):
    """Only the log knew what came before the version that was left out, and it does so no more."""
    await kept(begin, scribe, 4)
    start = begin(snapshot_of(scribe.entries))
    quarantined(start, scribe, 4)
    await start.serve_last_good()
    assert (texts(start), start.partial) == ({"other": "other"}, True)
    assert await goes_on(start) == ALL
    assert start.follower.applied.settled
