"""``deploy/redis/redis.conf`` on Debian's server: nothing that was acknowledged is lost quietly."""

import asyncio

import aiohttp
import pytest

from events.streams import checks, rights
from events.streams.durability import FSYNCED
from events.streams.link import Link, connector
from tests.deploy.redis_server import KEYS, RedisServer
from tests.system.busy import asking
from tests.system.chat_port import ChatPort
from tests.system.edit_api import EditApi
from tests.system.patience import becomes
from tests.system.services import KEY, Services

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(90)]
PROMPT = "system"


async def test_our_own_checks_find_nothing_to_say(debian: RedisServer) -> None:
    """As the admin's user, who may ask for the two settings that INFO does not tell."""
    link = Link(connector(debian.url))
    try:
        seen = await checks.look(link, FSYNCED, rights.admin(KEYS, FSYNCED))
    finally:
        await link.close()
    assert seen.findings == []
    assert seen.memory.limit == 1024**3
    assert debian.denied() == []


async def test_a_replica_s_user_does_not_ask_for_what_it_may_not_know(debian: RedisServer) -> None:
    link = Link(connector(debian.url_of("replica")))
    try:
        seen = await checks.look(link, FSYNCED, rights.chat(KEYS, "chat-1"))
    finally:
        await link.close()
    assert [(each.check, each.kind) for each in seen.findings] == [
        ("fsync", "unchecked"),
        ("truncated", "unchecked"),
    ]
    assert debian.denied() == []


def test_every_line_of_the_file_is_in_force(debian: RedisServer) -> None:
    """A later line, or a default of this version, could have taken its place."""
    told = debian.call("CONFIG", "GET", "*")
    config = dict(zip(map(bytes.decode, told[::2]), map(bytes.decode, told[1::2]), strict=True))
    expected = {
        "appendonly": "yes", "appendfsync": "always", "no-appendfsync-on-rewrite": "no",
        "aof-load-truncated": "no", "save": "", "maxmemory": str(1024**3),
        "maxmemory-policy": "noeviction", "maxmemory-clients": "50%", "maxclients": "10000",
        "timeout": "0", "tcp-keepalive": "60",
        "protected-mode": "yes", "enable-debug-command": "no", "enable-module-command": "no",
        "enable-protected-configs": "no", "lazyfree-lazy-server-del": "yes", "bind": "127.0.0.1 -::1",
        "latency-monitor-threshold": "50", "slowlog-log-slower-than": "10000", "slowlog-max-len": "256",
    }  # fmt: skip
    assert {name: config[name] for name in expected} == expected
    limits = config["client-output-buffer-limit"]
    assert limits == (
        "normal 268435456 67108864 60 slave 536870912 268435456 60 pubsub 1048576 262144 60"
    )


def test_what_a_script_wrote_in_one_step_is_there_after_a_restart(debian: RedisServer) -> None:
    """It stands in the file as a transaction, which a server reads back as the default user."""
    script = "for n = 1, 3 do redis.call('XADD', KEYS[1], n .. '-0', 'event', 'x') end"
    debian.call("EVAL", script, 1, KEYS.log)
    debian.kill()
    debian.start()
    assert debian.call("XLEN", KEYS.log) == 3
    assert debian.denied() == []


def test_a_cut_append_only_file_stops_the_start_and_says_so(debian: RedisServer) -> None:
    for n in range(20):
        debian.call("XADD", KEYS.log, f"{n + 1}-0", "event", "x" * 100)
    debian.kill()
    (incr,) = (debian.directory / "appendonlydir").glob("*.incr.aof")
    whole = incr.read_bytes()
    incr.write_bytes(whole[:-7])
    assert debian.launch().wait(20) != 0
    assert "Unexpected end of file reading the append only file" in debian.said()
    incr.write_bytes(whole)
    debian.start()
    assert debian.call("XLEN", KEYS.log) == 20


async def test_at_the_limit_of_memory_saves_are_refused_and_chat_goes_on(
    debian: RedisServer, services: Services
) -> None:
    """Nothing is thrown away, and all is well again once there is room."""
    model = await asyncio.to_thread(services.model)
    how = {"state_dir": str(services.directory / "admin"), "open_after": "0"}
    service = await asyncio.to_thread(lambda: services.admin(debian.url, **how))
    chat = await asyncio.to_thread(
        lambda: services.chat("chat-1", debian.url_of("replica"), model=model)
    )
    async with aiohttp.ClientSession() as session:
        admin, port = EditApi(session, service.url, KEY), ChatPort(session, chat.url)
        (await admin.create(PROMPT, "You are version 1.")).expect(201)
        before = debian.call("XRANGE", KEYS.log, "-", "+")
        async with asking(port, PROMPT, 2) as users:
            debian.call("CONFIG", "SET", "maxmemory", "1mb")
            refused = (await admin.save(PROMPT, "You are version 2.", wait=None)).expect(503)
            assert refused.problem == "log-unavailable"
            assert "OOM" in refused.json["detail"]
            assert "maxmemory" in refused.json["detail"]
            live = (await admin.prompt(PROMPT)).expect(200).json
            assert (live["version"], live["template"]) == (1, "You are version 1.")
            await becomes(users.have_had, users.answers + 20)
            assert debian.call("XRANGE", KEYS.log, "-", "+") == before
            assert debian.info()["evicted_keys"] == "0"
            debian.call("CONFIG", "SET", "maxmemory", "1gb")
            await becomes(saves, admin)
            await admin.all_members(state="current")
        assert not users.failed
    assert debian.denied() == []


async def saves(admin: EditApi) -> bool:
    return (await admin.save(PROMPT, "You are version 2.")).status == 201
