"""Trimming: the oldest entries of a log go from the server, once the log says so."""

from events.chain import Head
from events.errors import Conflict, Fenced, LogUnavailable
from events.streams.entries import to_raw
from events.streams.keys import Keys
from events.streams.link import Link, Script

TRIM_COUNT = 1_000
"""Entries that go by one call: a server serves nobody else meanwhile."""
_TRIM = Script.load("trim")


async def trim(link: Link, keys: Keys, through: int, said: Head) -> int:
    """See :meth:`events.streams.log.RedisLog.trim`."""
    gone, left = 0, 1
    while left > 0:
        status, some, left = await link.run(
            _TRIM,
            [keys.log, keys.fence],
            through,
            TRIM_COUNT,
            said.position,
            to_raw(said.stored),
        )
        if status == b"fenced":
            raise Fenced("the log is being put back; nothing more was trimmed")
        if status == b"moved":
            raise Conflict(said.position, said.stored)
        if status == b"behind":
            name = some.decode(errors="replace")
            raise LogUnavailable(f"{name} has not been given position {through} yet: try again")
        gone += int(some)
    return gone
