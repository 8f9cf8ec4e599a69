"""ACL: the users of a Redis server, each with the rights that it needs and no others.

Those of the services come from :mod:`events.streams.rights`, so that they cannot lag behind. Commands are
allowed by name, and each only on its own keys (selectors, which Redis has from 7.0 on). A file of users
knows no comments: why each is as it is stands in ``deploy/redis/README.md``.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from events.streams import rights
from events.streams.durability import FSYNCED, Durability
from events.streams.keys import Keys
from events.streams.link import Command

_WITH_SUBCOMMANDS = {
    "acl", "client", "config", "latency", "memory", "sentinel", "slowlog", "xgroup", "xinfo",
}  # fmt: skip
_WITHOUT_KEYS = {
    "acl", "client", "config", "info", "latency", "ping", "select", "sentinel", "slowlog", "time",
    "wait", "waitaof",
}  # fmt: skip
_DOES = {
    "del": "W", "exists": "R", "get": "R", "getrange": "R", "hdel": "W", "hget": "R", "hincrby": "RW",
    "hmget": "R", "hset": "W", "memory": "R", "pexpire": "W", "pttl": "R", "set": "W", "type": "R",
    "unlink": "W", "xack": "W", "xadd": "W", "xgroup": "W", "xinfo": "R", "xlen": "R", "xrange": "R",
    "xread": "R", "xreadgroup": "R", "xrevrange": "R", "xtrim": "W",
}  # fmt: skip
"""What a command does to its key, as the server sees it: reads it, writes it, or both. (A SET that asks
for the old value would read as well; ours do not.)"""
_SENTINEL = (
    "+multi +exec +slaveof +ping +subscribe +publish +role +info +config|rewrite +client|setname"
    " +client|kill +script|kill &__sentinel__:hello"
)
"""What a sentinel sends to a server that it watches. Not from here: from Redis's own documentation."""
_DEFAULT = "user default off resetpass ~* &* +@all"
"""Nobody can be this user. It has all rights nevertheless: as it a server reads its append-only file
back, and what a script wrote in several commands would be denied to it then, and lost without a word."""
_COPIES = "+psync +replconf +ping"
"""What a server sends to the one that it copies."""


def lines(keys: Keys, durability: Durability = FSYNCED, replicas: Sequence[str] = ()) -> list[str]:
    """A file of users, line by line: those of the services and of Redis itself, and people.

    With ``replicas`` each of these has a user of its own, instead of one for all. In the place of a
    password stands ``#${…_SHA256}``, which a server refuses to start with.
    """
    names = {f"replica-{id}": rights.chat(keys, id) for id in replicas}
    services = {"admin": _admin(keys, durability)} | (names or {"replica": rights.chat(keys)})
    told = {
        name: (*sent, *rights.connecting(), *rights.asking()) for name, sent in services.items()
    }
    return [
        _DEFAULT,
        "user operator on #${OPERATOR_SHA256} ~* &* +@all",
        *(f"user {name} on {_password(name)} {allowed(sent)}" for name, sent in told.items()),
        f"user reaper off {allowed(rights.reaper(keys))}",
        f"user exporter on {_password('exporter')} {allowed(exporter(keys))}",
        f"user sentinel on {_password('sentinel')} resetchannels -@all {_SENTINEL}",
        f"user server-replica on {_password('server-replica')} resetchannels -@all {_COPIES}",
    ]


def exporter(keys: Keys) -> tuple[Command, ...]:
    """What a Prometheus exporter for Redis sends, as far as its answers hold nothing of what is stored:
    ``SLOWLOG GET``, ``XINFO STREAM``, ``CONFIG GET`` and ``CLIENT LIST`` may."""
    known = (keys.log, keys.access.log, keys.reports)
    sizes = tuple(
        each for key in known for each in (("TYPE", key), ("XLEN", key), ("MEMORY", "USAGE", key))
    )
    return (
        ("PING",),
        ("INFO", "ALL"),
        ("LATENCY", "LATEST"),
        ("LATENCY", "HISTOGRAM"),
        ("SLOWLOG", "LEN"),
        *rights.connecting(),
        *sizes,
        ("XINFO", "GROUPS", keys.log),
        ("XINFO", "CONSUMERS", keys.log, rights.ANY),
    )


def allowed(sent: Iterable[Command]) -> str:
    """The rights to exactly these commands, as ``ACL SETUSER`` takes them."""
    plain, selectors = set(), _Selectors()
    for command in sent:
        name, keys = touched(command)
        if keys:
            selectors.add(name, keys)
        else:
            plain.add(name)
    return " ".join(["resetchannels -@all", *_plus(plain), *selectors.text()])


def touched(command: Command) -> tuple[str, tuple[tuple[str, str], ...]]:
    """A command's name as an ACL has it, and its keys, each with ``R``, ``W`` or ``RW``.

    Raises ``KeyError`` for one that is not known here.
    """
    head, *words = (str(word) for word in command)
    head = head.lower()
    name = f"{head}|{words.pop(0).lower()}" if head in _WITH_SUBCOMMANDS else head
    if head in _WITHOUT_KEYS:
        return name, ()
    if head in {"eval", "evalsha"}:  # a server takes it that a script does everything to its keys
        return name, tuple((key, "RW") for key in words[2 : 2 + int(words[1])])
    if head == "rename":
        return name, ((words[0], "RW"), (words[1], "W"))
    where = words.index("STREAMS") + 1 if "STREAMS" in words else 0
    return name, ((words[where], _DOES[head]),)


@dataclass(slots=True)
class _Selectors:
    """Commands with keys: each may go to its own keys, and to those of no other command."""

    names: dict[tuple[str, ...], set[str]] = field(default_factory=dict)
    does: dict[tuple[str, ...], list[str]] = field(default_factory=dict)

    def add(self, name: str, keys: Sequence[tuple[str, str]]) -> None:
        those = tuple(key for key, _ in keys)
        known = self.does.get(those, [""] * len(those))
        self.names.setdefault(those, set()).add(name)
        self.does[those] = [
            "".join(each for each in "RW" if each in old + new)
            for old, (_, new) in zip(known, keys, strict=True)
        ]

    def text(self) -> list[str]:
        """One for all keys with the same commands, unless a command takes several keys."""
        alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for those, names in sorted(self.names.items()):
            patterns = map(_pattern, those, self.does[those])
            apart = those if len(those) > 1 else ()
            alike.setdefault((" ".join(_plus(names)), apart), []).extend(patterns)
        return [f"({commands} {' '.join(patterns)})" for (commands, _), patterns in alike.items()]


def _plus(names: Iterable[str]) -> list[str]:
    return [f"+{name}" for name in sorted(names)]


def _pattern(key: str, does: str) -> str:
    return f"~{key}" if does == "RW" else f"%{does}~{key}"


def _admin(keys: Keys, durability: Durability) -> tuple[Command, ...]:
    """With the right to wait for the server's replicas, whatever the durability is at present."""
    copied = rights.admin(keys, Durability(replicas=1, fsynced=False))
    return (*rights.admin(keys, durability), *copied, *rights.settings())


def _password(user: str) -> str:
    return f"#${{{re.sub('[^A-Z0-9]', '_', user.upper())}_SHA256}}"
