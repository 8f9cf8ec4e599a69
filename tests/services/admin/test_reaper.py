"""The reaper: who died without a word is no member any more, and nobody else ever ceases to be one."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from events.streams.feeds import CLAIM_MILLISECONDS
from events.streams.link import Link, connector
from projections.reports import Report
from services.admin.fleet_watch import FleetWatch
from services.admin.reaper import FED_SECONDS, Reaper
from services.membership import Group, Membership, Reports

LIMIT = 10.0


def said(replica="chat-1", sequence=1, **fields):
    return Report(replica, "run-1", sequence, 5, "a" * 64, "current", **fields)


@dataclass
class Redis:
    """The reports and groups of a fleet that exists only here; `alive` hold their claims."""

    groups_there: set[str] = field(default_factory=set)
    alive: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    words: list[Report] = field(default_factory=list)

    async def groups(self):
        return [Group(name, 5, 0) for name in sorted(self.groups_there)]

    async def reap(self, replica, instance, last_word):
        self.asked.append(replica)
        if replica in self.alive:
            return "alive"
        if replica not in self.groups_there:
            return "gone"
        self.groups_there.remove(replica)
        word = Report.parse(last_word)
        assert word
        self.words.append(word)
        return "reaped"


class House:
    """A reaper with a watch over a fleet, and a clock that only this test moves."""

    def __init__(self, monkeypatch, *replicas):
        self.now, self.reaped, self.redis = 1000.0, 0, Redis(set(replicas))
        monkeypatch.setattr("services.admin.fleet_watch.monotonic", lambda: self.now)
        redis: Any = self.redis
        self.watch = FleetWatch(redis, lambda: 5, lambda *_: None, lambda _: None, lambda _: None)
        self.reaper = Reaper(self.watch, LIMIT, self._count, lambda: self.now)

    def _count(self):
        self.reaped += 1

    def hear(self, report):
        self.watch._hear(report)

    async def passes(self, seconds, *speaking, fed=True):
        """So many seconds with a look each, in which ``speaking`` are heard."""
        for _ in range(int(seconds)):
            self.now += 0.5
            for name in speaking:
                self.hear(said(name, sequence=int(self.now)))
            self.now += 0.5
            if fed:
                self.watch.fed_at = self.now
            await self.watch._look()
            await self.reaper.look()


@pytest.fixture
async def house(monkeypatch):
    """Two replicas are members; `chat-2` has just said its last."""
    made = House(monkeypatch, "chat-1", "chat-2")
    made.hear(said("chat-2"))
    await made.passes(1, "chat-1", "chat-2")
    return made


async def test_a_silent_replica_is_reaped_behind_the_limit_and_not_before(house):
    await house.passes(LIMIT, "chat-1")
    assert house.redis.asked == []
    with capture_logs() as lines:
        await house.passes(1, "chat-1")
    assert (house.redis.asked, house.reaped) == (["chat-2"], 1)
    assert [line["event"] for line in lines] == ["replica_presumed_dead"]
    assert lines[0]["silent"] == LIMIT + 1


async def test_its_last_word_is_said_for_it_and_the_fleet_forgets_it(house):
    await house.passes(LIMIT + 1, "chat-1")
    (word,) = house.redis.words
    assert (word.replica, word.left, word.reaped) == ("chat-2", True, True)
    house.hear(word)
    assert set(house.watch.fleet.members) == {"chat-1"}
    await house.passes(LIMIT + 1, "chat-1")
    assert house.reaped == 1


async def test_a_group_that_nobody_was_ever_heard_of_is_reaped_too(monkeypatch):
    house = House(monkeypatch, "old-1")
    await house.passes(LIMIT + 2)
    assert (house.reaped, house.redis.groups_there) == (1, set())


async def test_who_holds_its_claim_is_alive_however_silent(house):
    """It reaches Redis, but its reports do not reach us."""
    house.redis.alive.add("chat-2")
    await house.passes(3 * LIMIT, "chat-1")
    assert house.redis.asked
    assert (house.reaped, "chat-2" in house.watch.fleet.members) == (0, True)


async def test_whose_group_went_with_the_log_is_a_member_up_to_the_limit(house):
    """FLUSHALL: the others make their groups anew; who is cut off cannot."""
    house.reaper.after = 3 * LIMIT
    house.redis.groups_there = {"chat-1"}
    await house.passes(3 * LIMIT, "chat-1")
    spread = await house.watch.barrier(6, None, 0.001, None)
    assert {each.replica: each.outcome for each in spread.replicas}["chat-2"] == "pending"
    assert (spread.state, house.redis.asked) == ("partial", [])


async def test_whose_group_went_with_the_log_is_forgotten_behind_the_limit(house):
    """Each reaper forgets it by itself: there is nothing in Redis that one alone could take away."""
    told: list[Report] = []
    house.watch.also_told = told.append
    house.redis.groups_there = {"chat-1"}
    with capture_logs() as lines:
        await house.passes(LIMIT + 1, "chat-1")
    assert [line["event"] for line in lines] == ["replica_forgotten"]
    assert set(house.watch.fleet.members) == {"chat-1"}
    assert [(each.replica, each.reaped) for each in told if each.left] == [("chat-2", True)]
    assert (house.redis.words, house.reaped) == ([], 0)
    house.hear(said("chat-2", sequence=9))
    assert set(house.watch.fleet.members) == {"chat-1", "chat-2"}, "it was not dead"


async def test_who_has_no_group_but_holds_its_claim_is_not_forgotten(house):
    house.redis.groups_there, house.redis.alive = {"chat-1"}, {"chat-2"}
    await house.passes(3 * LIMIT, "chat-1")
    assert house.redis.asked
    assert "chat-2" in house.watch.fleet.members


async def test_a_replica_that_was_slow_begins_anew_with_each_word(house):
    for _ in range(5):
        await house.passes(LIMIT, "chat-1")
        await house.passes(1, "chat-1", "chat-2")
    assert house.redis.asked == []


async def test_a_reaper_that_was_stopped_itself_begins_anew(house):
    await house.passes(LIMIT, "chat-1")
    house.now += 3600.0
    await house.passes(LIMIT, "chat-1")
    assert house.redis.asked == []
    await house.passes(2, "chat-1")
    assert house.redis.asked == ["chat-2"]


async def test_a_feed_of_reports_that_hangs_is_no_observation(house):
    await house.passes(FED_SECONDS - 1, fed=False)
    house.redis.alive.clear()
    await house.passes(3 * LIMIT, fed=False)
    assert house.redis.asked == []


async def test_a_feed_that_was_begun_anew_is_no_unbroken_observation(house):
    await house.passes(LIMIT, "chat-1")
    house.watch.turns += 1
    await house.passes(LIMIT, "chat-1")
    assert house.redis.asked == []


async def test_a_reaper_that_is_started_again_begins_anew(house):
    await house.passes(LIMIT, "chat-1")
    run = asyncio.create_task(house.reaper.run())
    await asyncio.sleep(0)
    run.cancel()
    await house.passes(LIMIT, "chat-1")
    assert house.redis.asked == []


# --- on a real server -----------------------------------------------------------------------------


@pytest.fixture
async def two(server, keys, link_to):
    """A log with one member, `chat-1`, and two reapers' ways to Redis."""
    server.call("XADD", keys.log, "1-0", "event", "{}")
    member = Membership(link_to(server.url), keys, "chat-1", "run-1")
    connect = connector(server.url)
    both = [Reports(Link(connect), Link(connect), keys) for _ in range(2)]
    yield member, both
    for each in both:
        await each.close()


async def joined(server, keys, member, instance="run-1"):
    await member.claim()
    server.call("XGROUP", "CREATE", keys.log, "chat-1", "1-0")
    server.call("XGROUP", "CREATECONSUMER", keys.log, "chat-1", instance)


def dies(server, keys):
    """Nobody renews its claim any more."""
    server.call("DEL", keys.replica("chat-1"))


WORD = said().epitaph().to_bytes()


@pytest.mark.redis
async def test_the_claim_of_a_living_replica_keeps_it_from_being_reaped(server, keys, two):
    member, (reports, _) = two
    await joined(server, keys, member)
    assert await reports.reap("chat-1", "run-1", WORD) == "alive"
    assert [group.replica for group in await reports.groups()] == ["chat-1"]


@pytest.mark.redis
@pytest.mark.parametrize("left", [3_600_000, CLAIM_MILLISECONDS - 1_000])
async def test_only_a_claim_longer_than_anybody_s_is_cut_down_by_the_reaper(
    server, keys, two, left
):
    """The server's clock went back: who lives renews its claim, and who is dead is reaped in a moment."""
    member, (reports, _) = two
    await joined(server, keys, member)
    server.call("PEXPIRE", keys.replica("chat-1"), left)
    assert await reports.reap("chat-1", "run-1", WORD) == "alive"
    assert [group.replica for group in await reports.groups()] == ["chat-1"]
    now_left = server.call("PTTL", keys.replica("chat-1"))
    assert 0 < now_left <= min(left, CLAIM_MILLISECONDS)


@pytest.mark.redis
async def test_a_claim_that_never_runs_out_is_a_claim_and_does_from_now_on(server, keys, two):
    member, (reports, _) = two
    await joined(server, keys, member)
    server.call("PERSIST", keys.replica("chat-1"))
    assert await reports.reap("chat-1", "run-1", WORD) == "alive"
    assert 0 < server.call("PTTL", keys.replica("chat-1")) <= CLAIM_MILLISECONDS
    assert [group.replica for group in await reports.groups()] == ["chat-1"]


@pytest.mark.redis
async def test_of_two_reapers_one_does_it_and_all_hear_of_it(server, keys, two):
    member, both = two
    await joined(server, keys, member)
    await both[0].recent()
    dies(server, keys)
    done = await asyncio.gather(*(each.reap("chat-1", "run-1", WORD) for each in both))
    assert sorted(done) == ["gone", "reaped"]
    assert await both[1].groups() == []
    (heard,) = await both[0].next()
    assert (heard.replica, heard.left, heard.reaped) == ("chat-1", True, True)
    assert server.call("XLEN", keys.reports) == 1


@pytest.mark.redis
async def test_the_group_of_another_instance_is_not_the_silent_one_s(server, keys, two):
    """It came, and died, without our hearing of it: then its own silence is to be waited for."""
    member, (reports, _) = two
    await joined(server, keys, member, instance="run-2")
    dies(server, keys)
    assert await reports.reap("chat-1", "run-1", WORD) == "another"
    assert await reports.reap("chat-1", "", WORD) == "reaped", "one of which nothing was heard"


@pytest.mark.redis
async def test_where_there_is_no_group_or_no_log_there_is_nothing_to_reap(server, keys, two):
    _, (reports, _) = two
    assert await reports.reap("chat-1", "run-1", WORD) == "gone"
    server.call("DEL", keys.log)
    assert await reports.reap("chat-1", "run-1", WORD) == "gone"
    assert server.call("EXISTS", keys.reports, keys.log) == 0
