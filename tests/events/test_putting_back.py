"""Putting entries back: on a real server, since Lua decides."""

import pytest

from events.chain import GENESIS, Chain, Entry, Head, read
from events.envelope import digest
from events.errors import Conflict, LogDiverged, LogUnavailable
from events.log import Draft
from events.signing import KeyRing
from events.streams.putting_back import PUT_BYTES, PUT_COUNT, portions
from tests.scribe import Scribe

NEXT = Draft("id-n", b'{"n":1}', digest(b'{"n":1}'))


def ends(entries):
    """The head behind ``entries``."""
    return Head(entries[-1].position, entries[-1].hash, digest(entries[-1].event))


@pytest.fixture
def scribe():
    """Everything that may stand in a log: signed, unsigned, and poison of several kinds."""
    scribe = Scribe()
    scribe.opened()
    scribe.saved("Be kind.", 1)
    scribe.poison(b"\xff\x00\r\n", hash="nonsense \xff")
    scribe.poison(b"", hash="")
    scribe.keys = KeyRing({"a": b"k" * 32})
    scribe.saved("Be brief.", 2)
    scribe.poison(b"{}", kid="only-a-kid")
    scribe.poison(b"{}", sig="only a signature \xfe")
    scribe.put(Entry(scribe.head.position + 1, b"x" * 300_000, "", 0))
    return scribe


@pytest.fixture
def log(server, log_at):
    return log_at(server.url)


@pytest.fixture
def other(server, log_at):
    """Another admin's."""
    return log_at(server.url)


async def test_entries_are_put_back_byte_for_byte_with_the_times_that_they_had(log, scribe):
    await log.put_back(scribe.entries[:3], GENESIS, "me", last=False)
    await log.put_back(scribe.entries[3:], ends(scribe.entries[:3]), "me", last=True)
    assert await log.read(0) == scribe.entries


async def test_what_was_put_back_stands_in_the_stream_as_an_append_would_have_written_it(
    server, log, other, scribe, keys
):
    for entry in scribe.entries[:2]:
        draft = Draft("id", entry.event, entry.hash, entry.kid, entry.sig)
        await log.append(draft, Head(entry.position - 1, *_before(scribe, entry)), 5.0)
    appended = server.call("XRANGE", keys.log, "-", "+")
    stored = await log.read(0)
    server.call("DEL", keys.log)
    await log.put_back(stored, GENESIS, "me", last=True)
    assert server.call("XRANGE", keys.log, "-", "+") == appended


def _before(scribe, entry):
    if entry.position == 1:
        return GENESIS.stored, GENESIS.digest
    before = scribe.entries[entry.position - 2]
    return before.hash, digest(before.event)


async def test_the_chain_of_a_log_that_was_put_back_is_the_chain_that_it_had(log, scribe):
    await log.put_back(scribe.entries, GENESIS, "me", last=True)
    chain = Chain()
    for entry in await log.read(0):
        chain, _ = read(chain, entry, scribe.keys)
    assert chain == scribe.chain()
    await log.append(NEXT, chain.head, 5.0)


@pytest.mark.parametrize(
    "wrong",
    [Head(1, "0" * 64, "0" * 64), Head(2, "0" * 64, "0" * 64), GENESIS],
    ids=["another hash", "further on", "the beginning"],
)
async def test_behind_another_head_nothing_is_put_back(server, log, scribe, keys, wrong):
    await log.put_back(scribe.entries[:1], GENESIS, "me", last=True)
    late = [scribe.entries[wrong.position]._replace(position=wrong.position + 1)]
    with pytest.raises(Conflict) as conflict:
        await log.put_back(late, wrong, "me", last=False)
    assert (conflict.value.position, conflict.value.stored) == (1, scribe.entries[0].hash)
    assert server.call("XLEN", keys.log) == 1
    assert not server.call("EXISTS", keys.fence), "nobody is kept out for nothing"


async def test_while_a_log_is_put_back_nobody_appends_but_the_holder_goes_on(
    log, other, scribe, server, keys
):
    await log.put_back(scribe.entries[:2], GENESIS, "me", last=False)
    with pytest.raises(LogUnavailable, match="put back"):
        await other.append(NEXT, ends(scribe.entries[:2]), 5.0)
    with pytest.raises(LogUnavailable, match="put back"):
        await log.append(NEXT, ends(scribe.entries[:2]), 5.0)
    with pytest.raises(LogUnavailable, match="somebody else"):
        await other.put_back(scribe.entries[2:], ends(scribe.entries[:2]), "another", last=True)
    assert 9_000 < server.call("PTTL", keys.fence) <= 10_000
    assert await log.read(0) == scribe.entries[:2]
    await log.put_back(scribe.entries[2:], ends(scribe.entries[:2]), "me", last=True)
    await other.append(NEXT, ends(scribe.entries), 5.0)


async def test_the_fence_of_one_log_is_no_fence_of_the_other(log, server, scribe, keys):
    from events.streams.link import connector
    from events.streams.log import RedisLog

    access = RedisLog.over(connector(server.url), keys.access)
    try:
        await log.put_back(scribe.entries[:1], GENESIS, "me", last=False)
        await access.append(NEXT, GENESIS, 5.0)
    finally:
        await access.close()


async def test_a_fence_is_taken_renewed_and_let_go_without_entries(log, other, server, keys):
    await log.put_back([], GENESIS, "me", last=False)
    server.call("PEXPIRE", keys.fence, 3_000)
    await log.put_back([], GENESIS, "me", last=False)
    assert server.call("PTTL", keys.fence) > 9_000
    await other.unfence("another")
    assert server.call("EXISTS", keys.fence)
    await other.unfence("me")
    await other.append(NEXT, GENESIS, 5.0)
    with pytest.raises(Conflict):
        await log.put_back([], GENESIS, "me", last=True)


async def test_a_stream_that_had_entries_which_were_deleted_takes_none_back(
    log, server, scribe, keys
):
    """Its ids are used up: it must be rebuilt. The fence is not left standing."""
    await log.put_back(scribe.entries[:3], GENESIS, "me", last=True)
    server.call("XDEL", keys.log, "3-0")
    with pytest.raises(LogDiverged):
        await log.put_back(scribe.entries[2:], ends(scribe.entries[:2]), "me", last=False)
    assert server.call("XLEN", keys.log) == 2
    assert not server.call("EXISTS", keys.fence)


async def test_what_is_no_stream_takes_no_entries(log, server, scribe, keys):
    server.call("SET", keys.log, "text")
    with pytest.raises(LogDiverged):
        await log.put_back(scribe.entries, GENESIS, "me", last=True)
    assert server.call("GET", keys.log) == b"text"


async def test_a_hole_among_what_is_put_back_is_refused_before_anything_is_sent(log, scribe):
    with pytest.raises(ValueError, match="position 3 where 2 was next"):
        await log.put_back([scribe.entries[0], scribe.entries[2]], GENESIS, "me", last=True)
    assert await log.raw_head() is None


# --- a log that was trimmed ----------------------------------------------------------------------


@pytest.mark.parametrize("there", ["nothing", "an empty stream that was never used"])
async def test_a_log_that_was_trimmed_begins_behind_what_is_gone(log, server, scribe, keys, there):
    if there != "nothing":
        server.call("XGROUP", "CREATE", keys.log, "chat-1", "0", "MKSTREAM")
    after = ends(scribe.entries[:3])
    await log.put_back(scribe.entries[3:5], after, "me", last=False, begins=True)
    await log.put_back(scribe.entries[5:], ends(scribe.entries[:5]), "me", last=True)
    assert await log.read(3) == scribe.entries[3:]
    assert await log.begins() == Head(4, scribe.entries[3].hash, "")


async def test_a_log_begins_where_something_stands_only_in_its_place(log, server, scribe, keys):
    """Whoever puts the beginning back has been forestalled: nothing is written a second time."""
    await log.put_back(scribe.entries[:3], GENESIS, "me", last=True)
    with pytest.raises(Conflict) as conflict:
        await log.put_back(
            scribe.entries[4:], ends(scribe.entries[:4]), "me", last=True, begins=True
        )
    assert (conflict.value.position, conflict.value.stored) == (3, scribe.entries[2].hash)
    assert await log.read(0) == scribe.entries[:3]
    assert not server.call("EXISTS", keys.fence)
    await log.put_back(scribe.entries[3:], ends(scribe.entries[:3]), "me", last=True, begins=True)
    assert await log.read(0) == scribe.entries


async def test_unless_it_is_said_to_begin_there_a_log_begins_at_its_beginning(log, scribe):
    with pytest.raises(Conflict):
        await log.put_back(scribe.entries[3:], ends(scribe.entries[:3]), "me", last=True)
    assert await log.raw_head() is None


async def test_another_holder_of_the_fence_is_heeded_by_a_beginning_too(log, other, scribe):
    await other.put_back([], GENESIS, "another", last=False)
    with pytest.raises(LogUnavailable, match="somebody else"):
        await log.put_back(
            scribe.entries[3:], ends(scribe.entries[:3]), "me", last=True, begins=True
        )
    assert await log.raw_head() is None


async def test_a_stream_whose_entries_were_all_deleted_does_not_begin_again(
    log, server, scribe, keys
):
    """Its ids are used up: it must be rebuilt."""
    await log.put_back(scribe.entries, GENESIS, "me", last=True)
    server.call("XTRIM", keys.log, "MAXLEN", 0)
    with pytest.raises(LogDiverged):
        await log.put_back(
            scribe.entries[3:], ends(scribe.entries[:3]), "me", last=True, begins=True
        )
    assert await log.raw_head() == ("0-0", "")


def test_portions_are_bounded_in_entries_and_in_bytes_and_hold_everything():
    many = [Entry(n, b"e", "h" * 64, n) for n in range(1, 1001)]
    assert [len(part) for part in portions(many)] == [PUT_COUNT, PUT_COUNT, PUT_COUNT, 232]
    large = [Entry(n, b"e" * (PUT_BYTES // 3), "h" * 64, n) for n in range(1, 6)]
    assert [len(part) for part in portions(large)] == [2, 2, 1]
    huge = [Entry(n, b"e" * (PUT_BYTES + 1), "h" * 64, n) for n in range(1, 4)]
    assert [len(part) for part in portions(huge)] == [1, 1, 1]
    assert list(portions([])) == []
    assert [entry for part in portions(many) for entry in part] == many


# --- what stands there, whatever it is ------------------------------------------------------------


async def test_the_raw_head_is_what_stands_last_even_a_stray(log, server, scribe, keys):
    assert await log.raw_head() is None
    await log.put_back(scribe.entries[:3], GENESIS, "me", last=True)
    assert await log.raw_head() == ("3-0", "nonsense \xff")
    server.call("XADD", keys.log, "1700000000000-5", "what", "ever")
    assert await log.raw_head() == ("1700000000000-5", "")
    server.call("XTRIM", keys.log, "MAXLEN", 0)
    assert await log.raw_head() == ("0-0", "")


async def test_raw_reading_goes_on_behind_strays(log, server, scribe, keys):
    await log.put_back(scribe.entries[:2], GENESIS, "me", last=True)
    server.call("XADD", keys.log, "2-7", "what", "ever")
    server.call("XADD", keys.log, "1700000000000-0", "event", "{}", "hash", "h")
    first = await log.raw("0-0", 2)
    assert [each.id for each in first] == ["1-0", "2-0"]
    assert [each.entry() for each in first] == scribe.entries[:2]
    rest = await log.raw(first[-1].id)
    assert rest == [
        ("2-7", (b"what", b"ever")),
        ("1700000000000-0", (b"event", b"{}", b"hash", b"h")),
    ]
    assert await log.raw(rest[-1].id) == []
