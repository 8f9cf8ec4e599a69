"""Durability on real servers: an append, and the question behind it whether the replicas have it."""

import re
import subprocess
import time

import pytest

from events.chain import GENESIS, Head
from events.envelope import digest
from events.errors import Conflict
from events.log import Draft
from events.streams.durability import CONFIRM_SECONDS, FSYNCED, IN_VAIN_SECONDS, Durability
from events.streams.link import connector
from events.streams.log import RedisLog
from tests.faults_proxy import FaultsProxy, eaten, on
from tests.servers import Server, program
from tests.waiting import until

pytestmark = [pytest.mark.redis, pytest.mark.faults, pytest.mark.soak]

SERVER = subprocess.run([program(), "-v"], check=True, capture_output=True, text=True).stdout
VERSION = tuple(int(number) for number in re.findall(r"v=(\d+)\.(\d+)", SERVER)[0])
KNOWS_WAITAOF = VERSION >= (7, 2)


def draft(number: int) -> Draft:
    event = b'{"number":%d}' % number
    return Draft(f"id-{number}", event, digest(event))


def behind(number: int) -> Head:
    return Head(number, draft(number).hash, draft(number).hash) if number else GENESIS


@pytest.fixture
def master():
    """A durable server that can have replicas."""
    running = Server(durable=True, tcp=True)
    try:
        running.start()
        yield running
    finally:
        running.close()


@pytest.fixture
def replica(master):
    """A durable replica of it, in step with it."""
    running = master.replica(durable=True)
    try:
        running.start()
        deadline = time.monotonic() + 20
        while running.call("INFO", "replication")["master_link_status"] != "up":
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield running
    finally:
        running.close()


@pytest.fixture
async def log_to(keys):
    """Makes logs over a URL with a durability; they are closed with the test."""
    made = []

    def make(url: str, durability: str) -> RedisLog:
        made.append(RedisLog.over(connector(url), keys, durability=Durability.of(durability)))
        return made[-1]

    yield make
    for log in made:
        await log.close()


@pytest.mark.parametrize(
    ("setting", "durability", "question"),
    [
        ("fsynced", FSYNCED, None),
        ("replicas:2", Durability(2, fsynced=False), ("WAIT", 2, 1500)),
        ("fsynced-replicas:1", Durability(1, fsynced=True), ("WAITAOF", 1, 1, 1500)),
    ],
)
def test_a_setting_says_what_is_asked_of_the_server(setting, durability, question):
    assert Durability.of(setting) == durability
    assert durability.question(1.5) == question


@pytest.mark.parametrize(
    ("setting", "reply", "met"),
    [
        ("replicas:2", 2, True),
        ("replicas:2", 3, True),
        ("replicas:2", 1, False),
        ("replicas:1", ValueError(), False),
        ("fsynced-replicas:1", [1, 1], True),
        ("fsynced-replicas:1", [1, 0], False),
        ("fsynced-replicas:1", [0, 1], False),
        ("fsynced-replicas:1", ValueError(), False),
    ],
)
def test_only_as_many_as_were_asked_for_are_enough(setting, reply, met):
    assert Durability.of(setting).met(reply) is met


async def test_an_append_that_a_replica_has_is_durable(master, replica, log_to, keys):
    log = log_to(master.url, "replicas:1")
    for number in range(3):
        assert (await log.append(draft(number + 1), behind(number), 5.0)).durable
        assert replica.call("XLEN", keys.log) == number + 1


@pytest.mark.skipif(not KNOWS_WAITAOF, reason="this server has no WAITAOF")
async def test_an_append_that_a_replica_has_on_its_disk_is_durable(master, replica, log_to):
    log = log_to(master.url, "fsynced-replicas:1")
    assert (await log.append(draft(1), GENESIS, 5.0)).durable
    replica.kill()
    assert not (await log.append(draft(2), behind(1), 5.0)).durable


@pytest.mark.skipif(KNOWS_WAITAOF, reason="this server has WAITAOF")
async def test_a_server_without_waitaof_confirms_nothing_and_takes_the_append(
    master, replica, log_to
):
    log = log_to(master.url, "fsynced-replicas:1")
    assert not (await log.append(draft(1), GENESIS, 5.0)).durable
    assert len(await log.read(0)) == 1


async def test_without_enough_replicas_it_lands_once_and_is_not_called_durable(
    master, replica, log_to
):
    log = log_to(master.url, "replicas:2")
    began = time.monotonic()
    assert not (await log.append(draft(1), GENESIS, 5.0)).durable
    assert time.monotonic() - began > CONFIRM_SECONDS * 0.9
    began = time.monotonic()
    assert not (await log.append(draft(2), behind(1), 5.0)).durable
    waited = time.monotonic() - began
    assert IN_VAIN_SECONDS * 0.9 < waited < CONFIRM_SECONDS, "the second does not wait so long"
    assert [entry.position for entry in await log.read(0)] == [1, 2]


async def test_a_replica_that_stands_still_confirms_nothing_until_it_goes_on(
    master, replica, log_to, keys
):
    log = log_to(master.url, "replicas:1")
    assert (await log.append(draft(1), GENESIS, 5.0)).durable
    replica.stop()
    try:
        assert not (await log.append(draft(2), behind(1), 5.0)).durable
    finally:
        replica.go_on()
    await until(lambda: replica.call("XLEN", keys.log) == 2)
    assert (await log.append(draft(3), behind(2), 5.0)).durable
    assert [entry.position for entry in await log.read(0)] == [1, 2, 3]


async def test_the_question_goes_out_with_the_append_in_one_write(master, replica, log_to):
    async with FaultsProxy(master.socket) as proxy:
        log = log_to(proxy.url, "replicas:1")
        await log.append(draft(1), GENESIS, 5.0)
        asked = proxy.asked
        assert (await log.append(draft(2), behind(1), 5.0)).durable
        assert proxy.asked == asked + 1


async def test_a_server_that_has_forgotten_the_script_takes_append_and_question_again(
    master, replica, log_to
):
    log = log_to(master.url, "replicas:1")
    await log.append(draft(1), GENESIS, 5.0)
    master.call("SCRIPT", "FLUSH")
    assert (await log.append(draft(2), behind(1), 5.0)).durable
    assert [entry.position for entry in await log.read(0)] == [1, 2]


@pytest.mark.parametrize(("setting", "durable"), [("fsynced", True), ("replicas:1", False)])
async def test_an_append_whose_reply_was_lost_is_found_and_nothing_known_of_the_replicas(
    master, replica, log_to, setting, durable
):
    """A new connection has written nothing, so that it could be told anything about them."""
    async with FaultsProxy(master.socket) as proxy:
        log = log_to(proxy.url, setting)
        await log.append(draft(1), GENESIS, 5.0)
        proxy.to_client = on(draft(2).event, eaten)
        assert (await log.append(draft(2), behind(1), 0.2)).durable is durable
        assert [entry.position for entry in await log.read(0)] == [1, 2]


async def test_what_is_refused_is_refused_as_ever(master, replica, log_to):
    log = log_to(master.url, "replicas:1")
    await log.append(draft(1), GENESIS, 5.0)
    with pytest.raises(Conflict):
        await log.append(draft(2), GENESIS, 5.0)
    assert len(await log.read(0)) == 1
