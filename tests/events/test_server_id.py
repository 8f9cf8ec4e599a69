"""Which server it is: asked behind every new connection, before anything else is sent over it."""

import asyncio

import pytest

from events.chain import GENESIS, Head
from events.envelope import digest
from events.errors import Conflict, LogUnavailable, OutcomeUnknown, ServerChanged
from events.log import Draft
from events.streams import log as redis_log
from events.streams.link import Link, ReplyLost, connector
from events.streams.log import RedisLog
from events.streams.server_id import ServerId
from tests.faults_proxy import Cut, FaultsProxy, eaten, on
from tests.servers import Server
from tests.waiting import until

FIRST = Draft("id-1", b'{"the":"first"}', digest(b'{"the":"first"}'))
DRAFT = Draft("id-2", b'{"the":"event"}', digest(b'{"the":"event"}'))
OTHER = Draft("id-x", b'{"an":"other"}', digest(b'{"an":"other"}'))
HEAD = Head(1, FIRST.hash, FIRST.hash)


class Gate:
    """Lets the servers in that it knows; others only once it was opened."""

    def __init__(self):
        self.known, self.met, self.noted, self.is_open = None, [], [], False

    def __call__(self, server):
        self.met.append(server)
        self.known = self.known or server
        if server != self.known and not self.is_open:
            raise ServerChanged("the server is another one than before; nothing was written")


@pytest.fixture
def gate():
    return Gate()


@pytest.fixture
async def link(server, gate):
    link = Link(connector(server.url), gate)
    yield link
    await link.close()


@pytest.fixture
def another_server():
    """An empty one."""
    running = Server()
    try:
        running.start()
        yield running
    finally:
        running.close()


async def test_each_new_connection_is_introduced_once(server, link, gate):
    told = ServerId(server.call("INFO", "server")["run_id"], "master")
    assert await link.call("PING") == b"PONG"
    assert await link.call("PING") == b"PONG"
    assert gate.met == [told]
    await link.close()
    await link.call("PING")
    assert gate.met == [told, told]


async def test_a_link_that_asks_for_nobody_s_name_sends_nothing_but_its_commands(server):
    before = server.call("INFO", "commandstats").get("cmdstat_info", {"calls": 0})["calls"]
    link = Link(connector(server.url))
    await link.call("PING")
    await link.close()
    after = server.call("INFO", "commandstats")["cmdstat_info"]["calls"]
    assert after - before <= 1, "the look itself"


async def test_a_replica_of_the_server_says_so(server, another_server, gate):
    another_server.call("REPLICAOF", "127.0.0.1", 1)
    link = Link(connector(another_server.url), gate)
    try:
        await link.call("PING")
    finally:
        await link.close()
    assert [each.role for each in gate.met] == ["slave"]


async def test_what_is_refused_sends_nothing_and_closes_the_connection(server, link, gate, keys):
    gate.known = ServerId("somebody else", "master")
    with pytest.raises(ServerChanged) as refused:
        await link.call("SET", keys.log, "x")
    assert not isinstance(refused.value, ReplyLost)
    with pytest.raises(ServerChanged):
        await link.call("SET", keys.log, "x")
    assert len(gate.met) == 2, "it is asked again: it may be let in now"
    assert not server.call("EXISTS", keys.log)
    gate.is_open = True
    await link.call("SET", keys.log, "x")


@pytest.mark.parametrize("rights", ["-info", "-@dangerous"])
async def test_a_server_that_may_not_say_who_it_is_has_no_name(own_server, gate, rights, keys):
    own_server.call("ACL", "SETUSER", "quiet", "on", ">pw", "~*", "&*", "+@all", rights)
    link = Link(connector(own_server.url.replace("unix://", "unix://quiet:pw@")), gate)
    try:
        assert await link.call("SET", keys.log, "x") == b"OK"
    finally:
        await link.close()
    assert gate.met == [ServerId("", "")]


async def test_a_question_without_an_answer_is_no_lost_command(proxy, gate):
    proxy.to_client = on(b"replication", eaten)
    link = Link(connector(proxy.url), gate)
    with pytest.raises(LogUnavailable) as lost:
        await link.call("SET", "k", "v", seconds=0.2)
    assert not isinstance(lost.value, ReplyLost)
    assert gate.met == []
    proxy.heal()
    assert await link.call("PING") == b"PONG"
    await link.close()


# --- an append whose reply was lost while another server took the place of the old ----------------


@pytest.fixture
async def both(own_server, another_server, gate, keys):
    """A log through a proxy, on a server that another one can take the place of; both direct, too."""
    old = RedisLog.over(connector(own_server.url), keys)
    new = RedisLog.over(connector(another_server.url), keys)
    await old.append(FIRST, GENESIS, 5.0)
    async with FaultsProxy(own_server.socket) as proxy:
        log = RedisLog.over(connector(proxy.url), keys, met=gate, noted=gate.noted.append)
        await log.pulse()
        with pytest.raises(Conflict):
            await log.append(DRAFT, GENESIS, 5.0)

        def replace(way):
            """On the append's way to the server, or its reply's back, the server becomes another."""

            async def replaced(data, pair):
                proxy.target = another_server.socket
                proxy.cut_all()
                raise Cut

            setattr(proxy, way, on(DRAFT.event, replaced, 1))

        yield old, new, log, replace
        await log.close()
    await old.close()
    await new.close()


async def events(log):
    return [entry.event for entry in await log.read(0)]


@pytest.mark.parametrize("way", ["to_server", "to_client"])
@pytest.mark.parametrize("there", ["nothing", "the same head", "somebody else's"])
async def test_an_append_whose_server_was_replaced_is_unknown_and_never_lands_on_the_new_one(
    both, gate, way, there, monkeypatch
):
    monkeypatch.setattr(redis_log, "RESOLVE_GRACE", 0.4)
    _old, new, log, replace = both
    if there != "nothing":
        await new.append(FIRST, GENESIS, 5.0)
    if there == "somebody else's":
        await new.append(OTHER, HEAD, 5.0)
    before = await events(new)
    replace(way)
    with pytest.raises(OutcomeUnknown):
        await log.append(DRAFT, HEAD, 0.2)
    assert await events(new) == before
    assert len(set(gate.met)) == len(set(gate.noted)) == 2, "the new one was met"


async def test_an_append_that_the_new_server_holds_has_landed(both):
    _old, new, log, replace = both
    await new.append(FIRST, GENESIS, 5.0)
    await new.append(DRAFT, HEAD, 5.0)
    replace("to_client")
    landed = await log.append(DRAFT, HEAD, 2.0)
    assert landed.at == (await new.read(1))[0].at
    assert landed.durable, "what a server that syncs always has shown to anybody, it has synced"


@pytest.mark.parametrize("there", ["the same head", "somebody else's"])
async def test_once_the_new_server_is_known_to_be_whole_the_append_goes_on_there(both, gate, there):
    _old, new, log, replace = both
    await new.append(FIRST, GENESIS, 5.0)
    if there == "somebody else's":
        await new.append(OTHER, HEAD, 5.0)
    replace("to_server")
    append = asyncio.create_task(log.append(DRAFT, HEAD, 3.0))
    await until(lambda: len(set(gate.met)) == 2)
    gate.is_open = True
    if there == "the same head":
        await append
        assert await events(new) == [FIRST.event, DRAFT.event]
    else:
        with pytest.raises(Conflict):
            await append
        assert await events(new) == [FIRST.event, OTHER.event]


async def test_an_append_that_was_not_sent_yet_is_refused_by_the_gate_at_once(both, gate):
    old, _new, log, _replace = both
    await log.close()
    gate.known = ServerId("somebody else", "master")
    with pytest.raises(ServerChanged):
        await log.append(DRAFT, HEAD, 5.0)
    assert await events(old) == [FIRST.event]
