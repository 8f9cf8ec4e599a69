"""The shelf: where snapshots are kept in Redis."""

from dataclasses import dataclass

from events.streams.keys import Keys
from events.streams.link import Link, Script

_KEEP = Script.load("snapshot")
SHELF_SECONDS = 20.0
"""A snapshot may be some megabytes; nobody waits for it."""


@dataclass(slots=True)
class Shelf:
    """Packed snapshots by projection."""

    link: Link
    keys: Keys

    async def keep(self, projection: str, position: int, packed: bytes) -> bool:
        """Keep a snapshot unless there is a later one; whether it was kept."""
        key = self.keys.snapshot(projection)
        return bool(await self.link.run(_KEEP, [key], position, packed, seconds=SHELF_SECONDS))

    async def position(self, projection: str) -> int:
        """Of the latest snapshot; 0 when there is none."""
        found = await self.link.call("HGET", self.keys.snapshot(projection), "position")
        return int(found) if found and found.isdigit() else 0

    async def find(self, projection: str) -> bytes | None:
        """The latest snapshot, or None."""
        key = self.keys.snapshot(projection)
        found: bytes | None = await self.link.call("HGET", key, "body", seconds=SHELF_SECONDS)
        return found
