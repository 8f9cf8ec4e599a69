"""The journal: what is called safe is on the disk, and what is on the disk is the whole log."""

import asyncio
import errno

import pytest
from structlog.testing import capture_logs

from events.chain import Chain, Entry, Head
from events.errors import LogUnavailable
from events.lines import from_line
from events.log import READ_COUNT
from services.admin.journal import journal as module
from tests.scribe import Scribe
from tests.services.admin.journal.desk import Follows, findings, keeping, kept_in, segments
from tests.waiting import until

FULL = OSError(errno.ENOSPC, "No space left on device")
EIO = OSError(errno.EIO, "Input/output error")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "PAUSES", (0.002, 0.01))
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)


@pytest.fixture
async def desk(tmp_path):
    """An instance that has applied an opened log with one save, and whose journal has it."""
    desk = Follows(tmp_path / "journal")
    await desk.opened_with(1)
    desk.apply(*desk.scribe.entries)
    async with keeping(desk):
        await desk.safe()
        yield desk


# --- being safe -----------------------------------------------------------------------------------


async def test_what_is_applied_is_written_and_safe(desk):
    position = await desk.write(3)
    assert await desk.journal.safe(position, 5.0)
    assert desk.kept() == desk.scribe.entries
    assert desk.journal.chain == desk.scribe.chain() == desk.chain
    assert desk.metric("promptcast_journal_position") == position


async def test_nothing_is_safe_before_the_disk_has_it(desk):
    desk.disk.may_sync.clear()
    position = await desk.write()
    waiting = asyncio.create_task(desk.journal.safe(position, 5.0))
    assert not await desk.journal.safe(position, 0.02)
    assert not waiting.done()
    assert desk.journal.chain.head.position == position - 1
    desk.disk.may_sync.set()
    assert await waiting


async def test_what_was_safe_before_is_so_at_once(desk):
    desk.disk.may_sync.clear()
    await desk.write()
    assert await desk.journal.safe(2, 0.0)


async def test_many_entries_at_a_time_share_a_sync(desk):
    desk.journal.store.most = 10**6
    before = desk.disk.syncs
    desk.disk.may_sync.clear()
    position = await desk.write(100)
    waiting = [asyncio.create_task(desk.journal.safe(p, 5.0)) for p in range(3, position + 1)]
    await until(lambda: len(desk.journal._waiters) == 100)
    desk.disk.may_sync.set()
    assert all(await asyncio.gather(*waiting))
    assert desk.disk.syncs - before <= 4
    assert desk.metric("promptcast_journal_seconds_count", log=None) is None
    assert desk.kept() == desk.scribe.entries


async def test_files_are_nobody_else_s_to_read(desk):
    for path in (desk.directory, *desk.directory.iterdir()):
        assert path.stat().st_mode & 0o077 == 0, path


# --- segments -------------------------------------------------------------------------------------


async def test_a_full_segment_is_followed_by_the_next_and_read_as_one(desk):
    position = await desk.write(20)
    await desk.safe()
    paths = segments(desk.directory)
    assert len(paths) > 3
    assert all(path.stat().st_size <= 2_000 for path in paths)
    assert all(path.with_suffix(".chain").exists() for path in paths[1:]), "a start reads one only"
    assert all(path.stem == f"{from_line(_first(path)).position:020}" for path in paths)
    assert desk.kept() == desk.scribe.entries
    found = await desk.journal.behind(0, 1000)
    assert found == desk.scribe.entries
    assert await desk.journal.behind(position) == []


def _first(path):
    return path.read_bytes().splitlines()[0]


async def test_an_entry_larger_than_a_segment_has_one_to_itself(desk):
    large = desk.scribe.saved("x" * 5_000, 2)
    await desk.log.put(large)
    desk.apply(large)
    await desk.write()
    await desk.safe()
    assert desk.kept() == desk.scribe.entries
    assert await desk.journal.behind(0) == desk.scribe.entries


async def test_poison_is_kept_as_it_was(desk):
    for entry in (
        desk.scribe.poison(b"\xff\n{"), desk.scribe.poison(b"{}", hash="0" * 64),
        desk.scribe.poison(b"", hash=""), desk.scribe.poison(b'{"a":\n1}', kid="k", sig="s"),
        desk.scribe.put(Entry(7, b"{}", "x", 5, foreign=("a", "b"))),
    ):  # fmt: skip
        await desk.log.put(entry)
        desk.apply(entry)
    await desk.write()
    await desk.safe()
    assert desk.kept() == desk.scribe.entries
    assert desk.journal.chain == desk.scribe.chain()


@pytest.mark.parametrize("count", [1, 3, 100])
async def test_it_gives_back_what_is_behind_a_position_within_bounds(desk, count):
    await desk.write(80)  # more than the tail in memory holds
    await desk.safe()
    for after in (0, 1, 7, 40, 79, 81):
        found = await desk.journal.behind(after, count)
        assert found == desk.scribe.entries[after : after + count]
        one = await desk.journal.behind(after, count, max_bytes=1)
        assert one == desk.scribe.entries[after : after + 1]


async def test_it_knows_which_entries_it_holds(desk):
    await desk.write(80)
    await desk.safe()
    for entry in (desk.scribe.entries[n] for n in (0, 1, 40, 80, 81)):
        assert await desk.journal.holds(Head(entry.position, entry.hash, "unasked"))
        assert not await desk.journal.holds(Head(entry.position, "0" * 64, entry.hash))
    assert await desk.journal.holds(Head(0, "", ""))
    assert not await desk.journal.holds(Head(99, desk.scribe.entries[-1].hash, ""))


# --- starting again -------------------------------------------------------------------------------


async def again(desk, log=None, **how):
    """The next run of the instance, over the same directory and log."""
    follows = Follows(desk.directory, log or desk.log, **how)
    follows.scribe = desk.scribe
    return follows


async def test_the_next_start_remembers_how_far_the_log_went(desk):
    await desk.write(20)
    await desk.safe()
    await desk.stop()
    nxt = await again(desk)
    assert nxt.journal.chain == Chain()
    await nxt.journal.open()
    assert nxt.journal.chain == desk.scribe.chain()
    assert nxt.journal.chain.log_id == "log-1"
    await nxt.stop()


@pytest.mark.parametrize("sidecar", ["kept", "gone", "spoiled"])
async def test_signatures_are_remembered_to_be_required(tmp_path, sidecar):
    """Which the newest segment alone does not say."""
    from events.signing import KeyRing

    desk = Follows(tmp_path)
    desk.scribe = Scribe(KeyRing({"k": b"secret"}))
    ring = desk.scribe.keys
    desk.journal.store.keys = ring
    await desk.opened_with(20)
    await desk.journal.open()
    desk.journal.store.append(desk.scribe.entries)
    assert len(segments(tmp_path)) > 3
    poison = desk.scribe.poison(b"{" + b" " * 1990)
    desk.journal.store.append([poison], confirmed=True)
    await desk.stop()
    for path in tmp_path.glob("*.chain"):
        if sidecar != "kept":
            path.unlink() if sidecar == "gone" else path.write_text("{")
    nxt = Follows(tmp_path)
    nxt.journal.store.keys = ring
    await nxt.journal.open()
    assert nxt.journal.chain == desk.scribe.chain()
    assert nxt.journal.chain.signed
    await nxt.stop()


@pytest.mark.parametrize("torn", [1, 50, -1])
async def test_a_torn_last_line_is_cut_off_and_filled_from_the_log(desk, torn):
    await desk.write(2)
    await desk.safe()
    await desk.stop()
    newest = segments(desk.directory)[-1]
    lines = newest.read_bytes().splitlines(keepends=True)
    newest.write_bytes(b"".join(lines[:-1]) + lines[-1][:torn])
    nxt = await again(desk)
    with capture_logs() as told:
        await nxt.journal.open()
    assert nxt.journal.chain.head.position == 3
    assert [line["event"] for line in told] == ["journal_torn"]
    assert kept_in(desk.directory) == desk.scribe.entries[:3]
    nxt.follows(desk.scribe.entries)
    async with keeping(nxt):
        await nxt.safe()
    assert kept_in(desk.directory) == desk.scribe.entries
    assert list(desk.directory.glob("*.damaged")) == []


async def test_zeroes_that_a_power_cut_left_at_the_end_are_cut_off(desk):
    await desk.stop()
    newest = segments(desk.directory)[-1]
    whole = newest.read_bytes()
    newest.write_bytes(whole + b"\0" * 4096)
    nxt = await again(desk)
    await nxt.journal.open()
    assert newest.read_bytes() == whole
    assert nxt.journal.chain == desk.scribe.chain()
    await nxt.stop()


async def test_a_segment_of_which_nothing_was_written_is_no_trouble(desk):
    await desk.stop()
    (desk.directory / f"{3:020}.jsonl").write_bytes(b'{"crc":"00')
    (desk.directory / "x.new").write_bytes(b"half")
    nxt = await again(desk)
    nxt.follows(desk.scribe.entries)
    async with keeping(nxt):
        await nxt.safe()
        assert nxt.journal.chain == desk.scribe.chain()
        await nxt.write(3)
        await nxt.safe()
    assert kept_in(desk.directory) == desk.scribe.entries
    assert not (desk.directory / "x.new").exists()


async def test_from_a_snapshot_with_an_empty_journal_it_is_filled_from_the_first_position(tmp_path):
    desk = Follows(tmp_path, most=100_000)
    await desk.opened_with(2 * READ_COUNT)
    desk.follows(desk.scribe.entries)
    async with keeping(desk):
        await desk.safe()
        await desk.write()
        await desk.safe()
    assert desk.kept() == desk.scribe.entries


async def test_what_was_applied_while_it_was_away_is_filled_before_what_comes(desk):
    await desk.stop()
    for _ in range(5):
        await desk.log.put(desk.scribe.saved("away", desk.scribe.head.position))
    nxt = await again(desk)
    nxt.follows(desk.scribe.entries)
    await nxt.write()
    async with keeping(nxt):
        assert await nxt.journal.safe(8, 5.0)
    assert kept_in(desk.directory) == desk.scribe.entries


async def test_what_does_not_fit_into_memory_is_read_back_from_the_log(desk):
    desk.journal._waiting.most = 1_000
    desk.disk.may_sync.clear()
    await desk.write(50)
    assert desk.journal._waiting._bytes <= 1_000
    desk.disk.may_sync.set()
    await desk.safe()
    assert desk.kept() == desk.scribe.entries


async def test_nothing_is_written_that_was_not_applied(desk):
    await desk.log.put(desk.scribe.saved("not applied here", 2))
    await desk.log.put(desk.scribe.saved("nor this", 3))
    desk.follows(desk.scribe.entries[2:3])
    await desk.safe(3)
    assert desk.kept() == desk.scribe.entries[:3]


async def test_the_end_of_a_run_writes_what_still_waits(desk):
    desk._task.cancel()
    await asyncio.gather(desk._task, return_exceptions=True)
    await desk.write(3)
    await desk.stop()
    assert kept_in(desk.directory) == desk.scribe.entries


async def test_two_processes_do_not_write_to_one_journal(desk):
    await desk.write()
    await desk.safe()
    other = await again(desk)
    other.follows(desk.scribe.entries)
    with capture_logs() as told:
        other.start()
        await until(lambda: other.journal.trouble)
        assert "another process" in str(other.journal.trouble)
        assert not await other.journal.safe(1, 5.0)
        await desk.stop()
        await other.safe()
    assert [line["event"] for line in told][:2] == ["journal_not_written", "journal_recovered"]
    await other.stop()
    assert kept_in(desk.directory) == desk.scribe.entries


# --- damage ---------------------------------------------------------------------------------------


def flip(path, number):
    """Change a byte in the midst of a line."""
    lines = path.read_bytes().splitlines(keepends=True)
    place = len(lines[number]) // 2
    changed = bytes([lines[number][place] ^ 1])
    lines[number] = lines[number][:place] + changed + lines[number][place + 1 :]
    path.write_bytes(b"".join(lines))


@pytest.mark.parametrize("line", [0, 1, -1])
@pytest.mark.parametrize("which", [0, 2])
async def test_a_damaged_old_segment_is_told_put_aside_and_mended_from_the_log(desk, which, line):
    await desk.write(20)
    await desk.safe()
    await desk.stop()
    victim = segments(desk.directory)[which]
    flip(victim, line)
    spoiled = victim.read_bytes()
    nxt = await again(desk)
    nxt.follows(desk.scribe.entries)
    with capture_logs() as told:
        async with keeping(nxt):
            await until(lambda: nxt.metric("promptcast_journal_errors_total") == 1)
            await nxt.whole()
            assert await nxt.journal.behind(0, 100) == desk.scribe.entries
            assert nxt.journal.chain == desk.scribe.chain()
    assert kept_in(desk.directory) == desk.scribe.entries
    assert findings(kept_in(desk.directory)) == []
    assert [path.read_bytes() for path in desk.directory.glob("*.damaged")] == [spoiled]
    assert [line["event"] for line in told] == ["journal_damaged", "journal_filled"]


async def test_a_damaged_newest_segment_keeps_what_is_sound_on_both_sides(desk):
    desk.journal.store.most = 100_000
    await desk.write(10)
    await desk.safe()
    await desk.stop()
    flip(segments(desk.directory)[0], 5)
    nxt = await again(desk)
    nxt.follows(desk.scribe.entries)
    await nxt.journal.open()
    assert nxt.journal.chain == desk.scribe.chain(), "its end is what matters when the log is gone"
    assert [e.position for e in kept_in(desk.directory)] == [1, 2, 3, 4, 5, *range(7, 13)]
    assert await nxt.journal.behind(6) == desk.scribe.entries[6:]
    assert await nxt.journal.behind(5) == []
    async with keeping(nxt):
        await nxt.whole()
    assert kept_in(desk.directory) == desk.scribe.entries


async def test_a_segment_that_is_gone_is_filled_from_the_log(desk):
    await desk.write(20)
    await desk.safe()
    await desk.stop()
    segments(desk.directory)[1].unlink()
    nxt = await again(desk)
    nxt.follows(desk.scribe.entries)
    async with keeping(nxt):
        await until(lambda: len(kept_in(desk.directory)) == 22)
    assert kept_in(desk.directory) == desk.scribe.entries


async def test_a_hole_is_not_filled_from_another_log(desk, monkeypatch):
    from services.admin.journal import tending

    monkeypatch.setattr(tending, "PAUSES", (0.002, 0.01))
    await desk.write(20)
    await desk.safe()
    await desk.stop()
    segments(desk.directory)[0].unlink()
    ours, desk.log.entries[:] = list(desk.log.entries), []
    other = Scribe()
    for number in range(23):
        await desk.log.put(other.saved("of another", number + 1))
    nxt = await again(desk)
    with capture_logs() as told:
        async with keeping(nxt):
            await until(lambda: [line for line in told if line["event"] == "journal_not_mended"])
            assert nxt.journal.store.holes()
            nxt.log.entries[:] = ours
            await until(lambda: not nxt.journal.store.holes())
    assert kept_in(desk.directory) == desk.scribe.entries


# --- trouble with the disk ------------------------------------------------------------------------


@pytest.mark.parametrize("error", [FULL, EIO], ids=["full", "EIO"])
@pytest.mark.parametrize("failing", ["write", "sync"])
@pytest.mark.parametrize("torn_after", [0, 100])
async def test_a_disk_that_fails_is_told_once_and_written_to_again(
    desk, error, failing, torn_after
):
    desk.disk.failing, desk.disk.torn_after = failing, torn_after
    with capture_logs() as told:
        desk.disk.error = error
        position = await desk.write()
        began = asyncio.get_running_loop().time()
        assert not await desk.journal.safe(position, 30.0)
        assert asyncio.get_running_loop().time() - began < 10.0, "it is told as soon as it is known"
        await until(lambda: (desk.metric("promptcast_journal_errors_total") or 0) >= 3)
        assert desk.journal.trouble
        await desk.write(3)
        assert desk.journal.chain.head.position == position - 1
        desk.disk.error = None
        await desk.safe()
        await until(lambda: not desk.journal.trouble)
    assert desk.kept() == desk.scribe.entries
    assert await desk.journal.safe(position, 0.0)
    told_of = [line["event"] for line in told]
    assert told_of == ["journal_not_written", "journal_recovered"]


async def test_a_disk_that_hangs_is_told_once_and_costs_only_the_first_its_time(desk, monkeypatch):
    monkeypatch.setattr(module, "LATE_SECONDS", 0.02)
    desk.disk.may_sync.clear()
    with capture_logs() as told:
        position = await desk.write()
        for _ in range(2):
            assert not await desk.journal.safe(position, 0.1)
        async with asyncio.timeout(5.0):
            assert not await desk.journal.safe(position, 60.0)
        assert desk.metric("promptcast_journal_errors_total") == 1
        desk.disk.may_sync.set()
        await desk.safe()
        await until(lambda: not desk.journal.trouble)
    assert [line["event"] for line in told] == ["journal_not_written", "journal_recovered"]


async def test_what_is_not_open_is_not_cut(desk):
    """Another process writes to it: what is there is not this one's."""
    await desk.write()
    await desk.safe()
    other = await again(desk)
    await other.journal.open()
    with pytest.raises(OSError, match="not open"):
        await other.journal.cut(0)
    assert not other.journal.is_open
    await other.journal.close()
    assert desk.kept() == desk.scribe.entries


async def test_while_there_is_trouble_nobody_waits_for_the_next_try(desk, monkeypatch):
    monkeypatch.setattr(module, "PAUSES", (60.0, 60.0))
    await desk.stop()
    desk = await again(desk)
    desk.follows(desk.scribe.entries)
    desk.disk.error = FULL
    async with keeping(desk):
        await desk.write()
        await until(lambda: desk.journal.trouble)
        async with asyncio.timeout(10.0):
            assert not await desk.journal.safe(3, 60.0)
            assert await desk.journal.safe(2, 60.0)


async def test_a_disk_that_fails_at_a_new_segment_leaves_nothing_behind(desk):
    desk.journal.store.most = 10
    desk.disk.error, desk.disk.torn_after = FULL, 20
    await desk.write(3)
    await until(lambda: desk.journal.trouble)
    assert desk.kept() == desk.scribe.entries[:2]
    desk.disk.error = None
    await desk.safe()
    assert desk.kept() == desk.scribe.entries
    await desk.stop()
    nxt = await again(desk)
    await nxt.journal.open()
    assert nxt.journal.chain == desk.scribe.chain()
    await nxt.stop()


async def test_a_directory_that_cannot_be_made_is_trouble_and_no_end(tmp_path):
    (tmp_path / "file").write_text("in the way")
    desk = Follows(tmp_path / "file" / "journal")
    await desk.opened_with(1)
    async with keeping(desk):
        desk.apply(*desk.scribe.entries)
        await until(lambda: desk.journal.trouble)
        assert not await desk.journal.safe(1, 5.0)
        (tmp_path / "file").unlink()
        await desk.safe()
    assert desk.kept() == desk.scribe.entries


# --- trouble with the log -------------------------------------------------------------------------


async def test_a_log_out_of_reach_is_waited_for(desk):
    await desk.stop()
    await desk.log.put(desk.scribe.saved("away", 2))
    nxt = await again(desk)
    nxt.follows(desk.scribe.entries)
    nxt.log.trouble = LogUnavailable("down")
    async with keeping(nxt):
        await until(lambda: nxt.journal.trouble == "down")
        nxt.log.trouble = None
        await nxt.safe()
    assert kept_in(desk.directory) == desk.scribe.entries


@pytest.mark.parametrize("told", [True, False], ids=["told of it", "reading it"])
@pytest.mark.parametrize("poison", [True, False], ids=["by poison", "by a save"])
async def test_what_does_not_follow_upon_it_is_not_written(desk, told, poison):
    """As when an operator let another log go on, and the journal was not cut yet."""
    other = Scribe()
    other.opened()
    other.saved("OTHER", 1)
    if poison:
        other.poison(b"{}", hash="0" * 64)
    for entry in [*other.entries, *(other.saved("OTHER", n) for n in range(2, 4))]:
        desk.chain = Chain(Head(entry.position, entry.hash, entry.hash), "log-1")
    desk.log.entries[:] = other.entries
    if told:
        desk.journal.taken(other.entries)
    await until(lambda: desk.journal.trouble)
    assert "position 2" in str(desk.journal.trouble)
    assert desk.kept() == desk.scribe.entries
    assert not await desk.journal.safe(3, 5.0)
    assert not await desk.journal.holds(Head(2, other.entries[1].hash, ""))


async def test_cut_it_goes_on_with_the_other_log(desk):
    await desk.write(20)
    await desk.safe()
    common = desk.scribe.entries[:7]
    other = Scribe()
    for entry in common:
        other.put(entry)
    for number in range(9):
        other.saved("OTHER", number + 1)
    desk.log.entries[:] = other.entries
    assert await desk.journal.cut(7) == 15
    assert desk.journal.chain == _chain(common)
    assert desk.kept() == common
    assert desk.metric("promptcast_journal_position") == 7
    assert await desk.journal.behind(7) == []
    desk.chain = _chain(other.entries)
    await desk.safe()
    assert desk.kept() == other.entries
    assert await desk.journal.behind(0, 100) == other.entries
    await desk.stop()
    nxt = await again(desk)
    await nxt.journal.open()
    assert nxt.journal.chain == _chain(other.entries)
    await nxt.stop()


@pytest.mark.parametrize("after", range(0, 23, 2))
async def test_it_can_be_cut_anywhere(desk, after):
    await desk.write(20)
    await desk.safe()
    desk.chain = _chain(desk.scribe.entries[:after])
    assert await desk.journal.cut(after) == 22 - after
    assert desk.kept() == desk.scribe.entries[:after]
    assert desk.journal.chain == desk.chain
    desk.follows(desk.scribe.entries[after:])
    await desk.safe()
    assert desk.kept() == desk.scribe.entries


def _chain(entries):
    scribe = Scribe()
    for entry in entries:
        scribe.put(entry)
    return scribe.chain()
