"""Rights: every command that a service sends, with every key that it sends it to.

One table for whoever looks whether a user has them, and for whoever makes users that have no others.
What a script does counts as sent: the server asks for the rights to it, too.
"""

from collections.abc import Iterable

from events.streams.durability import Durability
from events.streams.keys import Keys
from events.streams.link import Command

_ANY = "any"
"""In the place of what each process or request names differently: a replica, a token, a field."""


def chat(keys: Keys, replica: str = _ANY) -> tuple[Command, ...]:
    """What a chat replica sends."""
    log, claim, tail = keys.log, keys.replica(replica), keys.tail(replica)
    return (
        *_everybody(keys),
        *_looks(log),
        *_claims(claim),
        ("PTTL", claim),
        ("PEXPIRE", claim, 1),
        ("XGROUP", "DESTROY", log, replica),
        ("XGROUP", "CREATE", log, replica, "1-0", "ENTRIESREAD", 1),
        ("XGROUP", "CREATECONSUMER", log, replica, _ANY),
        ("XREADGROUP", "GROUP", replica, _ANY, "COUNT", 1, "BLOCK", 1, "STREAMS", log, ">"),
        ("XACK", log, replica, "1-0"),
        ("HGET", keys.snapshot(_ANY), "body"),
        ("SET", tail, "", "PX", 1),
        ("PEXPIRE", tail, 1),
        ("DEL", tail),
    )


def admin(keys: Keys, durability: Durability) -> tuple[Command, ...]:
    """What an admin sends, with that durability."""
    question = durability.question(1.0)
    return (
        *_everybody(keys),
        *_writes(keys),
        *_writes(keys.access),
        *_access(keys),
        ("XREAD", "COUNT", 1, "BLOCK", 1, "STREAMS", keys.reports, "0-0"),
        ("XREVRANGE", keys.reports, "+", "-", "COUNT", 1),
        ("XINFO", "GROUPS", keys.log),
        ("XINFO", "CONSUMERS", keys.log, _ANY),
        ("XGROUP", "DESTROY", keys.log, _ANY),
        ("PTTL", keys.replica(_ANY)),
        ("PEXPIRE", keys.replica(_ANY), 1),
        ("GETRANGE", keys.tail(_ANY), 0, 1),
        ("HGET", keys.snapshot(_ANY), "position"),
        ("HSET", keys.snapshot(_ANY), "position", 1, "body", ""),
        *([question] if question else []),
    )


def _everybody(keys: Keys) -> Iterable[Command]:
    return (
        ("INFO",),
        ("TIME",),
        ("EVAL", "return 1", 0),
        ("EVALSHA", "0" * 40, 0),
        ("XADD", keys.reports, "MAXLEN", "~", 1, "*", "report", ""),
    )


def _looks(log: str) -> Iterable[Command]:
    return (
        ("XREVRANGE", log, "+", "-", "COUNT", 1),
        ("XRANGE", log, "-", "+", "COUNT", 1),
        ("EXISTS", log),
    )


def _claims(key: str) -> Iterable[Command]:
    return (("GET", key), ("SET", key, _ANY, "PX", 1), ("DEL", key))


def _writes(keys: Keys) -> Iterable[Command]:
    """To append to a log, follow it, put entries back, and put a rebuilt one into its place."""
    log, rebuilt = keys.log, keys.rebuilt
    return (
        *_looks(log),
        *_looks(rebuilt),
        *_claims(keys.fence),
        ("EXISTS", keys.fence),
        ("TYPE", log),
        ("TYPE", rebuilt),
        ("XADD", log, "1-0", "event", ""),
        ("XADD", rebuilt, "1-0", "event", ""),
        ("XREAD", "COUNT", 1, "BLOCK", 1, "STREAMS", log, "0-0"),
        ("XINFO", "STREAM", log),
        ("RENAME", rebuilt, log),
        ("UNLINK", rebuilt),
    )


def _access(keys: Keys) -> Iterable[Command]:
    """Sessions, one-time links, and what proves a password or a key."""
    session, link, credentials = keys.session(_ANY), keys.link(_ANY), keys.credentials
    return (
        ("HMGET", session, "person"),
        ("HSET", session, "person", ""),
        ("PTTL", session),
        ("PEXPIRE", session, 1),
        ("EXISTS", session),
        ("DEL", session),
        ("HMGET", link, "person"),
        ("HSET", link, "person", ""),
        ("PEXPIRE", link, 1),
        ("DEL", link),
        ("HGET", credentials, "round"),
        ("HMGET", credentials, "round"),
        ("HSET", credentials, "round", 1),
        ("HDEL", credentials, "round"),
        ("HINCRBY", credentials, "round", 1),
    )
