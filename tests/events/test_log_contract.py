"""What every :class:`~events.log.EventLog` promises, tried on each.

All of it runs over fakeredis, too, whose Lua and streams do all that the log's scripts need. Blocking
reads, groups, lost replies and refused writes need a real server: `test_redis_log`, `test_feeds`.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator

import pytest

from events.chain import GENESIS, Chain, Entry, Head, read
from events.envelope import digest
from events.errors import AppendExpired, Conflict, StrayId
from events.log import Draft
from events.memory import size_of
from events.signing import KeyRing
from events.writing import appended
from tests.events.subjects import InMemory, InRedis, Subject, rewrite
from tests.scribe import Scribe


@pytest.fixture(params=["memory", "fakeredis", pytest.param("redis", marks=pytest.mark.redis)])
async def subject(request: pytest.FixtureRequest, keys) -> AsyncIterator[Subject]:
    made: Subject
    if request.param == "memory":
        made = InMemory()
    elif request.param == "fakeredis":
        made = InRedis.faked(keys)
    else:
        server = request.getfixturevalue("server")
        made = InRedis.at(server.url, keys)
    yield made
    await made.close()


@pytest.fixture
def log(subject):
    return subject.log


def draft(event: bytes = b'{"a":1}', **fields) -> Draft:
    return Draft("id", event, digest(event), **fields)


async def grown(log, *events: bytes) -> list[Entry]:
    """``log`` with one more entry for each of ``events``; all that it holds."""
    pulse = await log.pulse()
    head = Head(pulse.head_position, pulse.head_stored, "")
    for event in events:
        await log.append(draft(event), head, 5.0)
        head = Head(head.position + 1, digest(event), "")
    return list(await log.read(0, count=1000))


async def nothing_was_written(log, entries):
    assert list(await log.read(0)) == entries


# --- a log that is not there yet ------------------------------------------------------------------


async def test_a_log_that_does_not_exist_is_not_an_empty_one(log):
    pulse = await log.pulse()
    assert not pulse.exists
    assert (pulse.head_position, pulse.head_stored, pulse.stored_at) == (0, "", None)
    assert list(await log.read(0)) == []


async def test_looking_at_a_log_does_not_create_it(log):
    await log.pulse(1)
    await log.read(0)
    assert not (await log.pulse()).exists


@pytest.mark.parametrize("head", [Head(1, "a" * 64, ""), Head(7, "", ""), Head(0, "a", "")])
async def test_a_missing_log_is_never_created_by_an_append_behind_what_was_there(log, head):
    with pytest.raises(Conflict) as conflict:
        await log.append(draft(), head, 5.0)
    assert (conflict.value.position, conflict.value.stored) == (0, "")
    assert not (await log.pulse()).exists


# --- appending ------------------------------------------------------------------------------------


async def test_an_append_is_read_back_as_it_was_written(log):
    first = draft(b'{"a":"\xc3\xa9"}')
    at, _ = await log.append(first, GENESIS, 5.0)
    assert list(await log.read(0)) == [appended(first, GENESIS, at)]


@pytest.mark.parametrize("event", [b"\x00", b"\xff\xfe", b"\r\n$3\r\n", b" ", b"x" * 300_000])
async def test_any_bytes_are_kept(log, event):
    (entry,) = await grown(log, event)
    assert entry.event == event


async def test_a_signature_is_kept_with_the_name_of_its_key(log):
    await log.append(draft(kid="k", sig="s"), GENESIS, 5.0)
    (entry,) = await log.read(0)
    assert (entry.kid, entry.sig) == ("k", "s")


async def test_positions_are_gapless_from_1(log):
    entries = await grown(log, b"1", b"2", b"3")
    assert [entry.position for entry in entries] == [1, 2, 3]


async def test_an_append_says_when_it_was_written_in_the_log_s_own_time(log):
    before = (await log.pulse()).now
    at, _ = await log.append(draft(), GENESIS, 5.0)
    after = (await log.pulse()).now
    assert before <= at <= after
    assert (await log.read(0))[0].at == at
    assert abs(at / 1e6 - time.time()) < 60
    assert abs(log.clock.now() - after) < 5_000_000


@pytest.mark.parametrize(
    "head",
    [
        GENESIS,
        Head(1, digest(b"1"), ""),
        Head(2, "a" * 64, ""),
        Head(2, "", ""),
        Head(3, digest(b"2"), ""),
    ],
    ids=["none", "older", "other-hash", "no-hash", "later"],
)
async def test_an_append_behind_another_head_is_a_conflict_that_names_the_real_one(log, head):
    entries = await grown(log, b"1", b"2")
    with pytest.raises(Conflict) as conflict:
        await log.append(draft(), head, 5.0)
    assert (conflict.value.position, conflict.value.stored) == (2, digest(b"2"))
    await nothing_was_written(log, entries)


async def test_of_many_appends_behind_one_head_one_wins(log):
    entries = await grown(log, b"1")
    head = Head(1, entries[0].hash, "")
    appends = [log.append(draft(b"%d" % n), head, 5.0) for n in range(20)]
    ended = await asyncio.gather(*appends, return_exceptions=True)
    assert len([e for e in ended if isinstance(e, Conflict)]) == 19
    assert len(await log.read(0)) == 2


async def test_the_hash_is_compared_as_it_is_stored_even_behind_poison(subject, log):
    await subject.put(Entry(1, b"{", "nonsense", 5))
    with pytest.raises(Conflict):
        await log.append(draft(), Head(1, digest(b"{"), digest(b"{")), 5.0)
    await log.append(draft(), Head(1, "nonsense", digest(b"{")), 5.0)
    assert (await log.pulse()).head_position == 2


async def test_an_append_that_comes_too_late_writes_nothing(subject, log):
    entries = await grown(log, b"1")
    with pytest.raises(AppendExpired):
        await subject.late(draft(), Head(1, digest(b"1"), ""))
    await nothing_was_written(log, entries)


async def test_an_append_that_is_late_and_behind_another_head_is_a_conflict(subject, log):
    entries = await grown(log, b"1")
    with pytest.raises(Conflict):
        await subject.late(draft(), GENESIS)
    await nothing_was_written(log, entries)


# --- the pulse ------------------------------------------------------------------------------------


async def test_the_pulse_tells_the_head_and_the_hash_at_the_position_asked_about(log):
    await grown(log, b"1", b"2", b"3")
    for position in (1, 2, 3):
        pulse = await log.pulse(position)
        assert pulse.exists
        assert (pulse.head_position, pulse.head_stored) == (3, digest(b"3"))
        assert pulse.stored_at == digest(b"%d" % position)


@pytest.mark.parametrize("position", [0, 4, 10**12])
async def test_the_pulse_knows_of_nothing_where_nothing_stands(log, position):
    await grown(log, b"1", b"2", b"3")
    assert (await log.pulse(position)).stored_at is None


async def test_an_entry_without_a_hash_has_an_empty_one_which_is_not_none(subject, log):
    await subject.put(Entry(1, b"x", "", 5))
    pulse = await log.pulse(1)
    assert (pulse.head_position, pulse.head_stored, pulse.stored_at) == (1, "", "")


async def test_the_pulse_tells_what_the_log_begins_with_where_nothing_stands(log):
    first, *_ = await grown(log, b"1", b"2", b"3")
    for position in (0, 4):
        pulse = await log.pulse(position)
        assert (pulse.first, pulse.first_stored) == (1, first.hash)
    for position in (1, 2, 3):
        pulse = await log.pulse(position)
        assert (pulse.first, pulse.first_stored) == (0, "")


async def test_a_log_without_entries_begins_nowhere(subject, log):
    assert (await log.pulse(7))[-2:] == (0, "")
    await rewrite(subject, [])
    assert (await log.pulse(0))[-2:] == (0, "")


# --- reading --------------------------------------------------------------------------------------


async def paged(log, **bounds):
    """The whole log, read page by page."""
    pages, position = [], 0
    while page := await log.read(position, **bounds):
        pages.append([entry.position for entry in page])
        position = pages[-1][-1]
    return pages


async def test_reading_begins_behind_the_position(log):
    await grown(log, b"1", b"2", b"3")
    assert [entry.position for entry in await log.read(1)] == [2, 3]
    assert list(await log.read(3)) == []
    assert list(await log.read(99)) == []


@pytest.mark.parametrize("count", [1, 7, 8, 9, 16, 20, 100])
async def test_a_read_brings_at_most_so_many_entries(log, count):
    await grown(log, *[b"%d" % n for n in range(20)])
    pages = await paged(log, count=count)
    assert [position for page in pages for position in page] == list(range(1, 21))
    assert {len(page) for page in pages[:-1]} <= {count}


async def test_a_read_brings_at_most_so_many_bytes(log):
    """Bytes of the fields' names and values; the bound is exact."""
    entries = await grown(log, b"a" * 100, b"b" * 200, b"c" * 300)
    two = size_of(entries[0]) + size_of(entries[1])
    assert await paged(log, max_bytes=two) == [[1, 2], [3]]
    assert await paged(log, max_bytes=two - 1) == [[1], [2], [3]]
    assert await paged(log, max_bytes=two + size_of(entries[2])) == [[1, 2, 3]]


async def test_the_bound_in_bytes_counts_signatures_too(log):
    await log.append(draft(b"a", kid="k" * 9, sig="s" * 64), GENESIS, 5.0)
    await grown(log, b"b")
    both = sum(size_of(entry) for entry in await log.read(0))
    assert await paged(log, max_bytes=both) == [[1, 2]]
    assert await paged(log, max_bytes=both - 1) == [[1], [2]]


async def test_an_entry_that_is_larger_than_the_bound_comes_alone(log):
    await grown(log, b"1", b"x" * 5000, b"3", b"4")
    assert await paged(log, max_bytes=1000) == [[1], [2], [3, 4]]


async def test_bounds_hold_over_many_entries(log):
    entries = await grown(log, *[b"x" * (50 * (n % 7 + 1)) for n in range(40)])
    sizes = {entry.position: size_of(entry) for entry in entries}
    pages = await paged(log, count=11, max_bytes=2500)
    assert [position for page in pages for position in page] == list(range(1, 41))
    for page, following in itertools.pairwise(pages):
        held = sum(sizes[position] for position in page)
        assert held <= 2500
        assert len(page) == 11 or held + sizes[following[0]] > 2500


# --- a log that another hand has touched ----------------------------------------------------------


@pytest.fixture
def scribe():
    scribe = Scribe(KeyRing({"k": b"secret"}))
    scribe.opened()
    scribe.saved("v1", 1)
    scribe.saved("v2", 2)
    return scribe


async def test_a_whole_log_is_read_as_its_scribe_wrote_it(subject, log, scribe):
    await rewrite(subject, scribe.entries)
    assert list(await log.read(0)) == scribe.entries
    assert (await log.pulse()).head_stored == scribe.head.stored


async def test_an_entry_that_was_not_given_its_id_by_us_lies_beyond_every_position(
    subject, log, scribe
):
    await rewrite(subject, scribe.entries)
    await subject.put(Entry(1_700_000_000_000, b"x", "y", 5))
    pulse = await log.pulse(3)
    assert pulse.head_position > 10**11
    assert pulse.stored_at == scribe.head.stored
    (stray,) = await log.read(3)
    with pytest.raises(StrayId):
        read(scribe.chain(), stray, scribe.keys)
    with pytest.raises(Conflict) as conflict:
        await log.append(draft(), scribe.head, 5.0)
    assert conflict.value.position == pulse.head_position


async def test_a_log_that_was_rewritten_with_the_same_length_has_other_hashes(subject, log, scribe):
    await rewrite(subject, scribe.entries)
    other = Scribe()
    other.opened()
    other.saved("evil", 1)
    other.saved("v2", 2)
    await rewrite(subject, other.entries)
    assert (await log.pulse(3)).stored_at == other.head.stored != scribe.head.stored
    with pytest.raises(Conflict) as conflict:
        await log.append(draft(), scribe.head, 5.0)
    assert (conflict.value.position, conflict.value.stored) == (3, other.head.stored)


async def test_a_log_that_was_cut_ends_earlier(subject, log, scribe):
    await rewrite(subject, scribe.entries[:2])
    pulse = await log.pulse(3)
    assert (pulse.exists, pulse.head_position, pulse.stored_at) == (True, 2, None)
    with pytest.raises(Conflict):
        await log.append(draft(), scribe.head, 5.0)


async def test_a_log_that_was_removed_is_missing_and_stays_so(subject, log, scribe):
    await rewrite(subject, scribe.entries)
    await subject.remove()
    assert not (await log.pulse(3)).exists
    with pytest.raises(Conflict):
        await log.append(draft(), scribe.head, 5.0)
    assert not (await log.pulse()).exists


async def test_a_gap_is_read_as_it_is(subject, log, scribe):
    await rewrite(subject, [scribe.entries[0], scribe.entries[2]])
    entries = await log.read(0)
    assert [entry.position for entry in entries] == [1, 3]
    assert (await log.pulse(2)).stored_at is None
    assert read(Chain(), entries[0], scribe.keys)[0].head.position == 1


async def test_a_log_whose_beginning_was_removed_tells_where_it_begins_now(subject, log, scribe):
    """So that whoever knows what lies before that can tell a log that was trimmed from another one."""
    await rewrite(subject, scribe.entries[1:])
    for position in (0, 1):
        pulse = await log.pulse(position)
        assert (pulse.exists, pulse.head_position, pulse.stored_at) == (True, 3, None)
        assert (pulse.first, pulse.first_stored) == (2, scribe.entries[1].hash)
    assert (await log.pulse(2))[-2:] == (0, "")
    assert [entry.position for entry in await log.read(0)] == [2, 3]


async def test_a_log_that_begins_with_an_entry_without_a_hash_begins_there(subject, log):
    await rewrite(subject, [Entry(5, b"x", "", 5), Entry(6, b"y", "h", 5)])
    assert (await log.pulse(4))[-2:] == (5, "")
