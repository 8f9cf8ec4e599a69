"""In which ways a server could lose saves: told of by itself, and real ones of each wrong kind."""

import re
from functools import partial
from importlib.resources import files

import pytest

from events.streams import checks, rights
from events.streams.checks import CHECKS, Finding, Memory, findings, told
from events.streams.durability import FSYNCED, Durability
from events.streams.keys import Keys
from services.dev.server import configuration
from tests.servers import Server
from tests.waiting import until

SOUND = {
    "redis_version": "7.2.4",
    "role": "master",
    "connected_slaves": "2",
    "maxmemory": "0",
    "maxmemory_policy": "noeviction",
    "aof_enabled": "1",
    "appendfsync": "always",
    "aof-load-truncated": "no",
}
REPLICAS, BOTH = Durability.of("replicas:2"), Durability.of("fsynced-replicas:2")


def names(found, kind="finding"):
    return [each.check for each in found if each.kind == kind]


def test_a_sound_server_has_nothing_to_be_said_of():
    for durability in (FSYNCED, REPLICAS, BOTH):
        assert findings(SOUND, durability) == []


@pytest.mark.parametrize(
    ("said", "check", "words"),
    [
        (
            {"redis_version": "6.2.14"},
            "version",
            "Redis 6.2.14 is too old: it must be 7.0 or later",
        ),
        ({"redis_version": "nonsense"}, "version", "too old"),
        ({"role": "slave"}, "role", "it is a slave, which takes no writes"),
        (
            {"maxmemory": "1000", "maxmemory_policy": "allkeys-lru"},
            "memory",
            "maxmemory-policy is allkeys-lru: once its memory is full, it throws the log away",
        ),
        ({"aof_enabled": "0"}, "aof", "appendonly is no: when it stops, every change is lost"),
        ({"appendfsync": "everysec"}, "fsync", "appendfsync is everysec: a crash of its machine"),
        ({"aof-load-truncated": "yes"}, "truncated", "cuts a damaged end of its file off"),
        (
            {"aof_last_write_status": "err"},
            "persistence",
            "its last write to the append-only file failed: look at its disk",
        ),
        (
            {"aof_last_bgrewrite_status": "err", "rdb_last_bgsave_status": "err"},
            "persistence",
            "its last rewrite of the append-only file and its last save of a snapshot (RDB) failed",
        ),
    ],
)
def test_each_way_to_lose_saves_is_one_line_that_says_what_to_do(said, check, words):
    (found,) = findings(SOUND | said, FSYNCED)
    assert (found.check, found.kind) == (check, "finding")
    assert words in found.text
    assert "\n" not in found.text
    assert check in CHECKS


def test_a_policy_that_evicts_is_harmless_while_there_is_no_limit():
    assert findings(SOUND | {"maxmemory_policy": "allkeys-lru"}, FSYNCED) == []


def test_with_replicas_the_disk_is_a_hint():
    for said, check in (({"appendfsync": "everysec"}, "fsync"), ({"aof_enabled": "0"}, "aof")):
        found = findings(SOUND | said, REPLICAS)
        assert (names(found), names(found, "hint")) == ([], [check])
    assert names(findings(SOUND | {"aof_enabled": "0"}, BOTH)) == ["aof"], "WAITAOF needs it"


def test_too_few_replicas_are_a_hint_since_they_may_yet_come():
    (found,) = findings(SOUND | {"connected_slaves": "1"}, REPLICAS)
    assert found == Finding(
        "replicas", "1 of 2 replicas are connected: saves are not confirmed", "hint"
    )


def test_a_server_without_waitaof_cannot_confirm_what_is_on_the_disks_of_replicas():
    old = SOUND | {"redis_version": "7.0.15"}
    assert names(findings(old, BOTH)) == ["waitaof"]
    assert findings(old, REPLICAS) == findings(old, FSYNCED) == []


def test_what_is_not_told_cannot_be_checked_and_is_no_finding():
    silent = {name: value for name, value in SOUND.items() if "-" not in name}
    del silent["appendfsync"]
    found = findings(silent, FSYNCED)
    assert (names(found), names(found, "unchecked")) == ([], ["fsync", "truncated"])


def test_memory_is_what_is_used_and_what_may_be():
    assert Memory.of(SOUND | {"used_memory": "900", "maxmemory": "1000"}) == (900, 1000)
    assert Memory.of({}) == (0, 0), "there is no limit, or it is not told"


def test_info_and_config_are_read_in_either_protocol():
    info = b"# Server\r\nredis_version:7.2.4\r\nos:Linux 6 x86:64\r\n"
    assert told([info, {b"appendfsync": b"always"}]) == {
        "redis_version": "7.2.4",
        "os": "Linux 6 x86:64",
        "appendfsync": "always",
    }


# --- real servers ---------------------------------------------------------------------------------


async def seen(link_to, server, durability=FSYNCED, user="", namespace="t-checks"):
    url = server.url.replace("unix://", f"unix://{user}")
    needed = rights.admin(Keys(namespace), durability)
    return await checks.look(link_to(url), durability, needed)


async def looked(link_to, server, **how):
    return (await seen(link_to, server, **how)).findings


@pytest.mark.redis
@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        ((), []),
        (("--appendonly", "no"), ["aof"]),
        (("--appendfsync", "everysec"), ["fsync"]),
        (("--appendfsync", "no"), ["fsync"]),
        (("--aof-load-truncated", "yes"), ["truncated"]),
        (("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"), ["memory"]),
        (("--maxmemory", "100mb"), []),
        (("--replicaof", "127.0.0.1 1"), ["role"]),
    ],
    ids=str,
)
async def test_a_real_server_of_each_wrong_kind_is_found_out(link_to, wrong, found):
    server = Server(durable=True, options=wrong)
    try:
        server.start()
        assert names(await looked(link_to, server)) == found
    finally:
        server.close()


@pytest.mark.redis
async def test_the_embedded_server_has_nothing_to_be_said_of(link_to, tmp_path):
    """As `promptcast dev` starts it, but for where it lies."""
    written = configuration(tmp_path, tmp_path / "s").splitlines()
    options = [line.split(" ", 1) for line in written if line and not line.startswith("#")]
    ours = {"port", "unixsocket", "unixsocketperm", "daemonize", "dir", "save"}
    flags = [part for name, value in options if name not in ours for part in (f"--{name}", value)]
    server = Server(options=tuple(flags))
    try:
        server.start()
        assert await looked(link_to, server) == []
    finally:
        server.close()


@pytest.mark.redis
async def test_a_server_that_refuses_config_is_believed(own_server, link_to):
    """Hosted ones do so."""
    own_server.call("ACL", "SETUSER", "some", "on", ">pw", "~*", "+@all", "-config", "-acl")
    found = await looked(link_to, own_server, user="some:pw@")
    assert (names(found), names(found, "unchecked")) == ([], ["fsync", "truncated"])


@pytest.mark.redis
async def test_a_real_server_says_that_its_files_were_not_written(own_server, link_to):
    """A folder stands where each file would be moved to."""
    folder = own_server.directory / "appendonlydir"
    (base,) = folder.glob("*.1.base.*")
    for step, file, command in (
        ("aof_last_bgrewrite_status", folder / base.name.replace(".1.", ".2."), "BGREWRITEAOF"),
        ("rdb_last_bgsave_status", own_server.directory / "dump.rdb", "BGSAVE"),
    ):
        (file / "x").mkdir(parents=True)
        own_server.call(command)
        await until(partial(says, own_server, f"{step}:err"))
        assert names(await looked(link_to, own_server)) == ["persistence"]
        (file / "x").rmdir()
        file.rmdir()
        own_server.call(command)
        await until(partial(says, own_server, f"{step}:ok"))
        assert await looked(link_to, own_server) == []


def says(server, line):
    with server.client() as client:
        told = client.info("persistence")
    return line in [f"{name}:{value}" for name, value in told.items()]


@pytest.mark.redis
async def test_a_real_server_says_how_much_memory_it_has_and_uses(own_server, link_to):
    used, limit = (await seen(link_to, own_server)).memory
    assert used > 100_000
    assert limit == 0
    own_server.call("CONFIG", "SET", "maxmemory", "100mb")
    own_server.call("SET", "much", "x" * 1_000_000)
    more = (await seen(link_to, own_server)).memory
    assert more.used > used + 900_000
    assert more.limit == 100 * 1024 * 1024


@pytest.mark.redis
async def test_rights_that_the_user_lacks_are_named(own_server, link_to):
    own_server.call(
        "ACL", "SETUSER", "some", "on", ">pw", "~*", "+@all", "-xadd", "-rename", "-config"
    )
    (lacking,) = [
        each for each in await looked(link_to, own_server, user="some:pw@")
        if each.check == "rights"
    ]  # fmt: skip
    assert lacking.kind == "finding"
    assert "its user 'some' lacks the rights to: XADD {t-checks}:reports MAXLEN, " in lacking.text
    assert lacking.text.endswith(" more")


def test_every_command_of_every_script_is_in_the_table_of_rights():
    keys = Keys("x")
    listed = {right[0] for right in (*rights.admin(keys, FSYNCED), *rights.chat(keys))}
    scripts = [each for each in files("events.streams").iterdir() if each.name.endswith(".lua")]
    sent = {
        command
        for script in scripts
        for command in re.findall(r"redis\.p?call\('([A-Z]+)'", script.read_text())
    }
    assert len(scripts) > 10
    assert sent <= listed
