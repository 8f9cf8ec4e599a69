"""A start takes the shortest way that is safe."""

import pytest

from events.memory import MemoryFeed, MemoryLog
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
from tests.scribe import Scribe


class OneSnapshot(Shelf):
    """A shelf with one thing on it, or none."""

    def __init__(self, packed=None):
        self.packed = packed

    async def find(self, _projection):
        return self.packed


@pytest.fixture
def scribe():
    made = Scribe()
    made.opened()
    made.saved("one", 1)
    made.saved("two", 2)
    made.saved("other", 1, "other")
    return made


@pytest.fixture
async def begin(tmp_path):
    """Makes a start over a log, with its snapshot on the shelf."""
    marks = Marks(tmp_path / "chat-1.loading")
    marks.open()

    def make(scribe, snapshot=True):
        state = dump_live(history_of(History(), scribe.outcomes()))
        packed = pack(Snapshot(scribe.chain(), state, "live"), KeyRing()) if snapshot else None
        held = Held(Live(), Live(), tried_out)
        loading = Loading(held, marks, Quarantine())
        log = MemoryLog(entries=scribe.entries)
        applied = Applied(loading, KeyRing(), judge=loading.judge)
        follower = Follower(log, MemoryFeed(log, 1.0), applied, Notes())
        tail_file = TailFile(None, Tail())
        last_good = LastGood(tmp_path / "chat-1.last-good", KeyRing(), ("*",), loading)
        return Start(held, follower, last_good, OneSnapshot(packed), loading, tail_file)

    yield make
    marks.close()


def texts(start):
    return {name: live.template.text for name, live in start.held.state.prompts.items()}


async def test_a_snapshot_is_as_good_as_the_whole_log(begin, scribe):
    start = begin(scribe)
    await start.go_on()
    assert (texts(start), start.follower.position) == ({"system": "two", "other": "other"}, 4)


async def test_what_a_snapshot_points_to_is_marked_one_by_one_while_it_is_loaded(
    begin, scribe, monkeypatch
):
    marked = []
    write = Marks.write

    def writes(self, *mark):
        marked.append(mark)
        write(self, *mark)

    monkeypatch.setattr(Marks, "write", writes)
    await begin(scribe).go_on()
    assert {(first, last) for first, last, *_ in marked} == {(3, 3), (4, 4)}
    assert {prompt for _, _, _, prompt, _ in marked} == {"", "system", "other"}


@pytest.mark.parametrize("known", ["by its position", "by its content"])
async def test_a_snapshot_that_points_into_quarantine_is_passed_over_for_the_log(
    begin, scribe, known, monkeypatch
):
    tried: list[str] = []
    compile_one = live_module._compiled

    def compiled(recorded, event):
        tried.append(event.template)
        return compile_one(recorded, event)

    monkeypatch.setattr(live_module, "_compiled", compiled)
    start = begin(scribe)
    bad = scribe.entries[2]
    content = start.loading.mark_of(scribe.outcomes()[2]).content
    by_position = Quarantined(3, bad.hash, "system", "", "why")
    by_content = Quarantined(99, "", "system", content, "why")
    start.loading.quarantine.add(by_position if known == "by its position" else by_content)
    await start.go_on()
    assert start.follower.position == 0
    await start.follower.catch_up()
    assert texts(start) == {"system": "one", "other": "other"}
    assert [each.position for each in start.follower.applied.rejected] == [3]
    assert "two" not in tried


async def test_a_version_that_breaks_the_loader_is_no_reason_not_to_start(
    begin, scribe, monkeypatch
):
    compile_one = live_module._compiled

    def compiled(recorded, event):
        if event.template == "two":
            raise ZeroDivisionError
        return compile_one(recorded, event)

    monkeypatch.setattr(live_module, "_compiled", compiled)
    start = begin(scribe)
    await start.go_on()
    await start.follower.catch_up()
    assert texts(start) == {"system": "one", "other": "other"}


async def test_a_last_good_state_that_was_served_in_part_is_made_whole_from_the_log(begin, scribe):
    start = begin(scribe, snapshot=False)
    await start.follower.catch_up()
    await start.last_good.keep(start.follower.applied.chain, start.held.state)

    start = begin(scribe)
    start.loading.quarantine.add(Quarantined(3, scribe.entries[2].hash, "system", "", "why"))
    await start.serve_last_good()
    assert (texts(start), start.follower.state) == ({"other": "other"}, "stale")
    assert [each.position for each in start.follower.applied.rejected] == [3]
    await start.go_on()
    assert texts(start) == {"other": "other"}, "in force until the other is whole"
    assert not start.follower.applied.settled
    await start.follower.catch_up()
    assert texts(start) == {"system": "one", "other": "other"}
    assert [each.position for each in start.follower.applied.rejected] == [3]


async def test_what_was_rejected_before_the_kept_state_is_reported_all_the_same(begin, scribe):
    start = begin(scribe)
    start.loading.quarantine.add(Quarantined(2, scribe.entries[1].hash, "system", "", "why"))
    start.loading.quarantine.add(Quarantined(9, "later", "system", "", "why"))
    await start.go_on()
    assert texts(start) == {"system": "two", "other": "other"}
    assert [each.position for each in start.follower.applied.rejected] == [2]
