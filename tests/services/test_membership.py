"""Both ends of membership on a real server; claims and groups are tested with the feeds."""

import asyncio
from dataclasses import replace

import pytest

from events.errors import LogUnavailable
from projections.reports import AdminReport, Report, Told
from services import membership
from services.membership import MAX_OFFER_BYTES, AdminVoice, Membership, Reports

REPORT = Report(
    replica="chat-1", instance="i", sequence=1, position=2, hash="a" * 64, state="diverged",
    log_id="log-1",
)  # fmt: skip
ADMIN = AdminReport(
    admin="a-1",
    instance="i",
    sequence=1,
    logs={"log": Told("log-1", 7, "b" * 64), "access": Told("log-2", 0, "0" * 64)},
)


@pytest.fixture
def replica(server, link_to, keys):
    return Membership(link_to(server.url), keys, "chat-1", "i")


@pytest.fixture
def voice(server, link_to, keys):
    return AdminVoice(link_to(server.url), keys)


@pytest.fixture
def reports(server, link_to, keys):
    return Reports(link_to(server.url), link_to(server.url), keys)


async def test_what_replicas_and_admins_say_is_heard_in_order(replica, voice, reports):
    assert await reports.recent() == []
    await replica.publish(REPORT.to_bytes)
    await voice.say(lambda: ADMIN)
    assert await reports.next() == [REPORT, ADMIN]
    assert await reports.recent() == [REPORT, ADMIN]


async def test_a_stream_that_began_anew_is_heard_from_its_beginning(server, keys, voice, reports):
    server.call("XADD", keys.reports, "9999999999999-0", "by a clock", "that was ahead")
    await reports.recent()
    server.call("DEL", keys.reports)
    await reports.recent()
    await voice.say(lambda: ADMIN)
    assert await reports.next() == [ADMIN]


async def test_last_words_that_were_said_while_nobody_listened_are_heard_later(
    server, keys, reports
):
    """All else that is as old as these is not: a new admin takes in nobody who is there no more."""
    long_ago = 1_700_000_000_000
    last_word = replace(REPORT, sequence=2, left=True)
    server.call("XADD", keys.reports, f"{long_ago}-0", "report", REPORT.to_bytes())
    earlier = replace(REPORT, replica="chat-3", left=True)
    server.call("XADD", keys.reports, f"{long_ago}-9", "report", earlier.to_bytes())
    assert await reports.recent() == []
    another = replace(REPORT, replica="chat-2")
    for number, said in enumerate((last_word, another), 10):
        server.call("XADD", keys.reports, f"{long_ago}-{number}", "report", said.to_bytes())
    assert await reports.recent() == [last_word]
    assert await reports.recent() == [], "it was heard"


async def test_what_is_neither_is_left_out(server, keys, voice, reports):
    await reports.recent()
    for field, value in (("admin", "{"), ("report", ADMIN.to_bytes()), ("who", "knows")):
        server.call("XADD", keys.reports, "*", field, value)
    server.call("XADD", keys.reports, "*", "admin", REPORT.to_bytes())
    await voice.say(lambda: ADMIN)
    assert await reports.next() == [ADMIN]


async def test_a_dead_holder_s_claim_is_waited_for_no_longer_when_the_clock_went_back(
    server, keys, replica, monkeypatch
):
    monkeypatch.setattr(membership, "CLAIM_MILLISECONDS", 50)
    key = keys.replica("chat-1")
    server.call("SET", key, "dead", "PX", 3_600_000)
    async with asyncio.timeout(10):
        await replica.claim()
    assert server.call("GET", key) == b"i"


async def test_an_offered_tail_is_there_for_a_minute_and_longer_while_it_is_renewed(
    server, keys, replica, reports
):
    assert await reports.tail("chat-1") is None
    lines = b"one\ntwo"
    await replica.offer(lines)
    assert await reports.tail("chat-1") == lines
    assert 59_000 < server.call("PTTL", keys.tail("chat-1")) <= 60_000
    server.call("PEXPIRE", keys.tail("chat-1"), 5_000)
    await replica.offer(lines)
    assert server.call("PTTL", keys.tail("chat-1")) > 59_000


async def test_the_same_tail_is_sent_once_as_long_as_it_is_there(server, keys, replica, reports):
    lines = b"one\ntwo"
    await replica.offer(lines)
    server.call("SET", keys.tail("chat-1"), "marked", "PX", 60_000)
    await replica.offer(lines)
    assert await reports.tail("chat-1") == b"marked"
    server.call("DEL", keys.tail("chat-1"))
    await replica.offer(lines)
    assert await reports.tail("chat-1") == lines
    await replica.offer(b"another")
    assert await reports.tail("chat-1") == b"another"


async def test_a_tail_that_was_withdrawn_is_gone_and_may_be_offered_again(replica, reports):
    lines = b"one"
    await replica.offer(lines)
    await replica.withdraw()
    assert await reports.tail("chat-1") is None
    await replica.offer(lines)
    assert await reports.tail("chat-1") == lines


async def test_more_than_any_of_us_would_offer_is_not_taken(server, keys, reports):
    server.call("SET", keys.tail("big"), b"x" * MAX_OFFER_BYTES)
    assert len(await reports.tail("big") or b"") == MAX_OFFER_BYTES
    server.call("APPEND", keys.tail("big"), "x")
    assert await reports.tail("big") is None
    server.call("DEL", keys.tail("big"))
    server.call("XADD", keys.tail("strange"), "*", "a", "b")
    with pytest.raises(LogUnavailable):
        await reports.tail("strange")
