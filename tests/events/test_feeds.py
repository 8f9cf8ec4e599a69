"""Being told of new entries, by a real server: consumer groups, claims, connections that die."""

import asyncio
from typing import Any

import pytest

from events.chain import read
from events.errors import ClaimLost, LogMissing, LogUnavailable, StrayId
from events.memory import MemoryFeed, MemoryLog
from events.streams import feeds
from events.streams.feeds import CLAIM_MILLISECONDS, FEED_COUNT, GroupFeed, TailFeed
from events.streams.link import Script
from events.streams.shelf import Shelf
from tests.events.subjects import InRedis
from tests.faults_proxy import Cut, cut_after, eaten, on
from tests.scribe import Scribe
from tests.waiting import until


@pytest.fixture
async def written(server, keys):
    """A log of three events in Redis, and who writes more of them."""
    subject = InRedis.at(server.url, keys)
    scribe = Scribe()
    scribe.opened()
    scribe.saved("v1", 1)
    scribe.saved("v2", 2)
    for entry in scribe.entries:
        await subject.put(entry)
    yield Written(subject, scribe)
    await subject.close()


class Written:
    def __init__(self, subject, scribe):
        self.subject, self.scribe = subject, scribe

    @property
    def entries(self):
        return self.scribe.entries

    async def save(self, template="next"):
        entry = self.scribe.saved(template, len(self.entries))
        await self.subject.put(entry)
        return entry


@pytest.fixture
def group(server, keys, link_to):
    """Makes feeds of the consumer group `chat-1`, each with a connection of its own."""

    def make(instance="one", url=server.url):
        return GroupFeed(link_to(url), keys, "chat-1", instance)

    return make


@pytest.fixture
def tail(server, keys, link_to):
    return TailFeed(link_to(server.url), keys)


@pytest.fixture
def short_blocks(monkeypatch):
    monkeypatch.setattr(feeds, "_READ", ("COUNT", FEED_COUNT, "BLOCK", 50, "STREAMS"))


def told(server, *command):
    """What XINFO says, as dictionaries by names."""
    return [{name.decode(): value for name, value in one.items()} for one in server.call(*command)]


def groups(server, keys):
    return {one["name"].decode(): one for one in told(server, "XINFO", "GROUPS", keys.log)}


def pending(server, keys):
    return groups(server, keys)["chat-1"]["pending"]


# --- what every feed does -------------------------------------------------------------------------


@pytest.fixture(params=["group", "tail", "memory"])
async def feed(request, written, group, tail, short_blocks):
    if request.param == "memory":
        return MemoryFeed(MemoryLog(entries=written.entries), wait_seconds=0.05)
    return group() if request.param == "group" else tail


@pytest.mark.parametrize("position", [0, 1, 2])
async def test_a_feed_delivers_what_comes_behind_the_position_it_was_opened_at(
    feed, written, position
):
    await feed.open(position)
    assert list(await feed.next()) == written.entries[position:]


async def test_a_feed_with_nothing_new_comes_back_empty_handed_after_a_while(feed):
    await feed.open(3)
    assert list(await feed.next()) == []


async def test_a_feed_goes_on_where_it_was(feed, written):
    await feed.open(2)
    assert [entry.position for entry in await feed.next()] == [3]
    assert list(await feed.next()) == []
    await feed.open(1)
    assert [entry.position for entry in await feed.next()] == [2, 3]


async def test_a_closed_feed_can_be_opened_again(feed):
    await feed.open(3)
    await feed.close()
    await feed.close()
    await feed.open(2)
    assert [entry.position for entry in await feed.next()] == [3]


# --- the group ------------------------------------------------------------------------------------


async def test_an_entry_reaches_a_feed_that_waits_for_it(server, group, written, keys):
    feed = group()
    await feed.open(3)
    waiting = asyncio.create_task(feed.next())
    await until(lambda: server.call("INFO", "clients")["blocked_clients"])
    entry = await written.save()
    async with asyncio.timeout(2):
        assert list(await waiting) == [entry]


async def test_opening_makes_a_group_that_has_read_up_to_the_position_and_names_its_consumer(
    server, group, written, keys
):
    await group().open(2)
    info = groups(server, keys)["chat-1"]
    assert (info["last-delivered-id"], info["entries-read"], info["pending"]) == (b"2-0", 2, 0)
    assert info["lag"] == 1
    (consumer,) = told(server, "XINFO", "CONSUMERS", keys.log, "chat-1")
    assert consumer["name"] == b"one"


async def test_what_was_acknowledged_is_pending_no_more_and_the_report_is_published(
    server, group, written, keys
):
    feed = group()
    await feed.open(0)
    entries = await feed.next()
    assert pending(server, keys) == 3
    await feed.done(entries, b"my report")
    await until(lambda: pending(server, keys) == 0)
    ((_, fields),) = server.call("XRANGE", keys.reports, "-", "+")
    assert fields == {b"report": b"my report"}


async def test_an_acknowledgement_its_report_and_the_next_read_are_one_write(
    group, written, proxy, short_blocks
):
    feed = group(url=proxy.url)
    await feed.open(2)
    first = await feed.next()
    entry = await written.save()
    asked = proxy.asked
    await feed.done(first, b"report")
    assert list(await feed.next()) == [entry]
    assert proxy.asked == asked + 1
    await feed.done([entry], b"report")
    assert list(await feed.next()) == []
    assert list(await feed.next()) == []


async def test_opening_waits_for_no_reply_of_the_connection_before(group, written):
    feed = group()
    await feed.open(1)
    await feed.done(await feed.next(), b"report")
    await feed.open(2)
    async with asyncio.timeout(2):
        assert [entry.position for entry in await feed.next()] == [3]


async def reported_and_read_on(feed, entries):
    await feed.done(entries, b"report")
    return await feed.next()


async def test_a_report_that_could_not_be_published_is_an_error_that_opening_heals(
    server, group, written, keys, short_blocks
):
    feed = group()
    await feed.open(1)
    entries = await feed.next()
    server.call("SET", keys.reports, "no stream")
    with pytest.raises(LogUnavailable, match="WRONGTYPE"):
        await reported_and_read_on(feed, entries)
    server.call("DEL", keys.reports)
    await feed.open(2)
    assert [entry.position for entry in await feed.next()] == [3]


async def test_a_report_can_be_lost_but_then_it_is_told(server, group, written, proxy, keys):
    feed = group(url=proxy.url)
    await feed.open(1)
    entries = await feed.next()
    proxy.to_server = on(b"XACK", cut_after(0))
    with pytest.raises(LogUnavailable):
        await reported_and_read_on(feed, entries)
    assert not server.call("EXISTS", keys.reports)


async def test_a_delivery_is_bounded(server, group, written):
    for n in range(FEED_COUNT + 2):
        await written.save(f"more {n}")
    feed = group()
    await feed.open(0)
    first, second = await feed.next(), await feed.next()
    assert [entry.position for entry in first] == list(range(1, FEED_COUNT + 1))
    assert second[0].position == FEED_COUNT + 1


async def test_opening_again_forgets_what_was_pending_and_delivers_it_anew(
    server, group, written, keys
):
    feed = group()
    await feed.open(0)
    await feed.next()
    await feed.open(0)
    assert pending(server, keys) == 0
    assert len(await feed.next()) == 3


async def test_an_entry_that_was_delivered_to_a_dead_connection_comes_again_after_opening(
    server, group, written, keys, proxy
):
    feed = group(url=proxy.url)
    await feed.open(2)

    async def swallowed_and_cut(data, pair):
        raise Cut

    proxy.to_client = on(b"XREADGROUP", swallowed_and_cut, 1)
    with pytest.raises(LogUnavailable):
        await feed.next()
    assert pending(server, keys) == 1, "the server believes that it was delivered"
    await feed.open(2)
    assert [entry.position for entry in await feed.next()] == [3]


async def test_an_entry_that_an_old_reader_swallowed_comes_again_after_opening(
    server, group, written, keys, proxy
):
    """A reader that hangs unseen in its old connection silently joins the new group."""
    old = group(url=proxy.url)
    await old.open(3)
    hanging = asyncio.create_task(old.next())
    await until(lambda: server.call("INFO", "clients")["blocked_clients"])
    proxy.to_client = eaten
    new = group()
    await new.open(3)
    await written.save()
    await until(lambda: groups(server, keys)["chat-1"]["last-delivered-id"] == b"4-0")
    await new.open(3)
    assert [entry.position for entry in await new.next()] == [4]
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging


@pytest.mark.parametrize("kind", ["group", "tail"])
async def test_opening_begins_on_a_connection_that_nothing_happened_on(
    group, written, keys, proxy, link_to, kind
):
    feed = group(url=proxy.url) if kind == "group" else TailFeed(link_to(proxy.url), keys)
    for connections in (1, 2, 3):
        await feed.open(2)
        await feed.next()
        assert proxy.accepted == connections


async def test_a_group_that_was_destroyed_under_a_feed_is_an_error_that_opening_heals(
    server, group, written, keys
):
    feed = group()
    await feed.open(3)
    server.call("XGROUP", "DESTROY", keys.log, "chat-1")
    with pytest.raises(LogUnavailable, match="NOGROUP"):
        await feed.next()
    await feed.open(2)
    assert len(await feed.next()) == 1


async def test_a_blocked_reader_whose_log_goes_is_woken_with_an_error(server, group, written, keys):
    feed = group()
    await feed.open(3)
    waiting = asyncio.create_task(feed.next())
    await until(lambda: server.call("INFO", "clients")["blocked_clients"])
    server.call("DEL", keys.log)
    with pytest.raises(LogUnavailable):
        async with asyncio.timeout(2):
            await waiting


class Asked:
    """Stands for a link, and keeps what it is asked."""

    async def call(self, *command, seconds):
        self.block = command[command.index("BLOCK") + 1] / 1000
        self.seconds = seconds


@pytest.mark.parametrize("kind", [GroupFeed, TailFeed])
async def test_the_wait_of_a_feed_is_shorter_than_its_deadline(keys, kind):
    """Else each quiet stretch would end in an error, and in a new connection."""
    link: Any = Asked()
    feed = GroupFeed(link, keys, "a", "b") if kind is GroupFeed else TailFeed(link, keys)
    assert list(await feed.next()) == []
    assert link.seconds >= link.block + 2


async def test_a_quiet_stretch_costs_no_connection(group, written, short_blocks):
    feed = group()
    await feed.open(3)
    connection = feed.link._connection
    assert list(await feed.next()) == []
    assert feed.link._connection is connection


# --- the claim ------------------------------------------------------------------------------------


async def test_opening_claims_the_replica_id_for_a_short_time(server, group, written, keys):
    await group("one").open(3)
    assert server.call("GET", keys.replica("chat-1")) == b"one"
    assert 0 < server.call("PTTL", keys.replica("chat-1")) <= CLAIM_MILLISECONDS


async def test_another_instance_cannot_open_while_the_claim_stands_and_touches_nothing(
    server, group, written, keys
):
    first = group("one")
    await first.open(2)
    await first.next()
    with pytest.raises(ClaimLost, match="'chat-1'"):
        await group("two").open(0)
    assert server.call("GET", keys.replica("chat-1")) == b"one"
    assert pending(server, keys) == 1


async def test_an_instance_whose_claim_was_taken_cannot_open_again(server, group, written, keys):
    first = group("one")
    await first.open(3)
    server.call("SET", keys.replica("chat-1"), "two", "PX", 10_000)
    with pytest.raises(ClaimLost):
        await first.open(3)


async def test_a_claim_that_ran_out_is_free(server, group, written, keys):
    await group("one").open(3)
    server.call("PEXPIRE", keys.replica("chat-1"), 1)
    await until(lambda: not server.call("EXISTS", keys.replica("chat-1")))
    await group("two").open(3)
    assert server.call("GET", keys.replica("chat-1")) == b"two"


async def test_opening_on_a_missing_log_creates_nothing(server, group, keys):
    with pytest.raises(LogMissing):
        await group().open(3)
    assert not server.call("EXISTS", keys.log)
    assert not server.call("EXISTS", keys.reports)


async def test_a_claim_is_taken_renewed_and_refused_by_its_script(server, keys, link_to):
    claim, key, link = Script.load("claim"), keys.replica("chat-1"), link_to(server.url)
    assert await link.run(claim, [key], "one", 5000) == [b"one", 5000]
    assert await link.run(claim, [key], "one", 9000) == [b"one", 9000]
    holder, left = await link.run(claim, [key], "two", 9000)
    assert (holder, 5000 < left <= 9000) == (b"one", True)
    assert server.call("GET", key) == b"one"


async def test_a_claim_longer_than_anybody_s_is_cut_down_by_who_is_refused(server, keys, link_to):
    """The server's clock went back: by it, the claim has long to run that was to end in a moment."""
    claim, key, link = Script.load("claim"), keys.replica("chat-1"), link_to(server.url)
    await link.run(claim, [key], "one", CLAIM_MILLISECONDS)
    server.call("PEXPIRE", key, 3_600_000)
    holder, left = await link.run(claim, [key], "two", CLAIM_MILLISECONDS)
    assert (holder, 0 < left <= CLAIM_MILLISECONDS) == (b"one", True)
    assert 0 < server.call("PTTL", key) <= CLAIM_MILLISECONDS


async def test_a_claim_of_ordinary_length_is_left_alone_by_who_is_refused(server, keys, link_to):
    claim, key, link = Script.load("claim"), keys.replica("chat-1"), link_to(server.url)
    await link.run(claim, [key], "one", CLAIM_MILLISECONDS)
    server.call("PEXPIRE", key, CLAIM_MILLISECONDS - 1_000)
    holder, left = await link.run(claim, [key], "two", CLAIM_MILLISECONDS)
    assert (holder, left <= CLAIM_MILLISECONDS - 1_000) == (b"one", True)
    assert server.call("PTTL", key) <= CLAIM_MILLISECONDS - 1_000


async def test_leaving_takes_the_group_and_the_claim_but_only_one_s_own(
    server, group, written, keys, link_to
):
    leave, link = Script.load("leave"), link_to(server.url)
    names = [keys.log, keys.replica("chat-1")]
    await group("one").open(3)
    assert await link.run(leave, names, "chat-1", "two") == 0
    assert "chat-1" in groups(server, keys)
    assert await link.run(leave, names, "chat-1", "one") == 1
    assert groups(server, keys) == {}
    assert not server.call("EXISTS", keys.replica("chat-1"))
    assert await link.run(leave, names, "chat-1", "one") == 0


async def test_leaving_a_log_that_has_gone_still_gives_the_claim_back(server, keys, link_to):
    server.call("SET", keys.replica("chat-1"), "one")
    names = [keys.log, keys.replica("chat-1")]
    assert await link_to(server.url).run(Script.load("leave"), names, "chat-1", "one") == 1
    assert server.call("EXISTS", *names) == 0


# --- the tail -------------------------------------------------------------------------------------


async def test_a_tail_leaves_no_trace_in_the_log(server, tail, written, keys):
    await tail.open(0)
    await tail.done(await tail.next(), b"report")
    assert groups(server, keys) == {}
    assert not server.call("EXISTS", keys.reports)


async def test_a_tail_is_woken_by_an_entry(server, tail, written):
    await tail.open(3)
    waiting = asyncio.create_task(tail.next())
    await until(lambda: server.call("INFO", "clients")["blocked_clients"])
    entry = await written.save()
    async with asyncio.timeout(2):
        assert list(await waiting) == [entry]


@pytest.mark.parametrize("id", ["*", "3-1"])
async def test_a_stray_entry_is_seen_behind_the_good_ones(server, tail, written, keys, id):
    server.call("XADD", keys.log, id, "field", "value")
    chain = written.scribe.chain()
    await tail.open(2)
    good, *strays = await tail.next()
    assert good.position == 3
    with pytest.raises(StrayId):
        read(chain, strays[0] if strays else (await opened_behind(tail, 3))[0], written.scribe.keys)


async def opened_behind(tail, position):
    await tail.open(position)
    return await tail.next()


# --- the shelf ------------------------------------------------------------------------------------


async def test_snapshots_are_kept_by_projection_and_only_forward(server, keys, link_to):
    shelf = Shelf(link_to(server.url), keys)
    assert await shelf.find("history") is None
    assert await shelf.keep("history", 7, b"seven")
    assert not await shelf.keep("history", 7, b"another seven")
    assert not await shelf.keep("history", 6, b"six")
    assert await shelf.find("history") == b"seven"
    assert await shelf.keep("history", 8, b"\x00\xff")
    assert await shelf.find("history") == b"\x00\xff"
    assert await shelf.find("live") is None
