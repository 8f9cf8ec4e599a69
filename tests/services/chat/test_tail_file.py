"""The tail on disk: it comes back only behind the very state that it belongs to."""

import pytest
from structlog.testing import capture_logs

from events.chain import Entry
from events.verify import Verifier
from projections.tail import TAIL_BYTES, Tail
from services.chat import kept_file, tail_file
from services.chat.tail_file import TailFile
from tests.scribe import Scribe


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "chat-1.tail.jsonl"


@pytest.fixture
def scribe():
    scribe = Scribe()
    scribe.opened()
    for number in range(1, 80):
        scribe.saved(f"version {number}", number)
    return scribe


def holding(entries):
    tail = Tail()
    tail.take(entries)
    return tail


async def recalled(path, scribe):
    tail = Tail()
    await TailFile(path, tail).recall(scribe.chain())
    return list(tail.entries)


async def test_what_was_kept_is_held_again(path, scribe):
    await TailFile(path, holding(scribe.entries)).keep()
    assert await recalled(path, scribe) == scribe.entries[-64:]
    assert path.stat().st_mode & 0o077 == 0
    assert len(path.read_bytes().splitlines()) == 64


async def test_the_next_tail_takes_the_place_of_the_one_before(path, scribe):
    tail = holding(scribe.entries)
    file = TailFile(path, tail)
    await file.keep()
    tail.take([scribe.saved("one more", 80)])
    await file.keep()
    assert await recalled(path, scribe) == scribe.entries[-64:]


async def test_what_is_kept_already_is_not_written_again(path, scribe, monkeypatch):
    written = []
    monkeypatch.setattr(tail_file, "_write", lambda _path, entries: written.append(len(entries)))
    tail = Tail()
    file = TailFile(path, tail)
    await file.keep()
    tail.take(scribe.entries[:5])
    await file.keep()
    await file.keep()
    assert written == [5]


async def test_it_is_held_as_far_as_the_state_reaches(path, scribe):
    """The state is written right behind it; a crash may come between."""
    earlier = Scribe()
    for entry in scribe.entries[:70]:
        earlier.put(entry)
    await TailFile(path, holding(scribe.entries)).keep()
    assert await recalled(path, earlier) == scribe.entries[16:70]


async def test_a_tail_that_does_not_end_where_the_state_does_is_left_alone(path, scribe):
    await TailFile(path, holding(scribe.entries)).keep()
    scribe.saved("unkept", 80)
    assert await recalled(path, scribe) == []
    other = Scribe()
    other.opened()
    for number in range(1, 80):
        other.saved(f"VERSION {number}", number)
    assert await recalled(path, other) == []


@pytest.mark.parametrize("spoil", [
    lambda whole: whole[:-100], lambda whole: whole.replace(b"version 79", b"version 78"),
    lambda whole: b"\0" * 100, lambda whole: b"x" * (3 * TAIL_BYTES), lambda whole: whole + b"{}\n",
])  # fmt: skip
async def test_a_damaged_tail_is_told_and_left_alone(path, scribe, spoil):
    await TailFile(path, holding(scribe.entries)).keep()
    path.write_bytes(spoil(path.read_bytes()))
    with capture_logs() as told:
        assert await recalled(path, scribe) == []
    assert [line["event"] for line in told] == ["tail_refused"]


async def test_the_largest_tail_can_be_read_back(path):
    scribe = Scribe()
    for number in range(4):
        scribe.put(Entry(number + 1, b"\xff" * (TAIL_BYTES // 4), "x", 1))
    await TailFile(path, holding(scribe.entries)).keep()
    assert await recalled(path, scribe) == scribe.entries


async def test_a_disk_that_fails_is_told_once_and_tried_again(path, scribe):
    path.parent.write_text("in the way")
    tail = holding(scribe.entries)
    file = TailFile(path, tail)
    with capture_logs() as told:
        for version in (80, 81, 82):
            assert not await file.keep()
            tail.take([scribe.saved("one more", version)])
    assert [line["event"] for line in told] == ["tail_not_kept"]
    path.parent.unlink()
    assert await file.keep()
    assert await recalled(path, scribe) == scribe.entries[-64:]
    assert await file.keep(), "it is kept already"


async def test_other_trouble_is_told_and_so_is_the_same_once_it_was_kept(path, scribe, monkeypatch):
    tail = holding(scribe.entries)
    file = TailFile(path, tail)
    troubles = (OSError(28, "no space"), OSError(5, "broken"), None, OSError(5, "broken"))
    with capture_logs() as told:
        for version, trouble in enumerate(troubles, 80):
            with monkeypatch.context() as disk:
                if trouble:
                    disk.setattr(kept_file, "write", raising(trouble))
                assert await file.keep() is (trouble is None)
            tail.take([scribe.saved("one more", version)])
    assert [line["error"].split("] ")[1] for line in told] == ["no space", "broken", "broken"]


def raising(error):
    def raises(*_args):
        raise error

    return raises


async def test_without_a_place_nothing_is_kept(scribe):
    file = TailFile(None, holding(scribe.entries))
    assert await file.keep(), "there is nothing amiss"
    await file.recall(scribe.chain())
    assert list(file.tail.entries) == scribe.entries[-64:]


async def test_any_verifier_can_read_it(path, scribe):
    from events.lines import from_line

    await TailFile(path, holding(scribe.entries[:60])).keep()
    verifier = Verifier()
    for line in path.read_bytes().splitlines():
        verifier.feed(from_line(line))
    assert (verifier.findings, verifier.events) == ([], 60)
