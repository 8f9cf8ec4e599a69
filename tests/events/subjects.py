"""What the contract suite is run against: each log, and a hand that can reach into its storage."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from fakeredis import FakeServer
from fakeredis.aioredis import FakeAsyncRedisConnection

from events.chain import Entry, Head
from events.clock import ServerClock
from events.log import Draft, EventLog, Landed
from events.memory import MemoryLog
from events.streams.keys import Keys
from events.streams.link import Link, connector
from events.streams.log import RedisLog


class Subject(Protocol):
    """A log under test. What is put, removed or late here goes past the log's own checks."""

    @property
    def log(self) -> EventLog: ...

    async def put(self, entry: Entry) -> None:
        """Write an entry as it is, at the id that its position says."""

    async def remove(self) -> None:
        """Remove the whole log."""

    async def late(self, draft: Draft, after: Head) -> Landed:
        """An append that reaches the log after its time."""

    async def close(self) -> None:
        """Let go of connections."""


async def rewrite(subject: Subject, entries: Sequence[Entry]) -> None:
    """Replace the whole log."""
    await subject.remove()
    for entry in entries:
        await subject.put(entry)


class InMemory:
    """:class:`MemoryLog`."""

    def __init__(self) -> None:
        self.log = MemoryLog()

    async def put(self, entry: Entry) -> None:
        await self.log.put(entry)

    async def remove(self) -> None:
        self.log.entries.clear()

    async def late(self, draft: Draft, after: Head) -> Landed:
        return await self.log.append(draft, after, seconds=-1.0)

    async def close(self) -> None:
        pass


@dataclass(slots=True)
class InRedis:
    """:class:`RedisLog`, over a real server or over fakeredis."""

    log: RedisLog
    hand: Link
    keys: Keys

    @classmethod
    def at(cls, url: str, keys: Keys) -> "InRedis":
        connect = connector(url)
        return cls(RedisLog.over(connect, keys), Link(connect), keys)

    @classmethod
    def faked(cls, keys: Keys) -> "InRedis":
        server = FakeServer(version=(7, 4), server_type="redis")

        def connect() -> FakeAsyncRedisConnection:
            return FakeAsyncRedisConnection(server=server, protocol=3)

        return cls(RedisLog.over(connect, keys), Link(connect), keys)

    async def put(self, entry: Entry) -> None:
        fields: dict[str, str | bytes | int] = {
            "event": entry.event,
            "hash": entry.hash,
            "at": entry.at,
            "kid": entry.kid,
            "sig": entry.sig,
        }
        flat = [part for pair in fields.items() if pair[1] for part in pair]
        await self.hand.call("XADD", self.keys.log, f"{entry.position}-0", *flat)

    async def remove(self) -> None:
        await self.hand.call("DEL", self.keys.log)

    async def late(self, draft: Draft, after: Head) -> Landed:
        self.log.clock = ServerClock(wall=lambda: 0)
        return await self.log.append(draft, after, seconds=5.0)

    async def close(self) -> None:
        await self.log.close()
        await self.hand.close()
