"""The master behind Sentinel: found, checked, followed; on real sentinels, and on some that are wrong."""

import asyncio
import time
import uuid
from dataclasses import dataclass, field

import pytest
from redis.asyncio.connection import SSLConnection

from events.chain import GENESIS, Head
from events.envelope import digest
from events.errors import AppendExpired, Conflict, LogUnavailable, NotDurable
from events.log import Draft
from events.streams import master as master_module
from events.streams.keys import Keys
from events.streams.link import Link, connector
from events.streams.log import RedisLog
from events.streams.master import Master
from events.streams.sentinel_url import Address, SentinelUrl
from services.dev.ports import HOST, Ports
from tests.sentinel import NAME, Node, Sentinels
from tests.waiting import until

pytestmark = [pytest.mark.faults, pytest.mark.soak]

# --- the URL ----------------------------------------------------------------------------------------


def test_a_url_names_the_sentinels_the_master_and_the_database():
    url = SentinelUrl.parse("redis+sentinel://s1:26380,s2,[2001:db8::1],[::1]:5/my.master/3")
    assert url.sentinels == (("s1", 26380), ("s2", 26379), ("2001:db8::1", 26379), ("::1", 5))
    assert (url.master, url.db, url.is_tls) == ("my.master", 3, False)
    assert not url.credentials
    assert not url.sentinel_credentials


def test_the_master_and_the_sentinels_have_credentials_of_their_own():
    url = SentinelUrl.parse(
        "rediss+sentinel://me:p%40ss@s1/main?sentinel_password=a%2Bb&ssl_ca_certs=/ca.pem"
        "&sentinel_username=you"
    )
    assert url.credentials == {"username": "me", "password": "p@ss"}
    assert url.sentinel_credentials == {"username": "you", "password": "a+b"}
    assert (url.is_tls, url.query) == (True, "ssl_ca_certs=/ca.pem")
    assert SentinelUrl.parse("redis+sentinel://:p@s1/main").credentials == {"password": "p"}


def test_a_url_is_shown_without_its_secrets():
    url = SentinelUrl.parse("redis+sentinel://me:secret@s1,[::1]:7/main/2?sentinel_password=secret")
    assert str(url) == "redis+sentinel://s1:26379,[::1]:7/main/2"
    assert "secret" not in repr(url)


WRONG = [
    "redis://s1/main",
    "redis+sentinel://",
    "redis+sentinel:///main",
    "redis+sentinel://s1:26379",
    "redis+sentinel://s1:26379/",
    "redis+sentinel://s1:26379,/main",
    "redis+sentinel://s1:port/main",
    "redis+sentinel://s1:0/main",
    "redis+sentinel://s1:65536/main",
    "redis+sentinel://s1:/main",
    "redis+sentinel://::1/main",
    "redis+sentinel://[::1/main",
    "redis+sentinel://[::1]5/main",
    "redis+sentinel://s1/my master",
    "redis+sentinel://s1/main/one",
    "redis+sentinel://s1/main/-1",
    "redis+sentinel://s1/main/1/2",
    "redis+sentinel://s1/main?sentinel_pasword=typo",
    "redis+sentinel://s1/main?ssl_ca_certs=/for/no/tls",
    "redis+sentinel://s1/main?%FF",
    "redis+sentinel://s1/main#x",
]


@pytest.mark.parametrize("url", WRONG)
def test_a_wrong_url_is_refused_before_anybody_is_asked(url):
    with pytest.raises(ValueError, match=r"."):
        SentinelUrl.parse(url)


def test_over_tls_both_the_sentinels_and_the_master_are_reached_so():
    master = connector("rediss+sentinel://s1/main?ssl_check_hostname=false")
    assert isinstance(master, Master)
    for connection in (master(), *(link.connect() for link in master.sentinels.links())):
        assert isinstance(connection, SSLConnection)
        assert connection.check_hostname is False


KEYS = Keys("t-sentinel")
WORDS = [b'{"event":%d}' % number for number in range(2000)]


def draft(number):
    return Draft(f"id-{number}", WORDS[number], digest(WORDS[number]))


def behind(number):
    """The head of a log of the first ``number`` words."""
    stored = digest(WORDS[number - 1]) if number else ""
    return Head(number, stored, stored) if number else GENESIS


async def appended(log, number, seconds=5.0):
    """Append the word of this number, again and again while the log is out of reach."""
    while True:
        try:
            return await log.append(draft(number), behind(number), seconds)
        except (LogUnavailable, AppendExpired):
            await asyncio.sleep(0.01)


async def events(log):
    return [entry.event for entry in await log.read(0, count=len(WORDS))]


def ports_of(*links):
    return [link._connection.port for link in links if link._connection is not None]


READ = ("XREAD", "BLOCK", 60_000, "STREAMS", "nothing", 0)

# --- the sentinels' word, from sentinels that say what they are told to -----------------------------


@dataclass(slots=True)
class Teller:
    """A sentinel of the test's own: it says that ``port`` is the master since failover ``epoch``."""

    port: int
    epoch: object = 1
    flags: str = "master"
    before: int | None = None
    """The port of the master whose failover is not over yet, when ``port`` follows it already."""
    is_mute: bool = False
    asked: int = 0
    own_port: int = 0
    server: asyncio.Server | None = None
    lines: list[asyncio.Transport] = field(default_factory=list)

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: Told(self), HOST, 0)
        self.own_port = self.server.sockets[0].getsockname()[1]

    def close(self) -> None:
        assert self.server is not None
        self.server.close()
        for line in self.lines:
            line.abort()

    def answer(self) -> bytes:
        """To both questions, which come in one write."""
        self.asked += 1
        where, port, before = HOST, str(self.port), str(self.before or self.port)
        details = (
            "name", NAME, "ip", where, "port", before, "flags", self.flags, "config-epoch", self.epoch
        )  # fmt: skip
        return _list(where, port) + _list(*details)


class Told(asyncio.Protocol):
    """One who asks a teller."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._line: asyncio.Transport

    def connection_made(self, transport):
        self._line = transport
        self._teller.lines.append(transport)

    def data_received(self, data):
        if b"MASTER" in data and not self._teller.is_mute:
            self._line.write(self._teller.answer())


def _list(*words: object) -> bytes:
    bulks = (b"$%d\r\n%s\r\n" % (len(word), word) for word in (str(w).encode() for w in words))
    return b"*%d\r\n" % len(words) + b"".join(bulks)


@pytest.fixture(scope="module")
def nodes():
    """Two servers that each say of themselves that they are masters."""
    ports = Ports()
    made = [Node(ports.own(), ()) for _ in range(2)]
    try:
        for node in made:
            node.start()
        yield made
    finally:
        for node in made:
            node.close()
        ports.__exit__()


@pytest.fixture
async def tellers(nodes):
    """Three sentinels that name the first of the two servers."""
    made = [Teller(nodes[0].port) for _ in range(3)]
    for teller in made:
        await teller.open()
    yield made
    for teller in made:
        teller.close()


@pytest.fixture
def connect(tellers):
    hosts = ",".join(f"{HOST}:{teller.own_port}" for teller in tellers)
    return connector(f"redis+sentinel://{hosts}/{NAME}")


@pytest.fixture
async def link(connect):
    made = Link(connect)
    yield made
    await made.close()


async def port_of(link):
    return int((await link.call("CONFIG", "GET", "port"))[b"port"])


@pytest.mark.redis
async def test_the_sentinel_that_knows_of_the_latest_failover_is_believed(link, tellers, nodes):
    tellers[2].port, tellers[2].epoch = nodes[1].port, 2
    assert await port_of(link) == nodes[1].port


@pytest.mark.redis
async def test_a_few_sentinels_that_missed_a_failover_are_not_believed(link, tellers, nodes):
    """Cut off together with an old master that believes itself to be the master still."""
    tellers[0].epoch = tellers[1].epoch = 2
    tellers[0].port = tellers[1].port = nodes[1].port
    assert await port_of(link) == nodes[1].port
    await link.close()
    tellers[0].is_mute = tellers[1].is_mute = True
    with pytest.raises(LogUnavailable, match="have missed the last failover of 'main'"):
        await port_of(link)
    tellers[0].is_mute = tellers[1].is_mute = False
    assert await port_of(link) == nodes[1].port


@pytest.mark.redis
async def test_sentinels_that_were_set_up_anew_are_believed_when_they_are_most(
    link, tellers, nodes
):
    for teller in tellers:
        teller.epoch = 7
    assert await port_of(link) == nodes[0].port
    await link.close()
    for teller in tellers:
        teller.port, teller.epoch = nodes[1].port, 0
    assert await port_of(link) == nodes[1].port


@pytest.mark.redis
async def test_mute_sentinels_cost_no_time_while_most_answer_and_a_second_when_none_does(
    link, tellers
):
    tellers[0].is_mute = True
    began = time.monotonic()
    assert await link.call("PING") == b"PONG"
    assert time.monotonic() - began < 0.5
    await link.close()
    tellers[1].is_mute = tellers[2].is_mute = True
    began = time.monotonic()
    with pytest.raises(LogUnavailable, match=f"no sentinel of .*/{NAME} answers: no reply"):
        await link.call("PING")
    assert 0.9 <= time.monotonic() - began < 2.5


@pytest.mark.redis
async def test_an_answer_that_cannot_be_read_is_none(link, tellers):
    for teller in tellers:
        teller.epoch = "soon"
    with pytest.raises(LogUnavailable, match="a sentinel's answer cannot be read"):
        await link.call("PING")


@pytest.mark.redis
async def test_connections_to_a_master_that_was_replaced_are_cut_though_it_believes_to_be_one(
    connect, tellers, nodes
):
    """It is cut off from the sentinels, but not from us: nothing but their word can show it."""
    moved: list[Address] = []
    idle, blocked = Link(connect), Link(connect)
    watch = asyncio.create_task(connect.watch(moved.append))
    try:
        assert await port_of(idle) == nodes[0].port
        held = asyncio.create_task(blocked.call(*READ, seconds=60))
        await until(lambda: nodes[0].call("INFO", "clients")["blocked_clients"])
        for teller in tellers:
            teller.port, teller.epoch = nodes[1].port, 2
        with pytest.raises(LogUnavailable):
            async with asyncio.timeout(5):
                await held
        assert moved == [Address(HOST, nodes[1].port)]
        assert [await port_of(link) for link in (idle, blocked)] == [nodes[1].port] * 2
        asked = tellers[0].asked
        await until(lambda: tellers[0].asked >= asked + 2)
        assert idle._is_connected(), "what is connected to the master stays"
        assert len(moved) == 1
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await idle.close()
        await blocked.close()


@pytest.fixture
async def watched(connect, tellers):
    """A log over the tellers, as a service has it; they have answered at least once."""
    watch = asyncio.create_task(connect.watch(lambda _address: None))
    log = RedisLog.over(connect, Keys(f"t-{uuid.uuid4().hex[:12]}"))
    await until(lambda: connect._watching)
    yield log
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)
    await log.close()


@pytest.mark.redis
async def test_an_append_asks_whether_the_master_is_still_the_one(
    watched, tellers, nodes, monkeypatch
):
    """However long it takes until somebody looks again by himself."""
    monkeypatch.setattr(master_module, "WATCH_SECONDS", 3600)
    await until(lambda: tellers[0].asked >= 2)
    await watched.append(draft(0), behind(0), 5.0)
    assert ports_of(watched.writer) == [nodes[0].port]
    for teller in tellers:
        teller.port, teller.epoch = nodes[1].port, 2
    with pytest.raises(Conflict):  # the other one's log is empty
        await watched.append(draft(1), behind(1), 5.0)
    assert ports_of(watched.writer) == [nodes[1].port]
    assert nodes[0].call("XLEN", watched.keys.log) == 1


@pytest.mark.redis
async def test_an_append_waits_for_a_failover_that_has_begun(watched, tellers, nodes):
    tellers[1].flags = "master,failover_in_progress"
    appending = asyncio.create_task(watched.append(draft(0), behind(0), 5.0))
    asked = tellers[1].asked
    await until(lambda: tellers[1].asked >= asked + 5)
    assert not appending.done()
    tellers[1].port, tellers[1].epoch, tellers[1].flags = nodes[1].port, 2, "master"
    await appending
    assert [node.call("EXISTS", watched.keys.log) for node in nodes] == [0, 1]


@pytest.mark.redis
async def test_an_append_goes_to_the_promoted_server_while_the_others_are_still_being_told(
    watched, tellers, nodes
):
    """That may take as long as the slowest replica; the sentinels call it a failover all the while."""
    for teller in tellers:
        teller.port, teller.before, teller.epoch = nodes[1].port, nodes[0].port, 2
        teller.flags = "master,failover_in_progress"
    began = time.monotonic()
    await watched.append(draft(0), behind(0), 5.0)
    assert time.monotonic() - began < 1
    assert ports_of(watched.writer) == [nodes[1].port]


@pytest.mark.redis
async def test_a_failover_that_takes_too_long_ends_an_append_with_nothing_written(
    watched, tellers, nodes, monkeypatch
):
    monkeypatch.setattr(master_module, "CHANGE_SECONDS", 0.2)
    tellers[0].flags = "master,failover_in_progress,o_down"
    with pytest.raises(LogUnavailable, match="a failover of 'main' is under way"):
        await watched.append(draft(0), behind(0), 5.0)
    assert not nodes[0].call("EXISTS", watched.keys.log)


@pytest.mark.redis
async def test_silent_sentinels_keep_nobody_from_appending(watched, tellers):
    await watched.append(draft(0), behind(0), 5.0)
    for teller in tellers:
        teller.is_mute = True
    began = time.monotonic()
    await watched.append(draft(1), behind(1), 5.0)
    assert time.monotonic() - began < 1.5


@pytest.mark.redis
async def test_another_spelling_of_the_address_is_no_failover(watched, tellers, nodes):
    await watched.append(draft(0), behind(0), 5.0)
    for teller in tellers:
        teller.port = nodes[1].port
    await watched.append(draft(1), behind(1), 5.0)
    assert ports_of(watched.writer) == [nodes[0].port]


@pytest.mark.redis
async def test_while_no_sentinel_answers_connections_stay(connect, tellers, nodes):
    moved: list[Address] = []
    link = Link(connect)
    watch = asyncio.create_task(connect.watch(moved.append))
    try:
        await port_of(link)
        await until(lambda: tellers[0].asked >= 2)
        for teller in tellers:
            teller.close()
        connection = link._connection
        await asyncio.sleep(0)
        with pytest.raises(LogUnavailable):
            await connect.find()
        assert await port_of(link) == nodes[0].port
        assert link._connection is connection
        assert not watch.done()
        assert moved == []
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await link.close()


# --- real sentinels ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def standing():
    """A group whose servers nobody may break, and whose sentinels come back after each test."""
    group = Sentinels(replicas=1)
    try:
        group.start()
        yield group
    finally:
        group.close()


@pytest.fixture
def group():
    """A group of the test's own."""
    made = Sentinels()
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
async def over():
    """Makes logs over a group, in the manner of a service: it watches where the master is."""
    logs, watches = [], []

    def make(group):
        connect = connector(group.url)
        assert isinstance(connect, Master)
        watches.append(asyncio.create_task(connect.watch(lambda _address: None)))
        logs.append(RedisLog.over(connect, KEYS))
        return logs[-1]

    yield make
    for watch in watches:
        watch.cancel()
    await asyncio.gather(*watches, return_exceptions=True)
    for log in logs:
        await log.close()


@pytest.mark.redis
async def test_one_sentinel_of_three_may_be_down_but_not_all(standing, link_to):
    """Down or stopped: it makes no difference to whoever asks."""
    down, stopped, third = standing.sentinels
    down.kill()
    stopped.stop()
    try:
        third_alone = link_to(standing.url)
        assert await port_of(third_alone) == standing.servers[0].port
        third.kill()
        assert await third_alone.call("PING") == b"PONG", (
            "a connection that stands needs no sentinel"
        )
        began = time.monotonic()
        with pytest.raises(LogUnavailable, match=rf"no sentinel of .*{down.port}.*/main answers"):
            await link_to(standing.url).call("PING")
        assert time.monotonic() - began < 2.5
    finally:
        stopped.go_on()
        for each in (down, third):
            each.start()
    assert await port_of(link_to(standing.url)) == standing.servers[0].port


@pytest.mark.redis
async def test_a_master_that_the_sentinels_do_not_know_is_said_so(standing, link_to):
    with pytest.raises(LogUnavailable, match="the sentinels know no master of the name 'other'"):
        await link_to(standing.url.replace(f"/{NAME}", "/other")).call("PING")


@pytest.mark.redis
async def test_the_database_of_the_url_is_the_one_that_is_used(standing, link_to):
    link = link_to(f"{standing.url}/3")
    assert b" db=3 " in await link.call("CLIENT", "INFO")


@pytest.mark.redis
async def test_sentinels_and_servers_may_each_have_a_password(link_to):
    group = Sentinels(
        replicas=0, sentinels=1, quorum=1, password="servers", sentinel_password="sentinels"
    )
    bare = group.url.partition("://")[2]
    try:
        group.start()
        right = f"redis+sentinel://:servers@{bare}?sentinel_password=sentinels"
        assert await link_to(right).call("PING") == b"PONG"
        with pytest.raises(LogUnavailable, match=r"no sentinel .* answers: .*NOAUTH"):
            await link_to(f"redis+sentinel://:servers@{bare}").call("PING")
        with pytest.raises(LogUnavailable, match=r"no sentinel .* answers: .*WRONGPASS|invalid"):
            await link_to(right.replace("=sentinels", "=wrong")).call("PING")
        with pytest.raises(NotDurable, match=r"WRONGPASS|invalid"):
            await link_to(right.replace(":servers", ":wrong")).call("PING")
    finally:
        group.close()


@pytest.mark.redis
async def test_a_master_that_was_demoted_is_not_used_though_the_sentinels_still_name_it(link_to):
    """They are slow to notice; it is asked for its role itself, before anything is sent."""
    group = Sentinels(replicas=1, down_after=60_000)
    try:
        group.start()
        old, new = group.servers
        link = link_to(group.url)
        await link.call("SET", KEYS.log, "before")
        group.wait_replicated()
        new.call("REPLICAOF", "NO", "ONE")
        old.call("REPLICAOF", *new.address.split(":"))
        assert group.named() == [old.port] * 3
        with pytest.raises(NotDurable, match="READONLY"):
            await link.call("SET", KEYS.log, "after")
        for command in (("SET", KEYS.log, "after"), ("GET", KEYS.log)):
            with pytest.raises(LogUnavailable, match=r"is no master \(yet\): it says 'replica'"):
                await link.call(*command)
        assert new.call("GET", KEYS.log) == b"before"
    finally:
        group.close()


@pytest.mark.redis
async def test_after_a_failover_appends_go_to_the_new_master_and_find_all_that_it_has(group, over):
    log = over(group)
    for number in range(20):
        await log.append(draft(number), behind(number), 5.0)
    group.wait_replicated()
    old = group.kill_master()
    await until(lambda: log.writer._wire.is_lost)
    with pytest.raises(LogUnavailable):
        await log.append(draft(20), behind(20), 1.0)
    new = await asyncio.to_thread(group.wait_promoted, old)
    promoted = time.monotonic()
    await appended(log, 20)
    assert time.monotonic() - promoted < 5
    assert await port_of(log.writer) == await port_of(log.reader) == new.port
    assert await events(log) == WORDS[:21]


@pytest.mark.redis
async def test_in_a_planned_failover_a_writer_leaves_the_old_master_before_that_knows_of_it(
    group, over
):
    """The sentinels let it be a master for seconds more; an append waits until the other is named.

    The one that was under way when it began may be gone with the old master, which replies before its
    replicas have anything. It is missed at once, by the next one, and comes again.
    """
    log, landed, missed = over(group), 0, 0

    async def append():
        nonlocal landed, missed
        while True:
            try:
                await log.append(draft(landed), behind(landed), 5.0)
                landed += 1
            except Conflict as moved:
                if missed or moved.position != landed - 1:
                    raise
                missed, landed = landed, landed - 1

    appending = asyncio.create_task(append())
    await until(lambda: landed >= 20)
    old = await asyncio.to_thread(group.fail_over)
    new = await asyncio.to_thread(group.wait_promoted, old)
    await until(lambda: new.port in ports_of(log.writer), 5)
    assert old.role == "master", (
        "void: it was demoted, which would have cut the connection by itself"
    )
    before = landed
    await until(lambda: appending.done() or landed > before + 20)
    if appending.done():
        await appending  # raises what ended it
    appending.cancel()
    await asyncio.gather(appending, return_exceptions=True)
    found = await events(log)
    assert ports_of(log.reader) == [new.port]
    assert landed > before + 20
    assert found == WORDS[: len(found)]
    assert len(found) >= landed, "what was acknowledged is there"


# --- without Sentinel -------------------------------------------------------------------------------


async def test_a_server_that_was_demoted_under_an_open_connection_proves_no_head(
    own_server, log_at
):
    log = log_at(own_server.url)
    await log.append(draft(0), behind(0), 5.0)
    assert (await log.pulse()).head_position == 1
    own_server.call("REPLICAOF", HOST, 1)
    with pytest.raises(NotDurable, match="is no master any more"):
        await log.pulse()
    own_server.call("REPLICAOF", "NO", "ONE")
    assert (await log.pulse()).head_position == 1


async def test_a_user_without_the_right_to_ask_for_the_role_can_look_all_the_same(
    own_server, log_at
):
    own_server.call("ACL", "SETUSER", "plain", "on", ">word", "~*", "+@all", "-info")
    log = log_at(own_server.url.replace("unix://", "unix://plain:word@"))
    await log.append(draft(0), behind(0), 5.0)
    assert (await log.pulse()).head_position == 1
