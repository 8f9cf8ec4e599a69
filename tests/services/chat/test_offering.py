"""A replica that finds the log diverged offers what it holds of it, on a real server."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from events.chain import GENESIS, Entry
from events.lines import from_line
from projections.reports import Report
from projections.tail import Tail
from services.chat.main import build
from services.chat.offering import Offering
from services.membership import Membership
from services.settings import Settings
from tests.scribe import Scribe
from tests.waiting import until

REPLICA = "chat-1"


@pytest.fixture
def scribe():
    scribe = Scribe()
    scribe.opened()
    scribe.saved("Be kind.", 1)
    scribe.poison(b"\xff\n")
    return scribe


@pytest.fixture
def offering(server, link_to, keys):
    return Offering(Membership(link_to(server.url), keys, REPLICA, "i"), Tail())


def offered(server, keys) -> list[Entry] | None:
    lines = server.call("GET", keys.tail(REPLICA))
    return None if lines is None else [from_line(line) for line in lines.split(b"\n")]


async def test_what_is_held_is_offered_only_while_the_log_is_diverged(
    server, keys, offering, scribe
):
    offering.tail.take(scribe.entries[:2])
    for state in ("starting", "catching_up", "current", "stale"):
        await offering.renew(state)
        assert offered(server, keys) is None
    await offering.renew("diverged")
    assert offered(server, keys) == scribe.entries[:2]
    offering.tail.take(scribe.entries[2:])
    await offering.renew("diverged")
    assert offered(server, keys) == scribe.entries
    await offering.renew("catching_up")
    assert offered(server, keys) == scribe.entries, "it is not known yet to be in the log"
    await offering.renew("current")
    assert offered(server, keys) is None
    await offering.renew("diverged")
    assert offered(server, keys) == scribe.entries


async def test_whoever_holds_nothing_offers_nothing(server, keys, offering):
    await offering.renew("diverged")
    assert offered(server, keys) is None
    await offering.renew("current")


async def test_what_was_given_up_stays_offered_until_its_time_is_up(server, keys, offering, scribe):
    """The replica follows another log now: this may be the last copy."""
    offering.tail.take(scribe.entries)
    await offering.renew("diverged")
    offering.tail.clear()
    offering.tail.take(scribe.entries[:1])
    await offering.renew("current")
    assert offered(server, keys) == scribe.entries
    assert server.call("PTTL", keys.tail(REPLICA)) > 50_000


async def test_a_replica_offers_its_tail_when_the_log_went_and_withdraws_it_once_it_is_back(
    server, keys, log_at, scribe
):
    log = log_at(server.url)
    await log.put_back(scribe.entries, GENESIS, "me", last=True)
    settings = Settings(redis_url=server.url, namespace=keys.namespace, replica_id=REPLICA)
    parts = build(settings, CollectorRegistry())
    following = asyncio.create_task(parts.join())
    try:
        await until(lambda: parts.follower.state == "current")
        server.call("DEL", keys.log)
        await until(lambda: offered(server, keys) == scribe.entries)
        await log.put_back(scribe.entries, GENESIS, "me", last=True)
        await until(lambda: parts.follower.state == "current")
        await until(lambda: offered(server, keys) is None)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await parts.leave()


async def test_its_reports_name_the_log_that_it_has_applied(server, keys, scribe):
    settings = Settings(redis_url=server.url, namespace=keys.namespace, replica_id=REPLICA)
    parts = build(settings, CollectorRegistry())
    parts.member.url = "http://127.0.0.1:1"
    before = Report.parse(parts.member.acknowledgement())
    parts.follower.advance(scribe.entries)
    after = Report.parse(parts.member.acknowledgement())
    assert before is not None
    assert after is not None
    assert (before.log_id, after.log_id, after.position) == (None, "log-1", 3)
