"""Checks of the server: said once, shown on a gauge, and a reason not to start if so wished."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from events.streams import rights
from events.streams.durability import FSYNCED
from events.streams.keys import Keys
from services import server_checks
from services.metrics import AdminMetrics
from services.server_checks import ServerChecks, ServerRefused, on_gauges
from tests.servers import Server
from tests.waiting import until

pytestmark = pytest.mark.redis


@pytest.fixture
def careless():
    """A server that keeps nothing."""
    running = Server()
    try:
        running.start()
        yield running
    finally:
        running.close()


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def checks_of(link_to, registry):
    show = on_gauges(AdminMetrics(registry))

    def make(server, mode):
        needed = rights.admin(Keys("t-checks"), FSYNCED)
        return ServerChecks(link_to(server.url), needed, FSYNCED, mode, show)

    return make


def shown(registry):
    """The checks whose gauge is up; all have one."""
    (family,) = (each for each in registry.collect() if each.name == "promptcast_server_findings")
    return {sample.labels["check"]: sample.value for sample in family.samples}


async def test_a_finding_is_a_log_line_and_a_gauge_and_both_go_with_it(
    careless, checks_of, registry
):
    checks = checks_of(careless, "warn")
    with capture_logs() as lines:
        await checks.look()
        await checks.look()
    assert [(line["event"], line["log_level"]) for line in lines] == [("server_finding", "warning")]
    assert "appendonly is no" in lines[0]["finding"]
    assert checks.passed.is_set()
    assert (shown(registry)["aof"], shown(registry)["fsync"]) == (1, 0)
    careless.call("CONFIG", "SET", "appendonly", "yes")
    careless.call("CONFIG", "SET", "appendfsync", "always")
    careless.call("CONFIG", "SET", "aof-load-truncated", "no")
    with capture_logs() as lines:
        await checks.look()
    assert [line["event"] for line in lines] == ["server_finding_gone"]
    assert set(shown(registry).values()) == {0}


async def test_its_memory_is_shown_beside_its_limit(own_server, checks_of, registry):
    own_server.call("CONFIG", "SET", "maxmemory", "100mb")
    await checks_of(own_server, "warn").look()
    used = registry.get_sample_value("promptcast_server_memory_bytes")
    limit = registry.get_sample_value("promptcast_server_memory_limit_bytes")
    assert (used > 100_000, limit) == (True, 100 * 1024 * 1024)


async def test_it_is_looked_at_again_and_again(own_server, checks_of, registry, monkeypatch):
    monkeypatch.setattr(server_checks, "AGAIN_SECONDS", 0.01)
    work = asyncio.create_task(checks_of(own_server, "refuse").run())
    await until(lambda: shown(registry))
    own_server.call("CONFIG", "SET", "appendfsync", "everysec")
    await until(lambda: shown(registry)["fsync"] == 1)
    assert not work.done(), "what runs is not ended by what somebody changes"
    own_server.kill()
    own_server.start()
    await until(lambda: shown(registry)["fsync"] == 0)
    work.cancel()


async def test_a_server_that_is_refused_is_named_in_lines_for_people(careless, checks_of, capsys):
    checks = checks_of(careless, "refuse")
    with pytest.raises(ServerRefused):
        await checks.run()
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("promptcast: the Redis server: appendonly is no")
    assert not checks.passed.is_set()


async def test_a_sound_server_is_not_refused(own_server, checks_of):
    checks = checks_of(own_server, "refuse")
    work = asyncio.create_task(checks.run())
    await asyncio.wait_for(checks.passed.wait(), 10)
    work.cancel()


async def test_work_behind_a_check_that_refuses_does_not_begin_before_it(own_server, checks_of):
    checks, begun = checks_of(own_server, "refuse"), asyncio.Event()

    async def work():
        begun.set()

    waiting = asyncio.create_task(checks.behind(work))
    await asyncio.sleep(0)
    assert not begun.is_set()
    await checks.look()
    await waiting
    assert begun.is_set()


async def test_without_refusal_nobody_waits_for_a_check(careless, checks_of):
    begun = asyncio.Event()

    async def work():
        begun.set()

    for mode in ("warn", "off"):
        begun.clear()
        await checks_of(careless, mode).behind(work)
        assert begun.is_set()


async def test_a_check_that_is_off_asks_nothing(careless, checks_of, registry):
    checks = checks_of(careless, "off")
    work = asyncio.create_task(checks.run())
    await asyncio.wait_for(checks.passed.wait(), 10)
    assert checks.link._connection is None
    assert shown(registry) == {}
    work.cancel()
