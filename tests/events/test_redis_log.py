"""The log on a real server: lost replies, servers that stop, refuse or die, and strange hands."""

import asyncio
import time

import pytest

from events.chain import Head
from events.clock import ServerClock
from events.envelope import digest
from events.errors import (
    AppendExpired,
    Conflict,
    LogDiverged,
    LogUnavailable,
    NotDurable,
    OutcomeUnknown,
    StrayId,
)
from events.log import Draft
from events.streams import log as redis_log
from tests.faults_proxy import Cut, FaultsProxy, cut_after, eaten, held, on
from tests.waiting import until

WORD = b'{"the":"event"}'
DRAFT = Draft("id-2", WORD, digest(WORD))
OTHER = Draft("id-x", b'{"an":"other"}', digest(b'{"an":"other"}'))
FIRST = Draft("id-1", b'{"the":"first"}', digest(b'{"the":"first"}'))
GENESIS_STORED = ("", "0" * 64)


def behind(draft, position=1):
    return Head(position, draft.hash, draft.hash)


HEAD = behind(FIRST)


@pytest.fixture
async def direct(server, log_at):
    """The log without the proxy; it holds one event, and the server knows all scripts."""
    log = log_at(server.url)
    await log.append(FIRST, Head(0, *GENESIS_STORED), 5.0)
    return log


@pytest.fixture
async def log(direct, proxy, log_at):
    """The same log through the proxy, with its connections made and its clock set."""
    log = log_at(proxy.url)
    await log.pulse()
    with pytest.raises(Conflict):
        await log.append(DRAFT, Head(0, *GENESIS_STORED), 5.0)
    return log


async def events(log):
    return [entry.event for entry in await log.read(0)]


# --- lost replies: exactly once -------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99, 1])
@pytest.mark.parametrize("way", ["to_server", "to_client"])
async def test_an_append_lands_exactly_once_wherever_the_connection_is_cut(
    direct, log, proxy, way, share, times
):
    cuts = 0

    async def counted(data, pair):
        nonlocal cuts
        cuts += 1
        return await cut_after(share)(data, pair)

    setattr(proxy, way, on(WORD, counted, times))
    at, _ = await log.append(DRAFT, HEAD, 5.0)
    found = await direct.read(0)
    assert [entry.event for entry in found] == [FIRST.event, WORD]
    assert found[1].at == at
    assert cuts


async def test_an_append_whose_reply_was_swallowed_is_found_in_the_log(direct, log, proxy):
    proxy.to_client = on(WORD, eaten)
    at, _ = await log.append(DRAFT, HEAD, 0.2)
    assert (await direct.read(1))[0].at == at
    assert await events(direct) == [FIRST.event, WORD]


async def test_an_append_is_found_even_when_others_have_written_behind_it(direct, log, proxy):
    async def another_and_cut(data, pair):
        await direct.append(OTHER, behind(DRAFT, 2), 5.0)
        raise Cut

    proxy.to_client = on(WORD, another_and_cut, 1)
    at, _ = await log.append(DRAFT, HEAD, 5.0)
    assert (await direct.read(1, count=1))[0].at == at
    assert await events(direct) == [FIRST.event, WORD, OTHER.event]


async def test_an_append_that_was_lost_and_overtaken_is_a_conflict_with_the_real_head(
    direct, log, proxy
):
    async def another_and_cut(data, pair):
        await direct.append(OTHER, HEAD, 5.0)
        raise Cut

    proxy.to_server = on(WORD, another_and_cut, 1)
    with pytest.raises(Conflict) as conflict:
        await log.append(DRAFT, HEAD, 5.0)
    assert (conflict.value.position, conflict.value.stored) == (2, OTHER.hash)
    assert await events(direct) == [FIRST.event, OTHER.event]


async def test_a_first_try_that_arrives_behind_the_second_changes_nothing(direct, log, proxy):
    """The network held it back: the connection is gone, but its bytes are still on their way."""
    release, pairs = asyncio.Event(), []
    hold = held(release)

    async def held_and_remembered(data, pair):
        pairs.append(pair)
        return await hold(data, pair)

    proxy.to_server = on(WORD, held_and_remembered, 1)
    append = asyncio.create_task(log.append(DRAFT, HEAD, 5.0))
    await until(lambda: pairs)
    pairs[0].client.close()
    at, _ = await append
    handled = calls(direct_server(proxy), "evalsha")
    release.set()
    await until(lambda: calls(direct_server(proxy), "evalsha") > handled)
    assert await events(direct) == [FIRST.event, WORD]
    assert (await direct.read(1))[0].at == at


def direct_server(proxy):
    """A plain client of the server behind the proxy."""
    import redis

    return redis.Redis(unix_socket_path=str(proxy.target))


def calls(client, command):
    """How often the server has carried out ``command``."""
    with client:
        return client.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})["calls"]


# --- given up: never later ------------------------------------------------------------------------


async def test_an_append_that_never_arrived_is_shown_to_have_been_given_up(direct, log, proxy):
    proxy.to_server = on(WORD, eaten)
    with pytest.raises(AppendExpired):
        await log.append(DRAFT, HEAD, 0.2)
    assert await events(direct) == [FIRST.event]


async def test_an_append_that_arrives_after_it_was_given_up_does_not_land(
    server, direct, log, proxy
):
    release = asyncio.Event()
    proxy.to_server = on(WORD, held(release))
    with pytest.raises(AppendExpired):
        await log.append(DRAFT, HEAD, 0.2)
    handled = calls(server.client(), "evalsha")
    release.set()
    await until(lambda: calls(server.client(), "evalsha") > handled)
    assert await events(direct) == [FIRST.event]


@pytest.fixture
async def own_log(own_server, log_at):
    """A log on a server that may be stopped; it holds one event."""
    log = log_at(own_server.url)
    await log.pulse()
    await log.append(FIRST, Head(0, *GENESIS_STORED), 5.0)
    return log


async def test_an_append_to_a_stopped_server_ends_in_time_and_does_not_land_when_it_goes_on(
    own_server, own_log
):
    appended = calls(own_server.client(), "evalsha")
    own_server.stop()
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        await own_log.append(DRAFT, HEAD, 0.3)
    assert time.monotonic() - began < 0.3 + redis_log.RESOLVE_GRACE + 1
    own_server.go_on()
    await until(lambda: calls(own_server.client(), "evalsha") > appended)
    assert await events(own_log) == [FIRST.event]
    assert (await own_log.pulse()).head_position == 1


async def test_an_append_to_a_server_that_stood_still_for_a_moment_lands_once(own_server, own_log):
    own_server.stop()
    append = asyncio.create_task(own_log.append(DRAFT, HEAD, 5.0))
    await until(own_log.writer._turn.locked)
    own_server.go_on()
    await append
    assert await events(own_log) == [FIRST.event, WORD]


async def test_a_server_that_goes_on_within_the_grace_shows_that_nothing_was_written(
    own_server, own_log, monkeypatch
):
    monkeypatch.setattr(redis_log, "RESOLVE_GRACE", 20.0)
    own_server.stop()
    given_up_at = own_log.clock.now() + 200_000
    append = asyncio.create_task(own_log.append(DRAFT, HEAD, 0.1))
    await until(lambda: own_log.clock.now() > given_up_at)
    own_server.go_on()
    with pytest.raises(AppendExpired):
        await append
    assert await events(own_log) == [FIRST.event]


# --- unknown: said so -----------------------------------------------------------------------------


async def test_where_nothing_can_be_shown_the_outcome_is_unknown(direct, log, proxy, monkeypatch):
    """It did land here, which nobody could tell."""
    monkeypatch.setattr(redis_log, "RESOLVE_GRACE", 0.2)

    async def cut_for_good(data, pair):
        proxy.black_hole()
        raise Cut

    proxy.to_client = on(WORD, cut_for_good)
    with pytest.raises(OutcomeUnknown):
        await log.append(DRAFT, HEAD, 0.2)
    assert await events(direct) == [FIRST.event, WORD]


async def test_the_outcome_is_unknown_when_the_server_died_on_the_way(
    own_server, log_at, monkeypatch
):
    monkeypatch.setattr(redis_log, "RESOLVE_GRACE", 0.1)
    async with FaultsProxy(own_server.socket) as proxy:
        log = log_at(proxy.url)
        await log.append(FIRST, Head(0, *GENESIS_STORED), 5.0)

        async def killed(data, pair):
            await asyncio.to_thread(own_server.kill)
            raise Cut

        proxy.to_server = on(WORD, killed)
        with pytest.raises(OutcomeUnknown):
            await log.append(DRAFT, HEAD, 0.2)
        own_server.start()
        proxy.heal()
        assert await events(log) == [FIRST.event], "what was acknowledged is on the disk"


async def test_the_outcome_is_unknown_when_the_server_refuses_us_from_then_on(
    own_server, own_log, log_at, monkeypatch
):
    """A refusal must not pass for "nothing was changed": the append landed before it."""
    monkeypatch.setattr(redis_log, "RESOLVE_GRACE", 0.2)
    async with FaultsProxy(own_server.socket) as proxy:
        log = log_at(proxy.url)
        await log.pulse()

        async def locked_out(data, pair):
            with own_server.client() as client:
                client.config_set("requirepass", "secret")
                client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            raise Cut

        proxy.to_client = on(WORD, locked_out)
        with pytest.raises(OutcomeUnknown):
            await log.append(DRAFT, HEAD, 0.2)
        proxy.heal()
        unlocked = log_at(own_server.url.replace("unix://", "unix://:secret@"))
        assert await events(unlocked) == [FIRST.event, WORD]


async def test_the_outcome_is_unknown_when_the_log_has_gone_meanwhile(
    server, direct, log, proxy, keys, monkeypatch
):
    monkeypatch.setattr(redis_log, "RESOLVE_GRACE", 0.2)

    async def removed(data, pair):
        server.call("DEL", keys.log)
        raise Cut

    proxy.to_client = on(WORD, removed)
    before = proxy.asked
    with pytest.raises(OutcomeUnknown):
        await log.append(DRAFT, HEAD, 0.2)
    assert proxy.asked - before < 50, "it looks again and again, but not without a pause"
    assert not (await direct.pulse()).exists


async def test_an_append_that_could_not_even_be_sent_is_plainly_unavailable(server, keys, log_at):
    log = log_at("unix:///nowhere/s")
    with pytest.raises(LogUnavailable) as refused:
        await log.append(DRAFT, HEAD, 1.0)
    assert type(refused.value) is LogUnavailable


# --- not durable ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refusing", "willing"),
    [
        ([("CONFIG", "SET", "maxmemory", "1")], [("CONFIG", "SET", "maxmemory", "0")]),
        ([("REPLICAOF", "127.0.0.1", "1")], [("REPLICAOF", "NO", "ONE")]),
        (
            [("CONFIG", "SET", "min-replicas-to-write", "1")],
            [("CONFIG", "SET", "min-replicas-to-write", "0")],
        ),
    ],
    ids=["full", "replica", "no-replicas"],
)
async def test_a_server_that_refuses_to_write_is_not_durable(
    own_server, own_log, refusing, willing
):
    for command in refusing:
        own_server.call(*command)
    with pytest.raises(NotDurable):
        await own_log.append(DRAFT, HEAD, 5.0)
    for command in willing:
        own_server.call(*command)
    assert await events(own_log) == [FIRST.event]
    await own_log.append(DRAFT, HEAD, 5.0)


async def test_a_writer_without_the_right_to_write_is_told_so(own_server, own_log, log_at):
    own_server.call("ACL", "SETUSER", "reader", "on", ">pw", "~*", "+@all", "-xadd")
    log = log_at(own_server.url.replace("unix://", "unix://reader:pw@"))
    with pytest.raises(NotDurable):
        await log.append(DRAFT, HEAD, 5.0)
    assert await events(log) == [FIRST.event]


# --- strange hands --------------------------------------------------------------------------------


async def test_an_entry_that_was_added_and_deleted_makes_the_next_position_impossible(
    server, direct, keys
):
    """Its id is used up: nothing can be appended until the log was repaired."""
    stray = server.call("XADD", keys.log, "*", "field", "value")
    server.call("XDEL", keys.log, stray)
    with pytest.raises(LogDiverged, match="takes no entry behind position 1"):
        await direct.append(DRAFT, HEAD, 5.0)
    assert await events(direct) == [FIRST.event]


async def test_a_log_whose_entries_were_all_deleted_exists_and_takes_no_new_beginning(
    server, direct, keys
):
    server.call("XDEL", keys.log, "1-0")
    pulse = await direct.pulse()
    assert (pulse.exists, pulse.head_position) == (True, 0)
    with pytest.raises(LogDiverged):
        await direct.append(DRAFT, Head(0, *GENESIS_STORED), 5.0)


async def test_a_key_that_is_no_stream_is_not_the_log(server, direct, keys):
    server.call("DEL", keys.log)
    server.call("SET", keys.log, "text")
    with pytest.raises(LogDiverged):
        await direct.append(DRAFT, HEAD, 5.0)
    pulse = await direct.pulse()
    assert (pulse.exists, pulse.head_position, pulse.head_stored) == (False, 0, "")
    assert await direct.raw_head() is None


async def test_fields_that_do_not_belong_there_are_named_and_missing_ones_are_empty(
    server, direct, keys
):
    server.call(
        "XADD", keys.log, "2-0", "event", b"\xff", "colour", "red", "at", "soon", "sig", b"\xff"
    )
    (entry,) = await direct.read(1)
    assert (entry.event, entry.hash, entry.at, entry.kid, entry.sig) == (
        b"\xff",
        "",
        0,
        "",
        "ÿ",
    )
    assert entry.foreign == ("colour",)
    pulse = await direct.pulse(2)
    assert (pulse.head_stored, pulse.stored_at) == ("", "")


async def test_behind_a_hash_that_is_no_text_one_can_append_too(server, direct, keys):
    server.call("XADD", keys.log, "2-0", "event", "{", "hash", b"\xff\xfe\xc3\xbc", "at", 5)
    stored = (await direct.pulse()).head_stored
    await direct.append(DRAFT, Head(2, stored, digest(b"{")), 5.0)
    assert (await direct.pulse(2)).stored_at == stored == (await direct.read(1))[0].hash
    assert len(await events(direct)) == 3


@pytest.mark.parametrize("id", ["2-1", "1700000000000-3"])
async def test_an_id_that_is_no_position_is_a_stray_and_lies_beyond_what_it_follows(
    server, direct, keys, id
):
    server.call("XADD", keys.log, id, "field", "value")
    assert (await direct.pulse()).head_position == int(id.split("-")[0]) + 1
    with pytest.raises(StrayId):
        await direct.read(1)
    with pytest.raises(Conflict):
        await direct.append(DRAFT, HEAD, 5.0)


async def test_what_stands_before_a_stray_is_read_all_the_same(server, direct, keys):
    """Whoever starts now must reach the last good position, too."""
    await direct.append(DRAFT, HEAD, 5.0)
    server.call("XADD", keys.log, "2-7", "field", "value")
    assert [entry.position for entry in await direct.read(0)] == [1, 2]
    with pytest.raises(StrayId):
        await direct.read(2)


async def test_each_look_sets_the_log_s_clock_to_the_server_s(direct):
    direct.clock = ServerClock(wall=lambda: 0)
    assert direct.clock.now() == 0
    now = (await direct.pulse()).now
    assert abs(direct.clock.now() - now) < 5_000_000


async def test_two_logs_of_one_server_do_not_touch_each_other(server, direct, keys, log_at):
    assert "{" + keys.namespace + "}" in keys.log
    assert server.call("XLEN", keys.log) == 1
    assert set(server.call("KEYS", f"*{keys.namespace}*")) == {keys.log.encode()}
