"""One connection to Redis: deadlines, no hidden retries, errors by our names."""

import asyncio
import gc

import pytest
from redis.exceptions import NoScriptError

from events.errors import LogUnavailable, NotDurable
from events.streams.link import ReplyLost, Script, connector
from events.streams.naming import Unexpected, named
from tests.faults_proxy import cut_after, eaten, late, on
from tests.waiting import until


@pytest.fixture
def link(link_to, proxy):
    """A link through the proxy."""
    return link_to(proxy.url)


def stored(server, key):
    return server.call("GET", key)


async def echo(link, word, **how):
    return await link.call("ECHO", word, **how)


async def test_a_connection_has_no_timeout_and_no_retries_of_its_own(server):
    """redis-py's defaults cut a blocking read short at 5 s, and send a lost command again."""
    connection = connector(server.url)()
    assert connection.socket_timeout is None
    assert connection.retry.get_retries() == 0


async def test_each_caller_gets_its_own_reply(link):
    words = [b"%d" % n for n in range(50)]
    assert await asyncio.gather(*[echo(link, word) for word in words]) == words


async def test_several_commands_make_one_round_trip(link, proxy):
    await echo(link, b"connected")
    asked = proxy.asked
    assert await link.calls([("ECHO", "a"), ("ECHO", "b")]) == [b"a", b"b"]
    assert proxy.asked == asked + 1


async def test_the_first_error_among_several_replies_is_raised_and_the_connection_stays(
    link, proxy
):
    with pytest.raises(Unexpected, match="unknown command 'NO'"):
        await link.calls([("ECHO", "a"), ("NO",), ("NEITHER",), ("ECHO", "b")])
    assert await echo(link, b"next") == b"next"
    assert proxy.accepted == 1


async def test_whoever_asks_for_the_replies_finds_the_errors_among_them(link):
    first, wrong, last = await link.replies([("ECHO", "a"), ("NO",), ("ECHO", "b")])
    assert (first, last) == (b"a", b"b")
    assert isinstance(named(wrong), Unexpected)


async def test_replies_are_what_the_server_means_in_resp3(server, link, keys):
    replies = await link.calls(
        [
            ("SET", keys.log, b"\x00\xff\r\n"),
            ("GET", keys.log),
            ("GET", keys.reports),
            ("STRLEN", keys.log),
            ("EVAL", "return {1, 'a', false, {2}}", 0),
            ("CONFIG", "GET", "port"),
        ]
    )
    assert replies == [b"OK", b"\x00\xff\r\n", None, 4, [1, b"a", None, [2]], {b"port": b"0"}]


@pytest.mark.parametrize("size", [1, 7, 100])
async def test_a_reply_may_come_in_any_pieces(link, proxy, size):
    async def in_pieces(data, pair):
        for start in range(0, len(data), size):
            pair.client.write(data[start : start + size])
            await pair.client.drain()
            await asyncio.sleep(0)
        return b""

    await echo(link, b"connected")
    proxy.to_client = in_pieces
    assert await link.calls([("ECHO", b"x" * 1000), ("ECHO", "b")]) == [b"x" * 1000, b"b"]


async def test_a_command_and_its_reply_may_be_large(link):
    large = b"0123456789abcdef" * 600_000
    assert await echo(link, large) == large
    assert await echo(link, b"next") == b"next"


async def test_what_the_server_tells_without_being_asked_is_no_reply(server, link, keys):
    """A push of RESP3: here, that a key which was read has changed."""
    await link.call("CLIENT", "TRACKING", "ON")
    await link.call("GET", keys.log)
    server.call("SET", keys.log, "changed")
    assert await echo(link, b"next") == b"next"
    assert await link.call("GET", keys.log) == b"changed"


async def test_what_is_no_reply_at_all_costs_the_connection(link, proxy):
    async def nonsense(data, pair):
        return b"?nonsense\r\n"

    proxy.to_client = on(b"ECHO", nonsense)
    with pytest.raises(ReplyLost):
        async with asyncio.timeout(2):
            await echo(link, b"word")
    proxy.heal()
    assert await echo(link, b"next") == b"next"
    assert proxy.accepted == 2


async def test_a_connection_that_was_cut_while_nobody_used_it_costs_no_call(link, proxy):
    """Nothing was sent, so nothing can be lost: a server that is back is used at once."""
    await echo(link, b"connected")
    proxy.cut_all()
    await until(lambda: link._wire.is_lost)
    async with asyncio.timeout(2):
        assert await echo(link, b"first") == b"first"
    assert proxy.accepted == 2


async def test_what_is_made_as_it_is_sent_is_no_older_than_its_connection(link_to, server):
    """Who connects anew may have met another server, and says there what is so by then."""
    known = ["old"]
    connect = connector(server.url)

    def slowly():
        known[0] = "new"
        return connect()

    link = link_to(server.url)
    link.connect = slowly
    assert await link.call_as_sent(lambda: ("ECHO", known[0])) == b"new"
    known[0] = "newer"
    assert await link.call_as_sent(lambda: ("ECHO", known[0])) == b"newer"


async def test_callers_at_once_after_a_cut_share_one_new_connection(link, proxy):
    await echo(link, b"connected")
    proxy.cut_all()
    await until(lambda: link._wire.is_lost)
    words = [b"%d" % n for n in range(9)]
    assert await asyncio.gather(*[echo(link, word) for word in words]) == words
    assert proxy.accepted == 2


async def test_each_call_has_a_deadline_of_its_own(link, proxy):
    await echo(link, b"connected")
    for seconds in (0.2, 0.05, 0.1):
        proxy.to_client = on(b"late", eaten)
        began = asyncio.get_running_loop().time()
        with pytest.raises(ReplyLost):
            await echo(link, b"late", seconds=seconds)
        assert seconds <= asyncio.get_running_loop().time() - began < seconds + 1
        proxy.heal()
        assert await echo(link, b"in time", seconds=5.0) == b"in time"


async def test_a_deadline_holds_even_when_a_call_before_had_a_nearer_one(link, proxy):
    await echo(link, b"connected")
    await echo(link, b"in time", seconds=0.05)
    proxy.to_client = on(b"late", eaten)
    with pytest.raises(ReplyLost, match=r"within 0.2 s"):
        async with asyncio.timeout(2):
            await echo(link, b"late", seconds=0.2)


async def test_commands_can_be_sent_ahead_of_their_replies(link, proxy):
    await echo(link, b"connected")
    asked = proxy.asked
    await link.send(("ECHO", "a"), ("ECHO", "b"))
    await link.send(("ECHO", "c"))
    assert await link.receive(2) == [b"a", b"b"]
    assert await link.receive(1) == [b"c"]
    assert asked < proxy.asked <= asked + 2


async def test_replies_to_what_was_sent_ahead_are_lost_with_the_connection(link, proxy):
    await echo(link, b"connected")
    proxy.to_client = eaten
    await link.send(("ECHO", "a"))
    wire = link._wire
    proxy.cut_all()
    await until(lambda: wire._lost)
    with pytest.raises(ReplyLost):
        async with asyncio.timeout(2):
            await link.receive(1)
    with pytest.raises(ReplyLost):
        await link.receive(1)
    with pytest.raises(ReplyLost):
        await link.send(("ECHO", "a"))
    proxy.heal()
    assert await echo(link, b"next") == b"next"


# --- no hidden retries ----------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0, 0.5])
async def test_a_command_whose_reply_was_cut_off_is_lost_and_not_sent_again(
    server, link, proxy, keys, share
):
    proxy.to_client = on(b"INCR", cut_after(share))
    with pytest.raises(ReplyLost):
        await link.call("INCR", keys.log)
    proxy.heal()
    assert stored(server, keys.log) == b"1"
    assert await link.call("INCR", keys.log) == 2


@pytest.mark.parametrize("share", [0, 0.5])
async def test_a_command_that_was_cut_off_on_its_way_is_lost_and_not_sent_again(
    server, link, proxy, keys, share
):
    proxy.to_server = on(b"INCR", cut_after(share))
    with pytest.raises(ReplyLost):
        await link.call("INCR", keys.log)
    assert stored(server, keys.log) is None


async def test_a_command_without_a_reply_in_time_is_lost_and_not_sent_again(
    server, link, proxy, keys
):
    await echo(link, b"connected")  # which may take longer than the call below
    proxy.to_client = on(b"INCR", eaten)
    with pytest.raises(ReplyLost, match=r"no reply from Redis within 0.1 s"):
        await link.call("INCR", keys.log, seconds=0.1)
    assert stored(server, keys.log) == b"1"


async def test_a_reply_that_comes_too_late_is_never_taken_for_another_s(link, proxy):
    await echo(link, b"connected")
    proxy.to_client = on(b"first", late(0.3))
    with pytest.raises(ReplyLost):
        await echo(link, b"first", seconds=0.1)
    assert await echo(link, b"second") == b"second"


async def test_a_call_that_was_cancelled_leaves_no_reply_to_the_next(link, proxy):
    await echo(link, b"connected")
    proxy.to_client = on(b"first", late(0.3))
    asked = proxy.asked
    call = asyncio.create_task(echo(link, b"first"))
    await until(lambda: proxy.asked > asked)
    call.cancel()
    assert await echo(link, b"second") == b"second"
    with pytest.raises(asyncio.CancelledError):
        await call


# --- not reached at all ---------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["unix:///nowhere/s", "redis://127.0.0.1:1"])
async def test_where_nobody_listens_nothing_was_sent(link_to, url):
    with pytest.raises(LogUnavailable, match="cannot connect to Redis") as refused:
        await link_to(url).call("PING")
    assert not isinstance(refused.value, ReplyLost)


async def test_a_server_that_is_stopped_is_given_up_in_time_and_nothing_was_sent(
    own_server, link_to
):
    """It accepts connections, which its kernel does; but it never says hello."""
    link = link_to(own_server.url)
    own_server.stop()
    with pytest.raises(LogUnavailable) as refused:
        await link.call("PING", seconds=0.1)
    assert not isinstance(refused.value, ReplyLost)
    own_server.go_on()
    assert await link.call("PING") == b"PONG"


async def test_a_connection_that_was_given_up_half_made_is_closed(own_server, link_to):
    """Else each try costs a file, until somebody collects garbage (which warns, and so fails here)."""
    link = link_to(own_server.url)
    own_server.stop()
    for _ in range(3):
        with pytest.raises(LogUnavailable):
            await link.call("PING", seconds=0.02)
    gc.collect()
    own_server.go_on()
    await link.call("PING")
    await until(lambda: own_server.call("INFO", "clients")["connected_clients"] == 2)


async def test_a_caller_s_deadline_holds_while_another_has_the_turn(link, proxy):
    await echo(link, b"connected")
    proxy.to_client = on(b"first", late(0.3))
    asked = proxy.asked
    first = asyncio.create_task(echo(link, b"first"))
    await until(lambda: proxy.asked > asked)
    with pytest.raises(LogUnavailable):
        await echo(link, b"second", seconds=0.05)
    assert await first == b"first"


async def test_it_connects_again_after_it_was_closed(link, proxy):
    await echo(link, b"one")
    await link.close()
    await link.close()
    assert await echo(link, b"two") == b"two"
    assert proxy.accepted == 2


async def test_it_connects_again_after_the_server_came_back(own_server, link_to):
    link = link_to(own_server.url)
    await link.call("SET", "key", "value")
    own_server.kill()
    for _ in range(2):
        with pytest.raises(LogUnavailable):
            await link.call("PING")
    own_server.start()
    assert await link.call("GET", "key") == b"value"


# --- errors by our names --------------------------------------------------------------------------


def raised(link, error):
    """The server answers with this error."""
    return link.call("EVAL", f"return redis.error_reply('{error} because')", 0)


@pytest.mark.parametrize(
    "word", ["READONLY", "OOM", "MISCONF", "NOREPLICAS", "NOPERM", "NOAUTH", "WRONGPASS"]
)
async def test_a_server_that_refuses_to_write_makes_nothing_durable(link, word):
    with pytest.raises(NotDurable, match=f"Redis refused: {word}"):
        await raised(link, word)
    assert await echo(link, b"next") == b"next"


@pytest.mark.parametrize(
    "word", ["LOADING", "BUSY", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN", "UNBLOCKED"]
)
async def test_a_server_that_cannot_answer_just_now_is_unavailable(link, word):
    with pytest.raises(LogUnavailable) as refused:
        await raised(link, word)
    assert type(refused.value) is LogUnavailable
    assert await echo(link, b"next") == b"next"


@pytest.mark.parametrize("word", ["ERR", "WRONGTYPE", "NOGROUP", "SOMETHINGNEW"])
async def test_any_other_error_has_no_name_here_and_keeps_its_text(link, word):
    with pytest.raises(Unexpected, match=f"Redis refused: {word} because"):
        await raised(link, word)


async def test_a_wrong_password_is_refused_like_a_write(own_server, link_to):
    own_server.call("CONFIG", "SET", "requirepass", "right")
    link = link_to(own_server.url.replace("unix://", "unix://:wrong@"))
    with pytest.raises(NotDurable, match="cannot connect"):
        await link.call("PING")
    with pytest.raises(NotDurable):
        await link_to(own_server.url).call("PING")
    assert (
        await link_to(own_server.url.replace("unix://", "unix://:right@")).call("PING") == b"PONG"
    )


# --- scripts --------------------------------------------------------------------------------------


async def test_a_script_is_sent_by_its_hash_and_whole_only_when_the_server_does_not_know_it(
    own_server, link_to
):
    script, link = Script.load("pulse"), link_to(own_server.url)
    for _ in range(3):
        await link.run(script, ["log"], 0)
    stats = own_server.call("INFO", "commandstats")
    assert stats["cmdstat_evalsha"]["calls"] == 3
    assert stats["cmdstat_eval"]["calls"] == 1
    with pytest.raises(NoScriptError):
        await link.call("EVALSHA", "0" * 40, 0)


# --- a server that is the master no longer ----------------------------------------------------------


async def test_a_connection_to_a_server_that_was_demoted_is_not_used_again(own_server, link_to):
    """Whoever connects anew asks anew where the master is: a name, an address or a Sentinel may say."""
    link = link_to(own_server.url)
    before = await link.call("CLIENT", "ID")
    own_server.call("REPLICAOF", "127.0.0.1", 1)
    with pytest.raises(NotDurable, match="READONLY"):
        await link.call("SET", "key", "value")
    assert not link._is_connected()
    assert await link.call("CLIENT", "ID") != before


async def test_a_read_that_was_held_when_the_server_was_demoted_ends_with_its_connection(
    own_server, link_to
):
    link = link_to(own_server.url)
    read = ("XREAD", "BLOCK", 60_000, "STREAMS", "key", 0)
    held = asyncio.create_task(link.call(*read, seconds=60))
    await until(lambda: own_server.call("INFO", "clients")["blocked_clients"])
    own_server.call("REPLICAOF", "127.0.0.1", 1)
    with pytest.raises(LogUnavailable, match="UNBLOCKED"):
        async with asyncio.timeout(5):
            await held
    assert not link._is_connected()
