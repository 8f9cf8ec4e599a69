"""The users of ``deploy/redis/users.acl`` on Debian's Redis: what each must do, and what it must not."""

import hashlib
import shlex
from collections.abc import Iterable, Iterator, Sequence

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from events.errors import NotDurable
from events.streams import rights
from events.streams.acl import exporter, lines, touched
from events.streams.durability import Durability
from events.streams.link import Link, connector
from events.streams.shelf import Shelf
from projections.reports import Report
from services.membership import Reports
from tests.deploy import forbidden
from tests.deploy.redis_server import KEYS, RedisServer, password

pytestmark = pytest.mark.deploy

LOG = KEYS.log
COPIED = Durability.of("replicas:1")
_TOLD = (*rights.connecting(), *rights.asking())
MUST = {
    "admin": (*rights.admin(KEYS, COPIED), *_TOLD, *rights.settings()),
    "replica": (*rights.chat(KEYS), *_TOLD),
    "exporter": exporter(KEYS),
    "sentinel": (
        ("PING",), ("INFO",), ("ROLE",), ("CLIENT", "SETNAME", "sentinel"), ("MULTI",),
        ("PUBLISH", "__sentinel__:hello", ""), ("SUBSCRIBE", "__sentinel__:hello"),
    ),
    "server-replica": (("PING",), ("REPLCONF", "listening-port", 1)),
}  # fmt: skip


@pytest.fixture(scope="module")
def debian() -> Iterator[RedisServer]:
    """With the reaper switched on, as an operator may do it."""
    made = RedisServer()
    try:
        made.start()
        made.call("ACL", "SETUSER", "reaper", "on", f">{password('reaper')}")
        yield made
    finally:
        made.close()


def answer(debian: RedisServer, user: str, command: Sequence[object]) -> str:
    """What the server says to a command; nothing when it carries it out."""
    (said,) = answers(debian, user, [command])
    return said


def answers(debian: RedisServer, user: str, commands: Iterable[Sequence[object]]) -> Iterator[str]:
    """Likewise to several on one connection."""
    with debian.client(user) as client:
        connection = client.connection_pool.get_connection()
        for command in commands:
            connection.send_command(*command)
            try:
                connection.read_response()
                yield ""
            except redis.ResponseError as error:
                yield f"{type(error).__name__}: {error}"


def is_denied(said: str) -> bool:
    """Whether it was for want of a right, and not because the command is wrong."""
    rights = ("NoPermissionError", "ResponseError: The user executing the script can't ")
    return said.startswith((*rights, "ResponseError: DEBUG command not allowed"))


@pytest.mark.parametrize("user", MUST)
def test_a_user_may_send_all_that_it_needs(debian: RedisServer, user: str) -> None:
    debian.call("ACL", "LOG", "RESET")
    said = {str(command): answer(debian, user, command) for command in MUST[user]}
    assert [command for command, why in said.items() if is_denied(why)] == []
    assert debian.denied() == []


@pytest.mark.parametrize("user", forbidden.USERS)
def test_a_user_may_send_nothing_else(debian: RedisServer, user: str) -> None:
    tried = forbidden.commands(user)
    said = zip(tried, answers(debian, user, tried), strict=True)
    assert len(tried) > 80
    assert [(" ".join(each), why) for each, why in said if not is_denied(why)] == []


@pytest.mark.parametrize("user", forbidden.SCRIPTING)
def test_a_script_may_do_no_more_than_its_user(debian: RedisServer, user: str) -> None:
    tried = [("EVAL", f"return {script}", 0) for script in forbidden.scripts(user)]
    said = zip(tried, answers(debian, user, tried), strict=True)
    assert [(script, why) for (_, script, _), why in said if not is_denied(why)] == []


def test_who_does_not_say_who_it_is_may_do_nothing(debian: RedisServer) -> None:
    with redis.Redis(
        port=debian.port, protocol=2, retry=Retry(NoBackoff(), 0), driver_info=None
    ) as nobody:
        for command in ("PING", "INFO", "GET x", "FLUSHALL", "CONFIG GET x"):
            with pytest.raises(redis.AuthenticationError, match="Authentication required"):
                nobody.execute_command(*command.split())


def test_what_a_command_does_to_its_keys_is_what_the_server_says(debian: RedisServer) -> None:
    """Its own table of commands is the judge of ours. (Some ask for no right but to look.)"""
    for command in {each for sent in MUST.values() for each in sent}:
        name, keys = touched(command) if command[0] in _known() else ("", ())
        if keys and name not in {"exists", "type", "xlen", "memory|usage"}:
            told = debian.call("COMMAND", "GETKEYSANDFLAGS", *command)
            assert dict(keys) == {key.decode(): _does(flags) for key, flags in told}, command


def _known() -> set[object]:
    return {each[0] for user in ("admin", "replica", "exporter") for each in MUST[user]}


def _does(flags: list[bytes]) -> str:
    return "R" * (b"access" in flags) + "W" * bool({b"insert", b"delete", b"update"} & set(flags))


def test_a_replica_with_a_user_of_its_own_cannot_take_another_s_place(debian: RedisServer) -> None:
    for line in lines(KEYS, replicas=["chat-1", "chat-2"]):
        _, user, _, _, *allowed = line.split(" ")
        if user.startswith("replica-"):
            rules = shlex.split(" ".join(allowed).replace("(", "'(").replace(")", ")'"))
            debian.call("ACL", "SETUSER", user, "on", f">{password(user)}", *rules)
    user, own, others = "replica-chat-1", rights.chat(KEYS, "chat-1"), rights.chat(KEYS, "chat-2")
    assert not [why for why in answers(debian, user, own) if is_denied(why)]
    said = zip(others, answers(debian, user, others), strict=True)
    denied = [each for each, why in said if is_denied(why)]
    theirs = {KEYS.replica("chat-2"), KEYS.tail("chat-2")}
    assert denied == [each for each in others if theirs & set(map(str, each))]
    assert len(denied) >= 10


async def test_an_admin_keeps_a_snapshot_and_a_replica_starts_from_it(debian: RedisServer) -> None:
    """It is kept behind a thousand events: too many for a fleet of the tests."""
    links = {user: Link(connector(debian.url_of(user))) for user in ("admin", "replica")}
    shelves = {user: Shelf(link, KEYS) for user, link in links.items()}
    try:
        assert await shelves["admin"].keep("live", 7, b"packed")
        assert await shelves["replica"].find("live") == b"packed"
        with pytest.raises(NotDurable, match="NOPERM"):
            await shelves["replica"].find("history")
        with pytest.raises(NotDurable, match="NOPERM"):
            await shelves["replica"].keep("live", 8, b"forged")
        with pytest.raises(NotDurable, match="can't access at least one of the keys"):
            await links["replica"].call("EVAL", "return redis.call('DEL', ARGV[1])", 0, LOG)
    finally:
        for link in links.values():
            await link.close()


async def test_a_reaper_that_was_switched_on_reaps_who_is_dead(debian: RedisServer) -> None:
    """As a job of its own would; the admins' own reaper is they themselves."""
    debian.call("FLUSHALL")
    debian.call("XADD", LOG, "1-0", "event", "x")
    for group in ("dead", "alive"):
        debian.call("XGROUP", "CREATE", LOG, group, "0")
    debian.call("SET", KEYS.replica("alive"), "an-instance", "PX", 60_000)
    connect = connector(debian.url_of("reaper"))
    reports = Reports(Link(connect), Link(connect), KEYS)
    word = Report("dead", "", 1, 0, "", "gone").to_bytes()
    try:
        assert await reports.reap("dead", "", word) == "reaped"
        assert await reports.reap("alive", "", word) == "alive"
        assert [each.replica for each in await reports.groups()] == ["alive"]
    finally:
        await reports.close()


def test_a_password_is_changed_without_cutting_anybody(debian: RedisServer) -> None:
    old, new = (hashlib.sha256(each).hexdigest() for each in (b"admin-password", b"another"))
    with debian.client("admin") as there:
        assert there.time()
        debian.call("ACL", "SETUSER", "admin", f"#{new}")
        with redis.Redis(
            port=debian.port, username="admin", password="another", driver_info=None
        ) as later:
            assert later.time()
        debian.call("ACL", "SETUSER", "admin", f"!{old}")
        assert there.time(), "who is there stays"
        with pytest.raises(redis.AuthenticationError):
            debian.call("TIME", user="admin")
    debian.call("ACL", "LOAD")
    assert debian.call("TIME", user="admin"), "the file is as it was"


def test_a_server_does_not_start_with_a_password_that_was_not_filled_in() -> None:
    made = RedisServer()
    try:
        users = made.directory / "users.acl"
        users.write_text(users.read_text() + "\nuser late on #${LATE_SHA256} +ping\n")
        assert made.launch().wait(20) != 0
        assert "hexadecimal characters" in made.said()
    finally:
        made.close()
