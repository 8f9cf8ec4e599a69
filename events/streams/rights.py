"""Rights: every command that a service sends, with every key that it sends it to.

One table for whoever looks whether a user has them, and for :mod:`events.streams.acl`, which makes users
that have no others. What a script does counts as sent: the server asks for the rights to it, too.
"""

from collections.abc import Iterable

from events.streams.durability import Durability
from events.streams.keys import Keys
from events.streams.link import Command

ANY = "*"
"""In the place of what each process or request names differently (a replica, a token, a field): as a
pattern of an ACL has it, so that a user who may use one of them only is found to lack the others."""


def chat(keys: Keys, replica: str = ANY) -> tuple[Command, ...]:
    """What a chat replica sends."""
    log, claim, tail = keys.log, keys.replica(replica), keys.tail(replica)
    return (
        *_everybody(keys),
        *_looks(log),
        *_claims(claim),
        *_scripts(log, claim),
        ("PTTL", claim),
        ("PEXPIRE", claim, 1),
        ("XGROUP", "DESTROY", log, replica),
        ("XGROUP", "CREATE", log, replica, "1-0", "ENTRIESREAD", 1),
        ("XGROUP", "CREATECONSUMER", log, replica, ANY),
        ("XREADGROUP", "GROUP", replica, ANY, "COUNT", 1, "BLOCK", 1, "STREAMS", log, ">"),
        ("XACK", log, replica, "1-0"),
        ("HGET", keys.snapshot("live"), "body"),
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
        *reaper(keys),
        ("XTRIM", keys.log, "MINID", "=", "1-0"),
        ("XREAD", "COUNT", 1, "BLOCK", 1, "STREAMS", keys.reports, "0-0"),
        ("XREVRANGE", keys.reports, "+", "-", "COUNT", 1),
        ("GETRANGE", keys.tail(ANY), 0, 1),
        ("HGET", keys.snapshot(ANY), "position"),
        ("HSET", keys.snapshot(ANY), "position", 1, "body", ""),
        *_scripts(keys.snapshot(ANY)),
        *([question] if question else []),
    )


def reaper(keys: Keys) -> tuple[Command, ...]:
    """What it takes to see which groups there are, and to reap one. An admin's reaper is part of it."""
    claim = keys.replica(ANY)
    return (
        *_scripts(keys.log, claim, keys.reports),
        ("PTTL", claim),
        ("PEXPIRE", claim, 1),
        ("XINFO", "GROUPS", keys.log),
        ("XINFO", "CONSUMERS", keys.log, ANY),
        ("XGROUP", "DESTROY", keys.log, ANY),
        _reports(keys),
    )


def connecting() -> tuple[Command, ...]:
    """What goes out before everything else where ``REDIS_URL`` names a client or a database: so a user
    without these rights may still have all that it needs."""
    return (("CLIENT", "SETNAME", ANY), ("SELECT", 1))


def asking() -> tuple[Command, ...]:
    """How a user's rights are looked at: nobody needs these, either."""
    return (("ACL", "WHOAMI"), ("ACL", "DRYRUN", ANY, "TIME"))


def settings() -> tuple[Command, ...]:
    """What a server has to say of its settings. Who may not ask is told so, and works all the same."""
    return (("CONFIG", "GET", "appendfsync"), ("CONFIG", "GET", "aof-load-truncated"))


def _everybody(keys: Keys) -> Iterable[Command]:
    return (("INFO",), ("TIME",), _reports(keys))


def _reports(keys: Keys) -> Command:
    return ("XADD", keys.reports, "MAXLEN", "~", 1, "*", "report", "")


def _scripts(*keys: str) -> Iterable[Command]:
    """To run scripts over these keys: what they do to them is listed as if it were sent."""
    return (("EVAL", "return 1", len(keys), *keys), ("EVALSHA", "0" * 40, len(keys), *keys))


def _looks(log: str) -> Iterable[Command]:
    return (
        ("XREVRANGE", log, "+", "-", "COUNT", 1),
        ("XRANGE", log, "-", "+", "COUNT", 1),
        ("EXISTS", log),
    )


def _claims(key: str) -> Iterable[Command]:
    return (("GET", key), ("SET", key, ANY, "PX", 1), ("DEL", key))


def _writes(keys: Keys) -> Iterable[Command]:
    """To append to a log, follow it, put entries back, and put a rebuilt one into its place."""
    log, rebuilt = keys.log, keys.rebuilt
    return (
        *_looks(log),
        *_looks(rebuilt),
        *_claims(keys.fence),
        *_scripts(log, rebuilt, keys.fence),
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
    session, link, credentials = keys.session(ANY), keys.link(ANY), keys.credentials
    return (
        *_scripts(session),
        ("HMGET", session, "person"),
        ("HSET", session, "person", ""),
        ("PTTL", session),
        ("PEXPIRE", session, 1),
        ("EXISTS", session),
        ("DEL", session),
        *_scripts(link, credentials),
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
