"""Sessions and one-time links over a real server, whose clock ends them; tests age them by PEXPIRE."""

import asyncio
from dataclasses import replace

import pytest

from events.errors import LogUnavailable, NotDurable
from services.admin.access.secrets import digest
from services.admin.access.sessions import (
    ABSOLUTE_SECONDS,
    IDLE_SECONDS,
    TOUCH_SECONDS,
    Links,
    Sessions,
)
from tests.services.admin.access.memory import MemoryCredentials, MemoryLinks, MemorySessions

NO_TOKENS = ["", "x", "x" * 42, "x" * 44, "x" * 100_000, "\udcff"]
KEPT_WHERE = ["memory", pytest.param("server", marks=pytest.mark.redis)]
IDLE_MS = round(IDLE_SECONDS * 1000)
SLACK_MS = 10_000
"""What may pass between two calls on a machine that is busy."""


@pytest.fixture
def link(server, link_to):
    return link_to(server.url)


@pytest.fixture
def sessions(link, keys):
    return Sessions(link, keys)


@pytest.fixture
def links(link, keys):
    return Links(link, keys)


@pytest.fixture(params=KEPT_WHERE)
def any_sessions(request):
    """Over a server, and what stands for it on a stage without one: they promise the same."""
    return MemorySessions() if request.param == "memory" else request.getfixturevalue("sessions")


@pytest.fixture(params=KEPT_WHERE)
def any_links(request):
    """Likewise."""
    if request.param == "memory":
        return MemoryLinks(MemoryCredentials())
    return request.getfixturevalue("links")


class Kept:
    """A session as the server has it, to look at and to age."""

    def __init__(self, server, keys, token):
        self.call = server.call
        self.key = keys.session(digest(token))

    @property
    def left(self):
        return self.call("PTTL", self.key)

    def age(self, seconds):
        """As if it had been made, and used for the last time, so much earlier."""
        made_at = int(self.call("HGET", self.key, "made_at")) - round(seconds * 1_000_000)
        self.call("HSET", self.key, "made_at", made_at)

    def expire(self, milliseconds):
        self.call("PEXPIRE", self.key, milliseconds)


def everything(server, keys):
    """All that the server has in the namespace, names and contents."""
    names = server.call("KEYS", f"{{{keys.namespace}}}*")
    return {name.decode(): server.call("HGETALL", name) for name in names}


async def test_a_session_is_found_by_its_token_until_it_is_ended(any_sessions):
    token, made = await any_sessions.make("mia", None, 7)
    other, _ = await any_sessions.make("mia", None, 8)
    found = await any_sessions.find(token)
    assert (found.person, found.role, found.position) == ("mia", None, 7)
    assert replace(found, expires_at=0) == replace(made, expires_at=0)
    assert abs(found.expires_at - made.expires_at) <= 2_000  # rounded to ms
    assert await any_sessions.lasts(token)
    await any_sessions.end(token)
    assert await any_sessions.find(token) is None
    assert not await any_sessions.lasts(token)
    assert (await any_sessions.find(other)).position == 8
    await any_sessions.end(token)


async def test_the_session_of_a_sign_in_link_brings_its_role(any_sessions):
    token, made = await any_sessions.make("admin", "admin", 0)
    assert made.role == "admin"
    assert (await any_sessions.find(token)).role == "admin"


async def test_times_are_the_servers(sessions, server):
    seconds, microseconds = server.call("TIME")
    before = int(seconds) * 1_000_000 + int(microseconds)
    _, made = await sessions.make("mia", None, 1)
    seconds, microseconds = server.call("TIME")
    assert before <= made.made_at <= int(seconds) * 1_000_000 + int(microseconds)
    assert made.expires_at == made.made_at + IDLE_SECONDS * 1_000_000


async def test_every_session_has_a_token_and_a_csrf_token_of_its_own(any_sessions):
    made = [await any_sessions.make("mia", None, 1) for _ in range(20)]
    words = {token for token, _ in made} | {session.csrf for _, session in made}
    assert len(words) == 40
    assert {len(word) for word in words} == {43}


async def test_the_server_never_gets_the_token(sessions, server, keys):
    token, _ = await sessions.make("mia", None, 1)
    await sessions.find(token)
    kept = everything(server, keys)
    assert list(kept) == [keys.session(digest(token))]
    assert token not in str(kept)


async def test_a_session_shows_neither_of_its_secrets_by_accident(sessions):
    token, made = await sessions.make("mia", None, 1)
    assert "mia" in repr(made)
    assert token not in repr(made)
    assert made.csrf not in repr(made)


async def test_only_its_own_csrf_token_confirms_a_request(sessions):
    _, made = await sessions.make("mia", None, 1)
    _, other = await sessions.make("mia", None, 1)
    assert made.confirms(made.csrf)
    for wrong in (other.csrf, "", made.csrf + "x", made.csrf.swapcase(), "\udcff"):
        assert not made.confirms(wrong)


async def test_a_token_that_nobody_was_given_finds_nothing(any_sessions):
    await any_sessions.make("mia", None, 1)
    for token in ("x" * 43, "\udcff" * 43, "é" * 43):
        assert await any_sessions.find(token) is None


@pytest.mark.parametrize("token", NO_TOKENS)
async def test_what_can_be_no_token_is_not_asked_for(link_to, keys, tmp_path, token):
    nowhere = link_to(f"unix://{tmp_path}/nothing")
    assert await Sessions(nowhere, keys).find(token) is None
    assert await Links(nowhere, keys).take("password", token) is None


async def test_a_session_that_nobody_uses_ends(sessions, server, keys):
    token, _ = await sessions.make("mia", None, 1)
    kept = Kept(server, keys, token)
    assert IDLE_MS - SLACK_MS < kept.left <= IDLE_MS
    kept.expire(-1)
    assert await sessions.find(token) is None
    assert everything(server, keys) == {}


async def test_use_prolongs_a_session_and_at_most_once_a_minute(sessions, server, keys):
    token, made = await sessions.make("mia", None, 1)
    kept = Kept(server, keys, token)
    recent = IDLE_MS - round(TOUCH_SECONDS * 1000) + SLACK_MS
    kept.expire(recent)
    await sessions.find(token)
    assert kept.left <= recent
    kept.expire(IDLE_MS - round(TOUCH_SECONDS * 1000) - 1)
    found = await sessions.find(token)
    assert IDLE_MS - SLACK_MS < kept.left <= IDLE_MS
    assert found.expires_at >= made.expires_at
    assert found.made_at == made.made_at


async def test_a_session_in_use_ends_a_week_after_it_was_made(sessions, server, keys):
    token, made = await sessions.make("mia", None, 1)
    kept = Kept(server, keys, token)
    kept.age(ABSOLUTE_SECONDS - 60)
    found = await sessions.find(token)
    assert 0 < kept.left <= 60_000
    assert abs(found.expires_at - (made.made_at + 60_000_000)) <= 2_000
    kept.age(60)
    assert await sessions.find(token) is None


async def test_no_session_outlives_the_absolute_limit_however_long_the_idle_limit(
    link, keys, server
):
    sessions = Sessions(link, keys, idle_seconds=7200, absolute_seconds=3600)
    token, made = await sessions.make("mia", None, 1)
    assert 0 < Kept(server, keys, token).left <= 3_600_000
    assert made.expires_at == made.made_at + 3_600_000_000


async def test_a_short_idle_limit_is_prolonged_all_the_same(link, keys, server):
    sessions = Sessions(link, keys, idle_seconds=40)
    token, _ = await sessions.make("mia", None, 1)
    kept = Kept(server, keys, token)
    kept.expire(15_000)
    await sessions.find(token)
    assert kept.left > 20_000


async def test_a_shortened_limit_holds_for_sessions_that_are_there(sessions, link, keys, server):
    token, _ = await sessions.make("mia", None, 1)
    found = await Sessions(link, keys, idle_seconds=60).find(token)
    assert found is not None
    assert 0 < Kept(server, keys, token).left <= 60_000
    assert found.expires_at <= found.made_at + (60_000 + SLACK_MS) * 1000


async def test_a_session_that_lost_its_limit_gets_it_back(sessions, server, keys):
    token, made = await sessions.make("mia", None, 1)
    kept = Kept(server, keys, token)
    server.call("PERSIST", kept.key)
    await sessions.find(token)
    assert 0 < kept.left <= IDLE_MS
    kept.age(ABSOLUTE_SECONDS - TOUCH_SECONDS / 2)
    server.call("PERSIST", kept.key)
    found = await sessions.find(token)
    assert 0 < kept.left <= TOUCH_SECONDS * 1000
    assert found.expires_at > made.made_at


async def test_a_server_that_takes_no_writes_signs_nobody_out(own_server, link_to, keys):
    sessions = Sessions(link_to(own_server.url), keys)
    token, _ = await sessions.make("mia", None, 1)
    kept = Kept(own_server, keys, token)
    kept.expire(IDLE_MS - 2 * round(TOUCH_SECONDS * 1000))
    own_server.call("CONFIG", "SET", "min-replicas-to-write", 1)
    found = await sessions.find(token)
    assert found is not None
    assert found.person == "mia"
    assert kept.left <= IDLE_MS - round(TOUCH_SECONDS * 1000)
    with pytest.raises(NotDurable):
        await sessions.make("noa", None, 1)
    with pytest.raises(NotDurable):
        await sessions.end(token)


async def test_a_link_is_taken_once(links, server, keys):
    token = await links.make("password", "mia", 60)
    assert await links.take("password", token) == "mia"
    assert await links.take("password", token) is None
    assert everything(server, keys) == {}


async def test_a_link_is_worth_nothing_the_second_time(any_links):
    token = await any_links.make("sign-in", "admin", 60)
    assert await any_links.take("sign-in", token) == "admin"
    assert await any_links.take("sign-in", token) is None


async def test_asking_whether_a_session_lasts_is_not_using_it(sessions, server, keys):
    token, _ = await sessions.make("mia", None, 1)
    kept = Kept(server, keys, token)
    kept.expire(IDLE_MS // 2)
    assert await sessions.lasts(token)
    assert kept.left <= IDLE_MS // 2
    kept.expire(-1)
    assert not await sessions.lasts(token)


async def test_of_many_who_take_a_link_at_the_same_moment_one_gets_it(link_to, server, keys):
    everybody = [Links(link_to(server.url), keys) for _ in range(8)]
    for one in everybody:
        await one.link.call("PING")  # connected, so that they ask at once
    token = await everybody[0].make("password", "mia", 60)
    taken = await asyncio.gather(*[one.take("password", token) for one in everybody])
    assert sorted(taken, key=str) == [None] * 7 + ["mia"]


async def test_a_link_of_another_kind_is_left_as_it_is(any_links):
    token = await any_links.make("sign-in", "admin", 60)
    assert await any_links.take("password", token) is None
    assert await any_links.take("sign-in", token) == "admin"


async def test_a_link_runs_out(links, server, keys):
    token = await links.make("password", "mia", 60)
    name = keys.link(digest(token))
    assert 0 < server.call("PTTL", name) <= 60_000
    server.call("PEXPIRE", name, -1)
    assert await links.take("password", token) is None


async def test_only_the_latest_link_of_a_kind_and_a_person_is_worth_anything(any_links):
    old = await any_links.make("password", "mia", 60)
    other_kind = await any_links.make("sign-in", "mia", 60)
    other_person = await any_links.make("password", "noa", 60)
    new = await any_links.make("password", "mia", 60)
    assert await any_links.take("password", old) is None
    assert await any_links.take("password", new) == "mia"
    assert await any_links.take("sign-in", other_kind) == "mia"
    assert await any_links.take("password", other_person) == "noa"


async def test_an_old_link_does_not_spoil_the_latest(any_links):
    old = await any_links.make("password", "mia", 60)
    new = await any_links.make("password", "mia", 60)
    await any_links.take("password", old)
    await any_links.take("password", old)
    assert await any_links.take("password", new) == "mia"


async def test_the_server_never_gets_the_token_of_a_link(links, server, keys):
    token = await links.make("password", "mia", 60)
    kept = everything(server, keys)
    assert set(kept) == {keys.link(digest(token)), keys.credentials}
    assert token not in str(kept)


async def test_a_link_that_nobody_made_is_taken_by_nobody(any_links):
    await any_links.make("password", "mia", 60)
    assert await any_links.take("password", "x" * 43) is None


async def test_a_session_token_is_no_link_and_a_link_is_no_session(sessions, links):
    link, (token, _) = await links.make("sign-in", "mia", 60), await sessions.make("mia", None, 1)
    assert await links.take("sign-in", token) is None
    assert await sessions.find(link) is None


async def test_when_the_server_is_out_of_reach_every_call_says_so(link_to, keys, tmp_path):
    nowhere = link_to(f"unix://{tmp_path}/nothing")
    sessions, links = Sessions(nowhere, keys), Links(nowhere, keys)
    for call in (
        sessions.make("mia", None, 1),
        sessions.find("x" * 43),
        sessions.lasts("x" * 43),
        sessions.end("x" * 43),
        links.make("password", "mia", 60),
        links.take("password", "x" * 43),
    ):
        with pytest.raises(LogUnavailable):
            await call
