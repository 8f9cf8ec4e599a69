"""Rebuilding a log beside the present one, on a real server."""

import pytest

from events.chain import GENESIS, Entry, Head, head_of
from events.envelope import digest
from events.errors import Conflict, LogUnavailable
from events.log import Draft
from events.streams.putting_back import PUT_COUNT
from events.streams.rebuilding import Rebuilding
from tests.scribe import Scribe

NEXT = Draft("id-n", b'{"n":1}', digest(b'{"n":1}'))


@pytest.fixture
def scribe():
    scribe = Scribe()
    scribe.opened()
    for version in range(1, 4):
        scribe.saved(f"v{version}", version)
    return scribe


@pytest.fixture
async def log(server, log_at, scribe):
    log = log_at(server.url)
    await log.put_back(scribe.entries, GENESIS, "me", last=True)
    return log


@pytest.fixture
def rebuilding(server, link_to, keys):
    return Rebuilding(link_to(server.url), keys, "me")


async def test_a_stray_is_left_behind_and_the_log_goes_on(server, log, scribe, rebuilding, keys):
    server.call("XADD", keys.log, "*", "what", "ever")
    stray = await log.raw_head()
    await rebuilding.begin()
    await rebuilding.add(scribe.entries)
    assert await rebuilding.swap(*stray)
    assert await log.read(0) == scribe.entries
    assert not server.call("EXISTS", keys.rebuilt, keys.fence)
    assert rebuilding.head == scribe.head
    await log.append(NEXT, scribe.head, 5.0)


@pytest.mark.parametrize("there", ["nothing", "text", "nothing any more"])
async def test_a_log_that_is_gone_comes_back(server, log, scribe, rebuilding, keys, there):
    server.call("DEL", keys.log)
    if there == "text":
        server.call("SET", keys.log, there)
    if there == "nothing any more":
        server.call("XADD", keys.log, "9-0", "a", "b")
        server.call("XDEL", keys.log, "9-0")
    old = await log.raw_head()
    await rebuilding.begin()
    await rebuilding.add(scribe.entries)
    assert await rebuilding.swap(*(old or (None, "")))
    assert await log.read(0) == scribe.entries


@pytest.mark.parametrize("there", ["all of it", "nothing", "nothing any more"])
async def test_a_log_that_was_trimmed_is_rebuilt_from_there(
    server, log, scribe, rebuilding, keys, there
):
    start = head_of(scribe.entries[1])
    if there == "nothing":
        server.call("DEL", keys.log)
    if there == "nothing any more":
        server.call("XTRIM", keys.log, "MAXLEN", 0)
    old = await log.raw_head()
    await rebuilding.begin(start)
    assert rebuilding.head == start
    await rebuilding.add(scribe.entries[2:3])
    await rebuilding.add(scribe.entries[3:])
    assert await rebuilding.swap(*(old or (None, "")))
    assert [entry.position for entry in await log.read(0)] == [3, 4]
    assert await log.read(2) == scribe.entries[2:]
    await log.append(NEXT, scribe.head, 5.0)


async def test_what_is_rebuilt_behind_another_start_is_begun_anew(
    server, log, scribe, rebuilding, keys
):
    await rebuilding.begin(head_of(scribe.entries[1]))
    await rebuilding.add(scribe.entries[2:])
    await rebuilding.begin()
    with pytest.raises(ValueError, match="position 3 where 1 was next"):
        await rebuilding.add(scribe.entries[2:])
    await rebuilding.add(scribe.entries[:2])
    assert await rebuilding.swap("4-0", scribe.head.stored)
    assert await log.read(0) == scribe.entries[:2]


async def test_what_follows_upon_the_first_piece_must_follow_upon_it(
    server, log, scribe, rebuilding, keys
):
    """Only the first piece may begin in an empty stream: what was lost meanwhile is noticed."""
    await rebuilding.begin(head_of(scribe.entries[0]))
    await rebuilding.add(scribe.entries[1:2])
    server.call("DEL", keys.rebuilt)
    with pytest.raises(Conflict):
        await rebuilding.add(scribe.entries[2:])


@pytest.mark.parametrize("old", [None, ("3-0", ""), ("4-0", "0" * 64), ("0-0", "")])
async def test_another_log_than_was_thought_stays_where_it_is(
    server, log, scribe, rebuilding, keys, old
):
    await rebuilding.begin()
    await rebuilding.add(scribe.entries[:1])
    assert not await rebuilding.swap(*(old or (None, "")))
    assert await log.read(0) == scribe.entries
    assert server.call("EXISTS", keys.fence, keys.rebuilt) == 2, "one may look again, and swap"
    assert await rebuilding.swap("4-0", scribe.head.stored)
    assert await log.read(0) == scribe.entries[:1]


async def test_nobody_appends_while_it_is_rebuilt_and_whoever_did_all_the_same_is_not_lost(
    server, log, scribe, rebuilding, keys
):
    old = await log.raw_head()
    await rebuilding.begin()
    with pytest.raises(LogUnavailable, match="put back"):
        await log.append(NEXT, scribe.head, 5.0)
    await rebuilding.add(scribe.entries)
    server.call("DEL", keys.fence)
    assert not await rebuilding.swap(*old), "who knows what was written meanwhile"
    await log.append(NEXT, scribe.head, 5.0)
    assert not await rebuilding.swap(*old), "the fence was lost"
    await rebuilding.add([])
    server.call("SET", keys.fence, "me")
    assert not await rebuilding.swap(*old), "the log has grown"
    assert [entry.event for entry in await log.read(4)] == [NEXT.event]


async def test_of_two_who_would_rebuild_it_one_may(server, link_to, log, rebuilding, keys, scribe):
    other = Rebuilding(link_to(server.url), keys, "another")
    await rebuilding.begin()
    with pytest.raises(LogUnavailable, match="somebody else"):
        await other.begin()
    with pytest.raises(LogUnavailable, match="somebody else"):
        await other.add(scribe.entries)
    await rebuilding.abandon()
    await other.begin()
    assert not await rebuilding.swap("4-0", scribe.head.stored)


async def test_what_an_earlier_try_has_left_is_no_part_of_the_next(
    server, log, scribe, rebuilding, keys
):
    await rebuilding.begin()
    await rebuilding.add(scribe.entries)
    await rebuilding.begin()
    await rebuilding.add(scribe.entries[:2])
    assert await rebuilding.swap("4-0", scribe.head.stored)
    assert await log.read(0) == scribe.entries[:2]


async def test_abandoning_leaves_nothing_behind_and_lets_everybody_in(
    server, log, scribe, rebuilding, keys
):
    await rebuilding.begin()
    await rebuilding.add(scribe.entries)
    await rebuilding.abandon()
    assert not server.call("EXISTS", keys.rebuilt, keys.fence)
    await log.append(NEXT, scribe.head, 5.0)


async def test_half_of_what_was_written_takes_nobody_s_place(server, log, scribe, rebuilding, keys):
    await rebuilding.begin()
    await rebuilding.add(scribe.entries)
    server.call("XDEL", keys.rebuilt, "4-0")
    assert not await rebuilding.swap("4-0", scribe.head.stored)
    server.call("DEL", keys.rebuilt)
    assert not await rebuilding.swap("4-0", scribe.head.stored)
    assert await log.read(0) == scribe.entries


async def test_a_large_log_goes_through_in_bounded_pieces(server, log, rebuilding, keys, scribe):
    event = b'{"x":"' + b"x" * 200 + b'"}'
    many = [Entry(n, event, digest(event), n) for n in range(1, 20_001)]
    await rebuilding.begin()
    server.call("CONFIG", "RESETSTAT")
    for start in range(0, len(many), 5_000):
        await rebuilding.add(many[start : start + 5_000])
    stats = server.call("INFO", "commandstats")
    assert stats["cmdstat_evalsha"]["calls"] >= len(many) // PUT_COUNT
    assert await rebuilding.swap("4-0", scribe.head.stored)
    assert server.call("XLEN", keys.log) == len(many)
    assert rebuilding.head == Head(20_000, digest(event), digest(event))


async def test_a_server_that_is_being_replaced_is_not_rebuilt_on(
    server, log, scribe, rebuilding, keys
):
    async def not_sure() -> None:
        raise LogUnavailable("a failover is under way; nothing was written")

    rebuilding.sure = not_sure
    with pytest.raises(LogUnavailable):
        await rebuilding.begin()
    assert not server.call("EXISTS", keys.fence)
    rebuilding.sure = None
    await rebuilding.begin()
    await rebuilding.add(scribe.entries[:2])
    rebuilding.sure = not_sure
    with pytest.raises(LogUnavailable):
        await rebuilding.swap(f"{scribe.head.position}-0", scribe.head.stored)
    assert await log.read(0) == scribe.entries
