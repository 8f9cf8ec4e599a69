"""Which server is behind a connection."""

from typing import Any, NamedTuple

from redis.exceptions import RedisError

from events.streams.naming import code_of, named

INTRODUCTION = (("INFO", "server"), ("INFO", "replication"))
"""What a server is asked to say who it is."""
_UNTOLD = ("NOPERM", "ERR")
"""A server that may not tell us who it is, or that knows no ``INFO``."""


class ServerId(NamedTuple):
    """Which server this is: the random id of this run of it, and ``master`` or ``slave``.

    Both are empty where the server would not say.
    """

    run_id: str
    role: str


def identity(replies: list[Any]) -> ServerId:
    """Who it is, from its replies to the introduction; raises when it has said something else."""
    told: dict[str, str] = {}
    for reply in replies:
        if isinstance(reply, RedisError) and code_of(reply) in _UNTOLD:
            return ServerId("", "")
        if isinstance(reply, RedisError):
            raise named(reply)
        text = reply.decode(errors="replace") if isinstance(reply, bytes) else str(reply)
        for line in text.splitlines():
            name, _, value = line.partition(":")
            told[name] = value
    return ServerId(told.get("run_id", ""), told.get("role", ""))
