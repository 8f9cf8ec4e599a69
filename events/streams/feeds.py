"""Being told of new entries: a replica through its consumer group, an admin with a plain XREAD."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from events.chain import Entry
from events.errors import ClaimLost, LogMissing
from events.streams.entries import entries_of
from events.streams.keys import Keys
from events.streams.link import Command, Link, Script

BLOCK_SECONDS = 5.0
"""How long the server holds a read that finds nothing; the link waits 2 s longer."""
FEED_COUNT = 8
"""Entries a delivery: eight of the largest valid ones are 4 MiB. More is caught up by reading."""
REPORTS_KEPT = 10_000
"""About how many reports stay in the stream: ten seconds of a thousand replicas' heartbeats."""
CLAIM_MILLISECONDS = 3_000
"""How long a claim on a replica id outlives its last renewal; it is renewed with every heartbeat."""
_GROUP = Script.load("group")
_READ = ("COUNT", FEED_COUNT, "BLOCK", int(BLOCK_SECONDS * 1000), "STREAMS")


@dataclass(slots=True)
class GroupFeed:
    """Delivery through the consumer group ``replica``, for the instance that holds its claim."""

    link: Link
    keys: Keys
    replica: str
    instance: str
    _position: int = 0
    _unanswered: int = 0
    """Acknowledgements that were sent together with the next read, and whose replies are to come."""

    async def open(self, position: int) -> None:
        """A fresh group at ``position``. Raises ``ClaimLost`` or ``LogMissing``."""
        await self.link.close()
        keys = [self.keys.log, self.keys.replica(self.replica)]
        answer = await self.link.run(
            _GROUP, keys, self.replica, self.instance, CLAIM_MILLISECONDS, position
        )
        if answer == b"lost":
            raise ClaimLost(f"another instance took over the replica id {self.replica!r}")
        if answer == b"missing":
            raise LogMissing(position)
        self._position, self._unanswered = position, 0

    async def next(self) -> Sequence[Entry]:
        """See :class:`~events.log.Feed`."""
        unanswered, self._unanswered = self._unanswered, 0
        if unanswered:
            (*_, reply) = await self.link.receive(unanswered + 1, seconds=BLOCK_SECONDS + 2)
        else:
            reply = await self.link.call(*self._read(), seconds=BLOCK_SECONDS + 2)
        entries = _entries(reply, self._position)
        self._position += len(entries)
        return entries

    async def done(self, entries: Sequence[Entry], report: bytes) -> None:
        """XACK, the report, and the next read, in one write; :meth:`next` takes all the replies."""
        ids = [f"{entry.position}-0" for entry in entries]
        await self.link.send(
            ("XACK", self.keys.log, self.replica, *ids),
            ("XADD", self.keys.reports, "MAXLEN", "~", REPORTS_KEPT, "*", "report", report),
            self._read(),
        )
        self._unanswered = 2

    def _read(self) -> Command:
        return (
            "XREADGROUP", "GROUP", self.replica, self.instance, *_READ, self.keys.log, ">"
        )  # fmt: skip

    async def close(self) -> None:
        """See :class:`~events.log.Feed`."""
        await self.link.close()


@dataclass(slots=True)
class TailFeed:
    """Delivery by XREAD from a position that this process remembers; nothing is acknowledged."""

    link: Link
    keys: Keys
    _position: int = 0

    async def open(self, position: int) -> None:
        """See :class:`~events.log.Feed`."""
        await self.link.close()
        self._position = position

    async def next(self) -> Sequence[Entry]:
        """See :class:`~events.log.Feed`."""
        reply = await self.link.call(
            "XREAD", *_READ, self.keys.log, f"{self._position}-0", seconds=BLOCK_SECONDS + 2
        )
        entries = _entries(reply, self._position)
        self._position += len(entries)
        return entries

    async def done(self, entries: Sequence[Entry], report: bytes) -> None:
        """Nothing: an admin is no member, and reports to nobody."""

    async def close(self) -> None:
        """See :class:`~events.log.Feed`."""
        await self.link.close()


def _entries(reply: Any, position: int) -> list[Entry]:
    """RESP3's ``{stream: [[(id, fields), …]]}``, or None when nothing came in time."""
    if not reply:
        return []
    (found,) = reply.values()
    return entries_of(found, position)
