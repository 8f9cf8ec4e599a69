"""A log whose oldest entries are read from an archive: over fakeredis, and over a real server."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from events.chain import Chain, Entry, Head, read
from events.errors import StrayId, TrimmedPast
from events.limits import MAX_READ_BYTES
from events.log import READ_COUNT
from events.memory import size_of
from events.signing import KeyRing
from events.streams.log import RedisLog
from projections.reading import ReadAhead
from tests.events.subjects import InRedis, rewrite
from tests.scribe import Scribe

EVENTS, FIRST = 40, 31
"""How many there are, and the first that the server has still."""


@dataclass
class Kept:
    """An archive in memory, which counts how often it was asked."""

    entries: list[Entry]
    through: int = FIRST - 1
    asked: list[str] = field(default_factory=list)

    def trimmed(self) -> int:
        return self.through

    async def behind(
        self, position: int, count: int = READ_COUNT, max_bytes: int = MAX_READ_BYTES
    ) -> Sequence[Entry]:
        self.asked.append("behind")
        found: list[Entry] = []
        size = 0
        for entry in self.entries:
            if entry.position > position and len(found) < count:
                size += size_of(entry)
                if found and size > max_bytes:
                    break
                if entry.position != position + 1 + len(found):
                    break
                found.append(entry)
        return found

    async def holds(self, head: Head) -> bool:
        self.asked.append("holds")
        found = [entry.hash for entry in self.entries if entry.position == head.position]
        return found == [head.stored]


def written(actor: str = "ann") -> Scribe:
    scribe = Scribe()
    scribe.opened()
    for version in range(1, EVENTS):
        scribe.saved(f"version {version} " + "x" * (10 * (version % 7)), version, actor=actor)
    return scribe


@pytest.fixture(scope="module")
def scribe():
    return written()


@pytest.fixture(params=["fakeredis", pytest.param("redis", marks=pytest.mark.redis)])
async def subject(request: pytest.FixtureRequest, keys, scribe) -> AsyncIterator[InRedis]:
    """Its server has the last events only."""
    if request.param == "fakeredis":
        made = InRedis.faked(keys)
    else:
        made = InRedis.at(request.getfixturevalue("server").url, keys)
    await rewrite(made, scribe.entries[FIRST - 1 :])
    yield made
    await made.close()


@pytest.fixture
def archive(scribe):
    return Kept(list(scribe.entries))


@pytest.fixture
def log(subject, archive) -> RedisLog:
    subject.log.archive = archive
    return subject.log


async def pages(log, **bounds):
    found, position = [], 0
    while page := await log.read(position, **bounds):
        found.append([entry.position for entry in page])
        position = found[-1][-1]
    return found


# --- reading --------------------------------------------------------------------------------------


async def test_it_is_read_as_if_nothing_had_gone(log, scribe):
    assert await pages(log) == [list(range(1, FIRST)), list(range(FIRST, EVENTS + 1))]
    for after in (0, 1, FIRST - 3, FIRST - 2, FIRST - 1, FIRST, EVENTS - 1, EVENTS):
        found = await log.read(after)
        assert found == scribe.entries[after : after + len(found)]
        assert bool(found) == (after < EVENTS)


async def test_it_is_read_ahead_from_end_to_end(log, scribe):
    found: list[Entry] = []
    async with ReadAhead(log) as ahead:
        while page := await ahead.behind(len(found)):
            found += page
    assert found == scribe.entries


@pytest.mark.parametrize("count", [1, 7, 30, 31])
async def test_a_page_from_the_archive_has_no_more_entries_than_any(log, count):
    found = await pages(log, count=count)
    assert [position for page in found for position in page] == list(range(1, EVENTS + 1))
    assert max(map(len, found)) <= count


async def test_a_page_from_the_archive_has_no_more_bytes_than_any(log, scribe):
    most = 2 * max(map(size_of, scribe.entries))
    found = await pages(log, max_bytes=most)
    assert [position for page in found for position in page] == list(range(1, EVENTS + 1))
    sizes = {entry.position: size_of(entry) for entry in scribe.entries}
    assert all(sum(sizes[position] for position in page) <= most for page in found)
    assert max(map(len, found)) > 1


async def test_what_the_server_has_is_read_from_the_server_alone(log, archive):
    await log.read(FIRST - 1)
    await log.read(FIRST + 3)
    assert (await log.pulse(FIRST)).stored_at
    assert archive.asked == []


@pytest.mark.parametrize("after", [0, 10, FIRST - 2])
async def test_a_hole_that_nobody_declared_is_not_hidden(log, archive, after):
    """Somebody has cut the log: its readers must find that, though another copy is at hand."""
    archive.through = FIRST - 2
    assert [entry.position for entry in await log.read(after)] == list(range(FIRST, EVENTS + 1))
    pulse = await log.pulse(after)
    assert (pulse.stored_at, pulse.first) == (None, FIRST)
    assert "behind" not in archive.asked


async def test_a_hole_in_the_midst_is_not_hidden_either(subject, log, scribe):
    await subject.hand.call("XDEL", subject.keys.log, f"{FIRST + 3}-0")
    assert (await log.read(FIRST + 2))[0].position == FIRST + 4
    pulse = await log.pulse(FIRST + 3)
    assert (pulse.stored_at, pulse.first) == (None, FIRST)


async def test_more_may_have_been_declared_than_is_gone(log, scribe, archive):
    """Trimming goes in steps, and may have been cut short."""
    archive.through = FIRST + 5
    assert (await log.read(3))[0] == scribe.entries[3]
    assert (await log.pulse(4)).stored_at == scribe.entries[3].hash
    assert (await log.read(FIRST))[0] == scribe.entries[FIRST]


async def test_the_archive_of_another_history_is_not_believed(log, archive):
    archive.entries = written("eve").entries
    with pytest.raises(TrimmedPast) as past:
        await log.read(4)
    assert (past.value.known, past.value.first) == (4, FIRST)
    pulse = await log.pulse(5)
    assert (pulse.stored_at, pulse.first) == (None, FIRST)
    assert archive.asked == ["holds", "holds"]


async def test_what_the_archive_lacks_is_told_and_not_passed_over(log, archive, scribe):
    del archive.entries[5:9]
    assert [entry.position for entry in await log.read(0)] == [1, 2, 3, 4, 5]
    with pytest.raises(TrimmedPast) as past:
        await log.read(5)
    assert (past.value.known, past.value.first) == (5, FIRST)
    assert (await log.read(9))[0].position == 10
    assert (await log.pulse(5)).stored_at == scribe.entries[4].hash
    assert (await log.pulse(7)).stored_at is None
    assert (await log.pulse(7)).first == FIRST


async def test_without_an_archive_what_is_gone_is_found_missing(subject):
    log = subject.log
    assert (await log.read(4))[0].position == FIRST
    assert (await log.pulse(5))[-2:] != (0, "")


# --- not asking in vain ---------------------------------------------------------------------------


@pytest.fixture
def counts(monkeypatch):
    """How many entries the server was asked for, each time."""
    made: list[int] = []
    read = RedisLog._read

    async def counted(self, after, count, max_bytes):
        made.append(count)
        return await read(self, after, count, max_bytes)

    monkeypatch.setattr(RedisLog, "_read", counted)
    return made


async def test_a_log_that_is_whole_again_is_read_from_the_server_alone(
    subject, log, scribe, archive, counts
):
    assert len(await log.read(0)) == FIRST - 1
    await rewrite(subject, scribe.entries)
    archive.asked.clear()
    assert await log.read(0, 100) == scribe.entries
    assert await log.read(0, 100) == scribe.entries
    assert (await log.pulse(3)).stored_at == scribe.entries[2].hash
    assert archive.asked == []
    assert counts == [READ_COUNT, 1, 100, 100], "it is looked for in vain once"


async def test_while_it_reads_the_archive_the_server_ships_one_entry_and_not_a_page(log, counts):
    await pages(log, count=10)
    assert counts == [10, 1, 1, 10, 10]


async def test_a_log_that_is_gone_is_not_read_from_the_archive(subject, log, archive):
    """What is trimmed is part of a log that is there."""
    await log.read(0)
    await subject.remove()
    archive.asked.clear()
    assert list(await log.read(0)) == []
    assert not (await log.pulse(3)).exists
    assert (await log.pulse(3)).stored_at is None
    assert archive.asked == []


async def test_a_log_that_was_trimmed_further_is_read_through_the_archive_from_there(
    subject, log, scribe, archive
):
    await log.read(0)
    await rewrite(subject, scribe.entries[34:])
    archive.through = 34
    assert await pages(log) == [list(range(1, 35)), list(range(35, EVENTS + 1))]


# --- where it begins ------------------------------------------------------------------------------


async def test_the_pulse_of_what_was_trimmed_is_that_of_the_whole_log(log, scribe):
    for position in (1, 17, FIRST - 1):
        pulse = await log.pulse(position)
        assert pulse.stored_at == scribe.entries[position - 1].hash
        assert (pulse.first, pulse.head_position, pulse.head_stored) == (
            0,
            EVENTS,
            scribe.head.stored,
        )
    assert (await log.pulse(0))[-2:] == (0, "")
    assert (await log.pulse(0)).stored_at is None
    assert (await log.pulse(EVENTS + 1)).stored_at is None


async def test_where_it_begins_on_the_server_is_told_whatever_the_archive_has(
    subject, log, scribe, archive
):
    first = scribe.entries[FIRST - 1]
    assert await log.begins() == Head(FIRST, first.hash, "")
    archive.through = 0
    assert await log.begins() == Head(FIRST, first.hash, "")
    await rewrite(subject, scribe.entries)
    assert await log.begins() == Head(1, scribe.entries[0].hash, "")
    await subject.remove()
    assert await log.begins() is None


async def test_what_is_at_the_beginning_and_is_no_position_of_ours_is_no_beginning(
    subject, log, archive
):
    await subject.remove()
    await subject.put(Entry(1_700_000_000_000, b"x", "y", 5))
    archive.asked.clear()
    assert (await log.pulse(3)).stored_at is None
    (stray,) = await log.read(3)
    with pytest.raises(StrayId):
        read(Chain(), stray, KeyRing())
    assert archive.asked == []
