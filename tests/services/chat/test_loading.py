"""What breaks the loader goes into quarantine: it costs itself, once, and nothing else."""

import contextlib
import os
import time

import pytest

from events import chain as chain_module
from events.chain import Reason, Recorded, Rejected
from events.errors import LogGap
from events.model import LogTrimmed
from events.signing import KeyRing
from projections import live as live_module
from projections.applying import Applied
from projections.held import Held
from projections.live import Live
from services.chat import kept_file
from services.chat import loading as loading_module
from services.chat.loading import Loading, tried_out
from services.chat.marks import Marks
from services.chat.quarantine import KEPT, Quarantine, Quarantined, TriedBefore
from services.chat.watchdog import Watchdog
from tests.scribe import Scribe

DEADLY = "You are deadly."


class Death(BaseException):
    """Nothing catches it: as near to the end of a process as a test can stand."""


class Starts:
    """The starts of one replica: what it loads with, over one directory."""

    def __init__(self, directory, keys=None):
        self.directory, self.keys = directory, keys or KeyRing()
        self.marks = Marks(None)
        self.shown = []

    def start(self) -> Applied:
        """A new process; the one before has gone, without a word."""
        self.lose()
        held = Held(Live(), Live(), tried_out)
        self.marks = Marks(self.directory / "chat-1.loading")
        path = self.directory / "chat-1.quarantine"
        quarantine = Quarantine(path, self.keys, self.shown.append)
        self.loading = Loading(held, self.marks, quarantine, Watchdog(0.2))
        self.loading.open()
        return Applied(self.loading, self.keys, judge=self.loading.judge)

    def lose(self):
        """What the kernel does for a process that has ended: its lock goes, its mark stays."""
        if self.marks._memory is not None:
            self.marks._memory.close()
            self.marks._memory = None
            os.close(self.marks._file)

    def texts(self):
        prompts = self.loading.held.state.prompts
        return {name: prompt.template.text for name, prompt in prompts.items()}


@pytest.fixture
def starts(tmp_path):
    made = Starts(tmp_path)
    yield made
    made.lose()


@pytest.fixture
def deadly(monkeypatch):
    """Make a template break the loader in a way of the test's choice."""
    compile_one = live_module._compiled

    def breaks(how, text=DEADLY):
        def compiled(recorded, event):
            if event.template == text:
                how()
            return compile_one(recorded, event)

        monkeypatch.setattr(live_module, "_compiled", compiled)

    return breaks


def die():
    raise Death


def crash():
    raise ZeroDivisionError("a bug")


def tried_and(breaks, tried):
    """Write down each time that it is tried."""

    def how():
        tried.append(1)
        breaks()

    return how


def hang():
    end = time.monotonic() + 20
    while time.monotonic() < end:
        pass


def log(*templates):
    scribe = Scribe()
    scribe.opened()
    for number, template in enumerate(templates, 1):
        scribe.saved(template, number)
    return scribe


def load(applied, entries):
    return applied.take(applied.read(entries))


def rejected(applied):
    return [(each.position, each.reason, each.prompt) for each in applied.rejected]


# --- caught in the act ----------------------------------------------------------------------------


@pytest.mark.parametrize("together", [True, False])
def test_an_event_that_raises_is_rejected_and_never_tried_again(starts, deadly, together):
    scribe = log("one", DEADLY)
    tried: list[int] = []
    deadly(tried_and(crash, tried))
    applied = starts.start()
    for batch in [scribe.entries] if together else [[e] for e in scribe.entries]:
        load(applied, batch)
    assert starts.texts() == {"system": "one"}
    assert rejected(applied) == [(3, Reason.CRASHED, "system")]
    assert "ZeroDivisionError" in applied.rejected[0].detail
    assert starts.shown[-1] == 1

    tried.clear()
    scribe.saved("three", 3)
    scribe.restored(2, saved_at=3, template=DEADLY)  # the same content, as another event
    load(applied, scribe.entries[3:])
    assert starts.texts() == {"system": "three"}
    assert rejected(applied)[-1] == (5, Reason.CRASHED, "system")
    assert "loader at position 3: ZeroDivisionError" in applied.rejected[-1].detail
    assert tried == []


async def test_what_is_in_quarantine_is_not_tried_after_a_restart(starts, deadly):
    scribe = log("one", DEADLY)
    tried: list[int] = []
    deadly(tried_and(crash, tried))
    load(starts.start(), scribe.entries)
    await starts.loading.quarantine.keep(3)
    tried.clear()
    applied = starts.start()
    outcomes = load(applied, scribe.entries)
    assert isinstance(outcomes[2], Rejected)
    assert starts.texts() == {"system": "one"}
    assert applied.chain == scribe.chain(), "the chain goes on as everywhere else"
    assert rejected(applied) == [(3, Reason.CRASHED, "system")]
    assert "broke this replica's loader before" in applied.rejected[0].detail
    scribe.saved("three", 3)
    load(applied, scribe.entries[3:])
    assert starts.texts() == {"system": "three"}
    assert tried == []


def test_an_event_that_hangs_is_rejected_in_time(starts, deadly):
    deadly(hang)
    scribe = log("one", DEADLY, "three")
    applied = starts.start()
    give_back = starts.loading.watchdog.install()
    try:
        began = time.monotonic()
        for entry in scribe.entries:
            load(applied, [entry])
        assert time.monotonic() - began < 10
    finally:
        give_back()
    assert starts.texts() == {"system": "three"}
    assert rejected(applied) == [(3, Reason.CRASHED, "system")]
    assert "not loaded within" in applied.rejected[0].detail


def test_an_event_that_breaks_reading_is_rejected_too(starts, monkeypatch):
    read = chain_module.read

    def breaks(chain, entry, keys):
        if entry.position == 3:
            crash()
        return read(chain, entry, keys)

    monkeypatch.setattr(loading_module, "read", breaks)
    scribe = log("one", "two", "three")
    applied = starts.start()
    load(applied, scribe.entries)
    assert rejected(applied) == [(3, Reason.CRASHED, None)]
    assert (starts.texts(), applied.chain) == ({"system": "three"}, scribe.chain())


def test_what_the_log_says_of_itself_survives_an_event_that_is_passed_over(starts, monkeypatch):
    """Its id, that it is signed, and what was trimmed: who loses that takes another log for it."""
    scribe = Scribe(KeyRing({"k": b"key"}))
    starts.keys = scribe.keys
    scribe.opened()
    scribe.saved("one", 1)
    scribe.write(LogTrimmed(through=2, hash=scribe.entries[1].hash))
    scribe.saved(DEADLY, 2)
    applied = starts.start()
    load(applied, scribe.entries[:3])
    before = applied.chain
    assert (before.log_id, before.signed, before.trimmed.position) == ("log-1", True, 2)
    monkeypatch.setattr(loading_module, "read", raising(ZeroDivisionError("bug")))
    load(applied, scribe.entries[3:])
    assert [each.position for each in applied.rejected] == [4]
    assert applied.chain == before._replace(head=scribe.head)


def test_what_a_snapshot_points_to_and_cannot_be_loaded_is_kept_in_quarantine(starts, deadly):
    deadly(crash)
    starts.start()
    entry, recorded = log(DEADLY).entries[1], log(DEADLY).outcomes()[1]
    with pytest.raises(ZeroDivisionError):
        starts.loading.load(Live(), recorded)
    with pytest.raises(TriedBefore):
        starts.loading.load(Live(), recorded)
    with pytest.raises(TriedBefore):
        starts.loading.decode(entry, entry.hash)


@pytest.mark.parametrize("error", [ZeroDivisionError("bug"), MemoryError()], ids=repr)
def test_what_a_snapshot_points_to_and_cannot_be_read_is_kept_in_quarantine(
    starts, monkeypatch, error
):
    starts.start()
    entry = log("one").entries[1]
    with monkeypatch.context() as broken:
        broken.setattr(loading_module, "decode", raising(error))
        with pytest.raises(type(error)):
            starts.loading.decode(entry, entry.hash)
    if isinstance(error, MemoryError):  # it says nothing about the event
        assert starts.loading.decode(entry, entry.hash)
    else:
        with pytest.raises(TriedBefore):
            starts.loading.decode(entry, entry.hash)
    assert starts.loading.decode(entry, "0" * 64) is None


def test_a_gap_is_still_a_gap_and_is_nobody_s_fault(starts):
    scribe = log("one", "two")
    applied = starts.start()
    load(applied, scribe.entries[:1])
    with pytest.raises(LogGap):
        applied.read(scribe.entries[2:])
    assert not starts.loading.quarantine.events


def test_too_little_memory_says_nothing_about_an_event(starts, deadly):
    def no_memory():
        raise MemoryError

    deadly(no_memory)
    applied = starts.start()
    load(applied, log("one", DEADLY).entries)
    assert rejected(applied) == [(3, Reason.CRASHED, "system")]
    assert not starts.loading.quarantine.events


def test_what_cannot_be_rendered_is_never_swapped_in(starts, monkeypatch):
    monkeypatch.setattr(loading_module, "MAX_RENDERED_BYTES", 10)
    applied = starts.start()
    load(applied, log("one {{ x }}", "much longer {{ x }}").entries)
    assert starts.texts() == {"system": "one {{ x }}"}
    assert "bytes; at most 10" in applied.rejected[0].detail


def test_only_what_is_live_in_the_end_is_loaded(starts, deadly):
    deadly(crash)
    load(applied := starts.start(), log("one", DEADLY, "three").entries)
    assert starts.texts() == {"system": "three"}
    assert not applied.rejected


# --- a process that died --------------------------------------------------------------------------


def test_a_process_that_dies_twice_at_one_event_does_not_try_it_a_third_time(starts, deadly):
    deadly(die)
    scribe = log("one", DEADLY)
    scribe.saved("other", 1, "other")
    for start in (1, 2):
        applied = starts.start()
        assert not starts.loading.quarantine.events, start
        with pytest.raises(Death):
            load(applied, scribe.entries)
        keep_the_mark(starts, scribe, start)
    applied = starts.start()
    load(applied, scribe.entries)
    assert starts.texts() == {"system": "one", "other": "other"}
    assert rejected(applied) == [(3, Reason.CRASHED, "system")]
    assert "died of it, twice" in applied.rejected[0].detail

    scribe.restored(2, saved_at=3, template=DEADLY)
    scribe.saved("three", 3)
    for entry in scribe.entries[4:]:
        load(applied, [entry])
    assert rejected(applied)[-1][0] == 5, "by its content"
    assert starts.texts() == {"system": "three", "other": "other"}


def keep_the_mark(starts, scribe, start):
    """A death that is an exception still clears its mark on the way; put it back as it was."""
    hashes = [entry.hash for entry in scribe.entries]
    if start == 1:
        starts.marks.write(1, 4, hashes[3])
    else:
        deadly_one = scribe.outcomes()[2]
        starts.marks.write(*starts.loading.mark_of(deadly_one))


def test_a_batch_is_loaded_one_by_one_after_a_death_and_at_once_when_that_is_past(
    starts, monkeypatch
):
    scribe = log("one", "two", "three", "four")
    applied = starts.start()
    starts.marks.write(2, 4, scribe.entries[3].hash)
    applied = starts.start()
    assert starts.loading.quarantine.suspected == (2, 4)
    marked = []
    write = Marks.write

    def writes(self, *mark):
        marked.append(mark)
        write(self, *mark)

    monkeypatch.setattr(Marks, "write", writes)
    load(applied, scribe.entries)
    assert {first for first, _, _, *said in marked if all(said) and said} == {2, 3, 4}
    assert {(first, last) for first, last, *_ in marked} == {(n, n) for n in range(1, 6)}
    assert starts.texts() == {"system": "four"}
    assert not applied.rejected


async def test_one_death_is_forgiven_once_its_events_are_loaded(starts):
    """It may have been somebody's kill -9, at any time."""
    scribe = log("one", "two")
    for _ in range(3):
        starts.start()
        starts.marks.write(3, 3, scribe.entries[2].hash)
        applied = starts.start()
        assert starts.loading.quarantine.suspected == (3, 3)
        load(applied, scribe.entries)
        await starts.loading.quarantine.keep(applied.position)
        assert starts.loading.quarantine.suspected is None
    assert starts.texts() == {"system": "two"}
    assert not applied.rejected


# --- what may stand on the disk -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["chat-1.quarantine", "chat-1.loading"])
@pytest.mark.parametrize(
    "plant", [b"", b"garbage", b"loading1" + b"\xff" * 300, os.mkfifo, os.mkdir]
)
def test_planted_files_do_no_harm(starts, name, plant):
    path = starts.directory / name
    path.write_bytes(plant) if isinstance(plant, bytes) else plant(path)
    applied = starts.start()
    scribe = log("one", "two")
    load(applied, scribe.entries)
    assert starts.texts() == {"system": "two"}
    assert not applied.rejected


def test_with_signing_keys_a_planted_quarantine_blocks_nothing(tmp_path):
    scribe = log("one", "two")
    enemy = Starts(tmp_path)
    enemy.start()
    planted = Quarantined(3, scribe.entries[2].hash, "system", "", "planted")
    enemy.loading.quarantine.add(planted)
    enemy.loading.quarantine.write()
    enemy.lose()
    starts = Starts(tmp_path, KeyRing({"k": b"s" * 32}))
    load(applied := starts.start(), scribe.entries)
    assert starts.texts() == {"system": "two"}
    assert not applied.rejected
    starts.lose()


def test_the_quarantine_is_bounded(starts):
    starts.start()
    for position in range(KEPT + 5):
        starts.loading.quarantine.add(Quarantined(position, "h", "p", "c", "why"))
    assert [p for p, _ in starts.loading.quarantine.events] == list(range(5, KEPT + 5))


async def test_a_disk_that_takes_nothing_is_told_once_and_tried_again(starts, monkeypatch, capsys):
    starts.start()
    quarantine = starts.loading.quarantine
    quarantine.add(Quarantined(3, "h", "p", "c", "why"))
    with monkeypatch.context() as full:
        full.setattr(kept_file, "write", raising(OSError(28, "no space left")))
        for _ in range(3):
            assert not await quarantine.keep(3)
    assert capsys.readouterr().out.count("quarantine_not_kept") == 1
    assert await quarantine.keep(3)
    assert await quarantine.keep(3), "it is kept already"
    starts.start()
    assert len(starts.loading.quarantine.events) == 1


def raising(error):
    def raises(*_args):
        raise error

    return raises


def test_without_a_directory_it_works_for_as_long_as_the_process_lives(deadly):
    deadly(crash)
    held = Held(Live(), Live(), tried_out)
    loading = Loading(held)
    loading.open()
    applied = Applied(loading, KeyRing(), judge=loading.judge)
    outcomes = load(applied, log("one", DEADLY).entries)
    assert [type(outcome) for outcome in outcomes] == [Recorded, Recorded, Rejected]
    with contextlib.suppress(KeyError):
        assert held.state.prompts["system"].template.text == "one"
    assert len(loading.quarantine.events) == 1
