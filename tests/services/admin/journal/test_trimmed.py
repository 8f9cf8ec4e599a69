"""A journal of a log that was trimmed: what it has stays, what it lacks is told, and can be filled in."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

import pytest
from structlog.testing import capture_logs

from events.chain import Chain, Entry, Head
from events.envelope import digest
from events.errors import BadLine, LogForked
from events.model import LogTrimmed
from services.admin.journal import journal as module
from services.admin.journal import tending
from services.admin.journal.archive import JournalArchive
from services.admin.journal.filling import Filling
from tests.projections.rig import TroubledLog
from tests.scribe import Scribe
from tests.services.admin.journal.desk import (
    FaultyDisk,
    Follows,
    findings,
    keeping,
    kept_in,
    segments,
)
from tests.trimmed_log import TrimmedLog
from tests.waiting import until

THROUGH = 20


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "PAUSES", (0.002, 0.01))
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(tending, "PAUSES", (0.002, 0.01))


class TrimmedAway(TrimmedLog, TroubledLog):
    """Trimmed, and in trouble when a test says so."""


class House:
    """An instance that was away, at position 5, while the log went on to 31 and was trimmed."""

    def __init__(self, desk: Follows) -> None:
        self.desk = desk
        self.scribe = desk.scribe

    @property
    def journal(self):
        return self.desk.journal

    async def trims(self, through: int = THROUGH) -> None:
        """The log says that it was trimmed, and is."""
        entry = self.scribe.entries[through - 1]
        await self.desk.log.put(
            self.scribe.write(LogTrimmed(through=through, hash=digest(entry.event)))
        )
        self.goes(through)

    def goes(self, through: int) -> None:
        self.desk.log.entries[:] = [e for e in self.desk.log.entries if e.position > through]

    async def again(self) -> Follows:
        """The next run of the instance: it follows the log from a snapshot."""
        await self.desk.stop()
        nxt = Follows(self.desk.directory, self.desk.log)
        nxt.scribe, nxt.chain = self.scribe, self.scribe.chain()
        self.desk = nxt
        return nxt


@pytest.fixture
async def away(tmp_path) -> AsyncIterator[House]:
    desk = Follows(tmp_path / "journal", TrimmedAway(), most=1_500)
    await desk.opened_with(4)
    desk.apply(*desk.scribe.entries)
    house = House(desk)
    async with keeping(desk):
        await desk.safe()
    for number in range(25):
        await desk.log.put(desk.scribe.saved("away", number + 5))
    yield house
    await house.desk.stop()


@pytest.fixture
async def holed(away) -> House:
    """It is back, and goes on with a hole."""
    await away.trims()
    nxt = await away.again()
    async with keeping(nxt):
        await nxt.safe()
    nxt = await away.again()
    await nxt.journal.open()
    return away


LAST = 31
"""The last position: where the log says that it was trimmed."""
LACKS = [(6, THROUGH)]


# --- a hole ---------------------------------------------------------------------------------------


async def test_it_goes_on_behind_what_it_cannot_have_any_more_and_tells(away):
    await away.trims()
    nxt = await away.again()
    with capture_logs() as told:
        async with keeping(nxt):
            await nxt.safe()
            await nxt.write(2)
            await nxt.safe()
            assert nxt.journal.lacks == LACKS
            assert nxt.journal.first == THROUGH + 1
            assert nxt.metric("promptcast_journal_lacks") == 15
            assert nxt.metric("promptcast_journal_position") == LAST + 2
            await until(lambda: nxt.journal.is_examined)
            assert nxt.journal.trouble is None
    entries = nxt.scribe.entries
    assert nxt.kept() == entries[:5] + entries[THROUGH:]
    assert nxt.journal.chain == nxt.scribe.chain()
    holes = [line for line in told if line["event"] == "journal_has_a_hole"]
    assert [(line["first"], line["last"]) for line in holes] == LACKS
    assert "journal_damaged" not in [line["event"] for line in told]


async def test_an_instance_without_a_journal_begins_one_where_the_log_begins(away, tmp_path):
    await away.trims()
    new = Follows(tmp_path / "another", away.desk.log)
    new.scribe, new.chain = away.scribe, away.scribe.chain()
    async with keeping(new):
        await new.safe()
        assert new.journal.lacks == [(1, THROUGH)]
    assert new.kept() == away.scribe.entries[THROUGH:]
    assert new.journal.chain == away.scribe.chain()


async def test_what_waits_in_memory_leaves_no_hole(away):
    """The instance was there all the time; only its disk was slow."""
    nxt = await away.again()
    nxt.chain = Chain()
    nxt.apply(*away.scribe.entries)
    await away.trims()
    nxt.apply(away.scribe.entries[-1])
    async with keeping(nxt):
        await nxt.safe()
    assert nxt.kept() == away.scribe.entries


async def test_a_journal_that_ends_right_where_the_log_begins_has_no_hole(away):
    await away.trims(5)
    nxt = await away.again()
    with capture_logs() as told:
        async with keeping(nxt):
            await nxt.safe()
            assert nxt.journal.lacks == []
    assert nxt.kept() == away.scribe.entries
    assert findings(nxt.kept()) == []
    assert told == []


@pytest.mark.parametrize("poison", [True, False], ids=["a poison", "a save"])
async def test_another_history_is_not_gone_on_with_though_its_positions_would_fit(tmp_path, poison):
    """Nothing but a hash tells that the journal is not what was trimmed."""
    desk = Follows(tmp_path / "journal", TrimmedAway())
    await desk.opened_with(4)
    desk.apply(*desk.scribe.entries)
    async with keeping(desk):
        await desk.safe()
    before = desk.kept()
    other = Scribe()
    other.opened()
    for number in range(1, 5):
        other.saved("OTHER", number)
    if poison:
        other.poison(b"{}")
    for number in range(5, 9):
        other.saved("OTHER", number)
    other.write(LogTrimmed(through=5, hash=digest(other.entries[4].event)))
    nxt = Follows(desk.directory, desk.log)
    nxt.scribe, nxt.chain = other, other.chain()
    nxt.log.entries[:] = other.entries[5:]
    async with keeping(nxt):
        await until(lambda: nxt.journal.trouble)
        assert str(LogForked(5)) == nxt.journal.trouble
        assert not await nxt.journal.safe(6, 1.0)
    assert nxt.kept() == before


@pytest.mark.parametrize("spoiled", [b"{}", b"", b'"\xff"'])
async def test_a_log_that_begins_with_poison_is_gone_on_with(tmp_path, spoiled):
    """Poison does not say what it follows upon."""
    desk = Follows(tmp_path / "journal", TrimmedAway())
    await desk.opened_with(4)
    desk.apply(*desk.scribe.entries)
    async with keeping(desk):
        await desk.safe()
    for number in range(5, 10):
        desk.scribe.saved("away", number)
    desk.scribe.poison(spoiled, hash="nonsense")
    desk.scribe.saved("later", 10)
    trimmed = desk.scribe.entries[9]
    desk.scribe.write(LogTrimmed(through=10, hash=trimmed.hash))
    desk.log.entries[:] = desk.scribe.entries[10:]
    nxt = Follows(desk.directory, desk.log)
    nxt.scribe, nxt.chain = desk.scribe, desk.scribe.chain()
    with capture_logs() as told:
        async with keeping(nxt):
            await nxt.safe()
    assert [line["event"] for line in told].count("journal_has_a_hole") == 1
    nxt = Follows(desk.directory, desk.log)
    nxt.chain = desk.scribe.chain()
    async with keeping(nxt):
        await nxt.safe()
        assert nxt.kept() == desk.scribe.entries[:5] + desk.scribe.entries[10:]
        assert nxt.journal.chain == desk.scribe.chain()
        with pytest.raises(BadLine, match="not what the next event"):
            await nxt.journal.fill(batches([*desk.scribe.entries[:9], _other(desk.scribe.entries)]))
        assert await nxt.journal.fill(batches(desk.scribe.entries)) == 5
    assert nxt.kept() == desk.scribe.entries


def _other(entries: Sequence[Entry]) -> Entry:
    """Another event in the place of the tenth."""
    event = entries[9].event.replace(b"away", b"AWAY")
    return entries[9]._replace(event=event, hash=digest(event))


async def test_where_it_is_being_trimmed_right_now_nothing_is_lost_that_is_there_still(away):
    """The log says more than is gone: it goes in steps."""
    entry = away.scribe.entries[THROUGH - 1]
    await away.desk.log.put(away.scribe.write(LogTrimmed(through=THROUGH, hash=entry.hash)))
    away.goes(9)
    nxt = await away.again()
    async with keeping(nxt):
        await nxt.safe()
        assert nxt.journal.lacks == [(6, 9)]
    assert nxt.kept() == away.scribe.entries[:5] + away.scribe.entries[9:]


async def test_a_hole_that_nobody_declared_is_trouble_and_not_passed_over(away):
    """Somebody has cut the log: a repair may bring it back from another instance's journal."""
    away.goes(THROUGH)
    nxt = await away.again()
    async with keeping(nxt):
        await until(lambda: nxt.journal.trouble)
        assert str(LogForked(5)) == nxt.journal.trouble
        assert nxt.journal.lacks == []
    assert nxt.kept() == away.scribe.entries[:5]


# --- starting again with a hole -------------------------------------------------------------------


async def test_the_next_start_knows_of_the_hole_before_it_has_read_everything(holed):
    """Else it would be taken for damage, and what lies before it for the past of what lies behind it."""
    journal, entries = holed.journal, holed.scribe.entries
    assert not journal.is_examined
    assert (journal.lacks, journal.first) == (LACKS, THROUGH + 1)
    assert holed.desk.metric("promptcast_journal_lacks") == 15
    assert await journal.behind(0) == entries[:5]
    assert await journal.behind(5) == []
    assert await journal.behind(THROUGH, 100) == entries[THROUGH:]
    assert journal.chain == holed.scribe.chain()
    assert journal.chain.trimmed == Head(THROUGH, *[entries[THROUGH - 1].hash] * 2)


async def test_what_was_trimmed_is_known_at_once_however_long_ago_that_was(holed):
    """A start reads the newest file, and what is kept beside it."""
    nxt = await holed.again()
    async with keeping(nxt):
        await nxt.write(20)
        await nxt.safe()
    nxt = await holed.again()
    await nxt.journal.open()
    assert len(segments(nxt.directory)) > 8
    assert nxt.journal.chain == holed.scribe.chain()
    assert nxt.journal.chain.trimmed.position == THROUGH


async def test_a_hole_is_no_damage_at_the_next_start(holed):
    with capture_logs() as told:
        holed.desk.start()
        await until(lambda: holed.journal.is_examined)
    assert [line["event"] for line in told] == ["journal_not_whole"]
    assert not holed.desk.metric("promptcast_journal_errors_total")
    assert list(holed.desk.directory.glob("*.damaged")) == []
    assert holed.journal.lacks == LACKS


async def test_what_was_said_of_a_hole_is_void_once_it_is_filled(holed):
    store = holed.journal.store
    store.fill(holed.scribe.entries[5:THROUGH])
    nxt = await holed.again()
    await nxt.journal.open()
    assert nxt.journal.lacks == []
    assert await nxt.journal.behind(0, 100) == holed.scribe.entries


@pytest.mark.parametrize("after", [-1, 3, 77, "5", None, True])
async def test_nonsense_in_the_file_beside_a_segment_is_no_hole_within_it(holed, after):
    """What is really there is found when all is read: it is damage then."""
    beside = holed.desk.directory / f"{THROUGH + 1:020}.chain"
    kept = json.loads(beside.read_bytes())
    assert kept["after"] == 5
    beside.write_text(json.dumps(kept | {"after": after}))
    nxt = await holed.again()
    await nxt.journal.open()
    assert nxt.journal.lacks == [], "nothing is known of it yet"
    assert await nxt.journal.behind(0) == holed.scribe.entries[:5]
    async with keeping(nxt):
        await until(lambda: nxt.journal.is_examined)
        assert nxt.journal.lacks == LACKS
        assert await nxt.journal.behind(0) == holed.scribe.entries[:5]


# --- the archive ----------------------------------------------------------------------------------


async def test_a_whole_journal_is_an_archive_of_all_that_was_trimmed(away):
    nxt = await away.again()
    async with keeping(nxt):
        await nxt.safe()
        archive = JournalArchive(nxt.journal, Chain)
        assert archive.trimmed() == 0
        assert await archive.behind(3, 2) == away.scribe.entries[3:5]
        first = away.scribe.entries[THROUGH]
        assert await archive.holds(Head(first.position, first.hash, ""))
        assert not await archive.holds(Head(first.position, "0" * 64, first.hash))
        assert len(await archive.behind(0, 100, max_bytes=1)) == 1


async def test_what_was_trimmed_is_known_from_what_is_followed_and_from_the_journal(holed):
    followed = Chain(trimmed=Head(22, "a" * 64, "a" * 64))
    assert JournalArchive(holed.journal, lambda: followed).trimmed() == 22
    assert JournalArchive(holed.journal, Chain).trimmed() == THROUGH


async def test_what_lies_before_a_hole_is_not_shown_as_the_past_of_what_lies_behind_it(holed):
    """Nothing proves that it is: it may be of a history that was given up while this one was away."""
    archive = JournalArchive(holed.journal, Chain)
    assert list(await archive.behind(0)) == []
    assert list(await archive.behind(4)) == []
    assert list(await archive.behind(THROUGH - 1)) == []
    assert list(await archive.behind(THROUGH, 3)) == holed.scribe.entries[THROUGH : THROUGH + 3]
    await holed.journal.fill(batches(holed.scribe.entries))
    assert list(await archive.behind(0, 100)) == holed.scribe.entries


async def test_without_a_journal_it_is_told_what_is_not_here():
    archive = JournalArchive(None, lambda: Chain(trimmed=Head(7, "a" * 64, "a" * 64)))
    assert archive.trimmed() == 7
    assert list(await archive.behind(0)) == []
    assert not await archive.holds(Head(8, "b" * 64, ""))


# --- filling --------------------------------------------------------------------------------------


async def batches(entries: Sequence[Entry], size: int = 4) -> AsyncIterator[Sequence[Entry]]:
    for start in range(0, len(entries), size):
        yield entries[start : start + size]


async def nothing_has_changed(house) -> None:
    journal, entries = house.journal, house.scribe.entries
    assert journal.lacks == LACKS
    assert house.desk.kept() == entries[:5] + entries[THROUGH:]
    assert list(house.desk.directory.glob("*.new")) == []


@pytest.mark.parametrize("size", [1, 4, 100])
@pytest.mark.parametrize("begins", [0, 3, 5])
async def test_what_it_lacks_is_filled_in_from_any_copy(holed, size, begins):
    """What is here is passed over, before the hole and behind it."""
    entries = holed.scribe.entries
    before = len(segments(holed.desk.directory))
    assert await holed.journal.fill(batches(entries[begins:], size)) == 15
    assert len(segments(holed.desk.directory)) > before + 2, "none is larger than any segment"
    assert holed.journal.lacks == []
    assert holed.desk.metric("promptcast_journal_lacks") == 0
    assert await holed.journal.behind(0, 100) == entries
    assert holed.desk.kept() == entries
    assert findings(holed.desk.kept()) == []
    assert list(holed.desk.directory.glob("*.new")) == []
    nxt = await holed.again()
    async with keeping(nxt):
        await until(lambda: nxt.journal.is_examined)
        assert (nxt.journal.lacks, nxt.journal.chain) == ([], holed.scribe.chain())
    assert list(nxt.directory.glob("*.damaged")) == []
    assert nxt.kept() == entries


async def test_a_hole_at_the_beginning_is_filled_from_the_first_event_on(away, tmp_path):
    await away.trims()
    new = Follows(tmp_path / "another", away.desk.log)
    new.scribe, new.chain = away.scribe, away.scribe.chain()
    async with keeping(new):
        await new.safe()
        entries = away.scribe.entries
        with pytest.raises(BadLine, match="position 2 does not follow"):
            await new.journal.fill(batches(entries[1:]))
        forged = entries[0]._replace(
            event=entries[0].event.replace(b'"prevhash":"0', b'"prevhash":"1')
        )
        with pytest.raises(BadLine, match="position 1 does not follow"):
            await new.journal.fill(batches([forged, *entries[1:]]))
        assert await new.journal.fill(batches(entries)) == THROUGH
        assert new.journal.lacks == []
    assert new.kept() == entries


@pytest.mark.parametrize("position", [6, 12, THROUGH])
@pytest.mark.parametrize("how", ["changed", "left out"])
async def test_what_does_not_chain_is_refused_and_leaves_nothing_behind(holed, position, how):
    entries = list(holed.scribe.entries)
    if how == "changed":
        event = entries[position - 1].event.replace(b"away", b"AWAY")
        entries[position - 1] = entries[position - 1]._replace(event=event, hash=digest(event))
    else:
        del entries[position - 1]
    with pytest.raises(BadLine):
        await holed.journal.fill(batches(entries, 1))
    await nothing_has_changed(holed)
    assert await holed.journal.fill(batches(holed.scribe.entries)) == 15


async def test_what_ends_too_early_is_refused_and_leaves_nothing_behind(holed):
    with pytest.raises(BadLine, match="ends with position 19; 20 is the last"):
        await holed.journal.fill(batches(holed.scribe.entries[: THROUGH - 1], 1))
    await nothing_has_changed(holed)
    with pytest.raises(BadLine, match="ends with position 5; 20 is the last"):
        await holed.journal.fill(batches([]))


async def test_a_copy_that_breaks_off_leaves_nothing_behind(holed):
    async def breaks_off() -> AsyncIterator[Sequence[Entry]]:
        yield holed.scribe.entries[:18]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await holed.journal.fill(breaks_off())
    await nothing_has_changed(holed)


async def test_a_disk_that_fails_leaves_nothing_behind(holed):
    class Full(FaultyDisk):
        made = 0

        def replace(self, path, data):
            self.made += 1
            if self.made == 3:
                raise OSError("No space left on device")
            super().replace(path, data)

    holed.journal.store.disk = Full()
    with pytest.raises(OSError, match="No space"):
        await holed.journal.fill(batches(holed.scribe.entries))
    await nothing_has_changed(holed)


async def test_an_entry_that_only_stands_elsewhere_fills_nothing(holed):
    """Each event says itself where it stands, but that is not asked here: its hash is."""
    entries = list(holed.scribe.entries)
    entries[6], entries[7] = (
        entries[7]._replace(position=7),
        entries[6]._replace(position=8),
    )
    with pytest.raises(BadLine, match="position 7"):
        await holed.journal.fill(batches(entries))
    await nothing_has_changed(holed)


async def test_nothing_is_filled_in_where_nothing_lacks(away):
    nxt = await away.again()
    async with keeping(nxt):
        await nxt.safe()
        assert await nxt.journal.fill(batches(away.scribe.entries)) == 0
    assert nxt.kept() == away.scribe.entries


async def test_a_journal_that_is_not_open_is_not_filled(holed):
    await holed.desk.stop()
    with pytest.raises(OSError, match="not open"):
        await holed.journal.fill(batches(holed.scribe.entries))


async def test_of_two_who_fill_the_same_hole_one_does(holed):
    ready = asyncio.Event()

    async def slowly() -> AsyncIterator[Sequence[Entry]]:
        yield holed.scribe.entries[:10]
        await ready.wait()
        yield holed.scribe.entries[10:]

    slow = asyncio.create_task(holed.journal.fill(slowly()))
    assert await holed.journal.fill(batches(holed.scribe.entries)) == 15
    ready.set()
    with pytest.raises(BadLine, match="changed meanwhile"):
        await slow
    assert holed.journal.lacks == []
    assert holed.desk.kept() == holed.scribe.entries
    firsts = [segment.first for segment in holed.journal.store.segments]
    assert firsts == sorted(set(firsts))


async def test_it_is_written_on_while_it_is_filled(holed):
    nxt = holed.desk

    async def slowly() -> AsyncIterator[Sequence[Entry]]:
        yield holed.scribe.entries[:10]
        await nxt.write(3)
        await nxt.safe()
        yield holed.scribe.entries[10:THROUGH]

    nxt.start()
    assert await nxt.journal.fill(slowly()) == 15
    assert (nxt.journal.lacks, nxt.journal.chain.head.position) == ([], LAST + 3)
    assert nxt.kept() == holed.scribe.entries


async def test_a_journal_of_which_more_was_cut_meanwhile_is_not_filled(holed):
    filling = Filling(holed.journal.store)
    filling.take(holed.scribe.entries)
    await holed.journal.cut(3)
    with pytest.raises(BadLine, match="changed meanwhile"):
        filling.end()
    filling.discard()
    assert list(holed.desk.directory.glob("*.new")) == []


async def test_one_that_is_cut_short_between_two_files_does_no_harm(holed, monkeypatch):
    """Power is lost while the pieces are put in their places: the next start finds a smaller hole."""
    filling = Filling(holed.journal.store)
    filling.take(holed.scribe.entries)
    filling._part()
    (part, segment), *rest = filling._parts
    assert rest
    part.rename(segment.path)
    nxt = await holed.again()
    async with keeping(nxt):
        await until(lambda: nxt.journal.is_examined)
        assert nxt.journal.lacks == [(segment.last + 1, THROUGH)]
        assert list(nxt.directory.glob("filling*")) == []
        lacking = THROUGH - segment.last
        assert await nxt.journal.fill(batches(holed.scribe.entries)) == lacking
    assert sorted(kept_in(nxt.directory)) == sorted(holed.scribe.entries)
    assert await nxt.journal.behind(0, 100) == holed.scribe.entries


async def test_of_two_holes_the_first_is_filled_first(away):
    """It was away twice."""
    await away.trims(THROUGH)
    nxt = await away.again()
    async with keeping(nxt):
        await nxt.safe()
    for number in range(20):
        await nxt.log.put(away.scribe.saved("away again", number + 30))
    await away.trims(45)
    nxt = await away.again()
    async with keeping(nxt):
        await nxt.safe()
        assert nxt.journal.lacks == [(6, THROUGH), (LAST + 1, 45)]
        assert nxt.metric("promptcast_journal_lacks") == 15 + 14
        assert await nxt.journal.fill(batches(away.scribe.entries)) == 15
        assert nxt.journal.lacks == [(LAST + 1, 45)]
        assert nxt.journal.first == 46
        assert await nxt.journal.fill(batches(away.scribe.entries)) == 14
        assert nxt.journal.lacks == []
    assert nxt.kept() == away.scribe.entries


# --- tending --------------------------------------------------------------------------------------


async def test_what_the_log_has_no_more_is_told_once_and_not_tried_for_ever(holed):
    with capture_logs() as told:
        holed.desk.start()
        await until(lambda: holed.journal.is_examined)
    (line,) = told
    assert (line["event"], line["log_level"]) == ("journal_not_whole", "error")
    assert "position 21" in line["reason"]
    assert holed.journal.trouble is None


async def test_damage_in_what_the_log_has_still_is_mended_though_it_was_trimmed(holed):
    await holed.journal.fill(batches(holed.scribe.entries))
    await holed.desk.stop()
    victim = next(p for p in segments(holed.desk.directory) if int(p.stem) > THROUGH)
    victim.unlink()
    nxt = await holed.again()
    async with keeping(nxt):
        await until(lambda: nxt.journal.is_examined)
        assert nxt.journal.lacks == []
    assert kept_in(nxt.directory) == holed.scribe.entries
