"""Checks: in which ways a server could lose what was acknowledged, by its own word; and its memory.

A *finding* is such a way; a *hint* is what may be meant so, and is told all the same; *unchecked* is
what the server would not tell.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from redis.exceptions import RedisError

from events.streams.durability import Durability
from events.streams.link import Command, Link
from events.streams.naming import named
from events.streams.rights import settings

CHECKS = (
    "version", "role", "memory", "aof", "fsync", "truncated", "persistence", "waitaof", "rights",
)  # fmt: skip
"""Every check that may find something; what else is told is a hint."""
_OLDEST, _KNOWS_WAITAOF = (7, 0), (7, 2)
_WRITES = {
    "aof_last_write_status": "write to the append-only file",
    "aof_last_bgrewrite_status": "rewrite of the append-only file",
    "rdb_last_bgsave_status": "save of a snapshot (RDB)",
}
"""What a server says of its last one of each: ``ok`` (also when there was none yet) or ``err``."""
_RIGHTS_NAMED = 3
_UNCHECKED = "cannot be checked, see that it is"


class Finding(NamedTuple):
    """What was found, by the name of the check, and in one line what to do about it."""

    check: str
    text: str
    kind: Literal["finding", "hint", "unchecked"] = "finding"


class Memory(NamedTuple):
    """Bytes that the server's data take, and that they may take; a limit of 0 is none."""

    used: int
    limit: int

    @classmethod
    def of(cls, server: Mapping[str, str]) -> "Memory":
        """As a server that has told this of itself has it."""
        return cls(int(server.get("used_memory", "0")), int(server.get("maxmemory", "0")))


class Look(NamedTuple):
    """What one look has shown."""

    findings: Sequence[Finding]
    memory: Memory


async def look(link: Link, durability: Durability, rights: Sequence[Command]) -> Look:
    """Everything that there is to say of the server; ``rights`` are those that this user needs.

    What the user has no right to ask is not asked: a server keeps a log of what it has denied.
    Raises :class:`~events.errors.LogUnavailable` when the server was not reached.
    """
    user, denied = await _denied(link, (*settings(), *rights))
    asked = [each for each in settings() if each not in denied]
    info, *replies = await link.replies([("INFO",), *asked])
    if isinstance(info, RedisError):
        raise named(info)
    server = told([info, *replies])
    found = findings(server, durability)
    lacking = [each for each in rights if each in denied]
    found += [_rights(user, lacking)] if lacking else []
    return Look(found, Memory.of(server))


def told(replies: Iterable[Any]) -> dict[str, str]:
    """``INFO`` and ``CONFIG GET`` as one mapping; what was refused is not in it."""
    known: dict[str, str] = {}
    for reply in replies:
        if isinstance(reply, RedisError):
            continue
        if isinstance(reply, dict):
            known |= {_text(name): _text(value) for name, value in reply.items()}
        else:
            lines = (line.partition(":") for line in _text(reply).splitlines())
            known |= {name: value for name, colon, value in lines if colon}
    return known


def findings(server: Mapping[str, str], durability: Durability) -> list[Finding]:
    """What is to be said of a server that has told this of itself, for that durability."""
    return [
        *_version(server, durability),
        *_role(server, durability),
        *_memory(server),
        *_disk(server, durability),
        *_persistence(server),
    ]


def _version(server: Mapping[str, str], durability: Durability) -> Iterator[Finding]:
    shown = server.get("redis_version", "0")
    version = tuple(int(part) for part in re.findall(r"\d+", shown)[:2])
    if version < _OLDEST:
        yield Finding("version", f"Redis {shown} is too old: it must be 7.0 or later, or Valkey")
    elif version < _KNOWS_WAITAOF and durability.replicas and durability.fsynced:
        text = f"Redis {shown} knows no WAITAOF, so fsynced-replicas is never confirmed: "
        yield Finding("waitaof", text + "set PROMPTCAST_DURABILITY to replicas:N, or upgrade it")


def _role(server: Mapping[str, str], durability: Durability) -> Iterator[Finding]:
    if (role := server.get("role", "master")) != "master":
        yield Finding(
            "role", f"it is a {role}, which takes no writes: REDIS_URL must be the master's"
        )
    elif int(server.get("connected_slaves", "0")) < durability.replicas:
        count = server.get("connected_slaves", "0")
        text = f"{count} of {durability.replicas} replicas are connected: saves are not confirmed"
        yield Finding("replicas", text, "hint")


def _memory(server: Mapping[str, str]) -> Iterator[Finding]:
    policy = server.get("maxmemory_policy", "noeviction")
    if server.get("maxmemory", "0") != "0" and policy != "noeviction":
        text = f"maxmemory-policy is {policy}: once its memory is full, it throws the log away"
        yield Finding("memory", f"{text}; set it to noeviction")


def _disk(server: Mapping[str, str], durability: Durability) -> Iterator[Finding]:
    on_disk = durability.fsynced
    if server.get("aof_enabled") != "1":
        text = "appendonly is no: when it stops, every change is lost; set it to yes"
        yield Finding("aof", text, "finding" if on_disk else "hint")
        return
    yield from _fsync(server.get("appendfsync"), durability)
    truncated = server.get("aof-load-truncated")
    if truncated is None:
        yield Finding("truncated", f"aof-load-truncated {_UNCHECKED} no", "unchecked")
    elif truncated != "no":
        text = "aof-load-truncated is yes: it cuts a damaged end of its file off and says nothing"
        yield Finding("truncated", f"{text}; set it to no")


def _fsync(fsync: str | None, durability: Durability) -> Iterator[Finding]:
    if fsync is None:
        yield Finding("fsync", f"appendfsync {_UNCHECKED} always", "unchecked")
    elif fsync != "always":
        text = f"appendfsync is {fsync}: a crash of its machine loses what was saved just before"
        kind: Literal["finding", "hint"] = "hint" if durability.replicas else "finding"
        yield Finding("fsync", f"{text}; set it to always", kind)


def _persistence(server: Mapping[str, str]) -> Iterator[Finding]:
    failed = [what for field, what in _WRITES.items() if server.get(field, "ok") != "ok"]
    if failed:
        text = f"its last {' and its last '.join(failed)} failed"
        yield Finding("persistence", f"{text}: look at its disk, and at its own log for the reason")


async def _denied(link: Link, rights: Sequence[Command]) -> tuple[str, Sequence[Command]]:
    """The user, and which of ``rights`` it lacks; none where the server would not tell."""
    (user,) = await link.replies([("ACL", "WHOAMI")])
    if isinstance(user, RedisError):
        return "", ()
    asked: list[Command] = [("ACL", "DRYRUN", user, *each) for each in rights]
    answers = await link.replies(asked)
    return _text(user), [
        right
        for right, answer in zip(rights, answers, strict=True)
        if not isinstance(answer, RedisError) and answer != b"OK"
    ]


def _rights(user: str, denied: Sequence[Command]) -> Finding:
    shown = ", ".join(" ".join(str(word) for word in each[:3]) for each in denied[:_RIGHTS_NAMED])
    more = f" and {len(denied) - _RIGHTS_NAMED} more" if len(denied) > _RIGHTS_NAMED else ""
    return Finding("rights", f"its user {user!r} lacks the rights to: {shown}{more}")


def _text(raw: Any) -> str:
    return raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)
