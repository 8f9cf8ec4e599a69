"""Keeping snapshots: so that starts need not replay everything."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from events.chain import Chain, Head
from events.errors import LogError, LogUnavailable
from events.log import EventLog
from events.signing import KeyRing
from events.streams.naming import Unexpected
from events.streams.shelf import Shelf
from projections.history import History
from projections.snapshot import Snapshot, dump_history, dump_live, load_history, pack, unpack
from services.admin.mirror import Mirror
from services.admin.opening import recall

KEEP_EVENTS = 1_000
"""A start replays at most about so many events."""
LOOK_SECONDS = 5.0


@dataclass(slots=True)
class Keeper:
    """Writes the history's and the live prompts' snapshots, and recalls the history's."""

    shelf: Shelf
    log: EventLog
    mirror: Mirror
    keys: KeyRing
    _kept_at: int = 0

    async def recall(self) -> None:
        """Start the mirror from the last snapshot, if the log still holds what it stands for.

        When this machine remembers a log, and it is not this one, start with nothing but that: a log
        that is missing, shorter or another one is known to be so, and is read once it is back.
        """
        if not await recall(self.mirror):
            return
        found = await self._snapshot()
        if found:
            self._use(*found)

    def _use(self, chain: Chain, history: History) -> None:
        """Unless a request that came meanwhile has made the mirror read further: nobody goes back."""
        self._kept_at = chain.head.position
        if self.mirror.follower.position < self._kept_at:
            self.mirror.held.state = history
            self.mirror.follower.resume(chain)
            structlog.get_logger().info("snapshot_used", position=self._kept_at)
        else:
            structlog.get_logger().info("snapshot_overtaken", position=self._kept_at)

    async def _holds(self, head: Head) -> bool:
        return (await self.log.pulse(head.position)).stored_at == head.stored

    async def _snapshot(self) -> tuple[Chain, History] | None:
        """The last snapshot, if it is sound, and of this log or of one that is missing."""
        try:
            packed = await self.shelf.find("history")
            if not packed:
                return None
            snapshot = await asyncio.to_thread(unpack, packed, self.keys, "history")
            if snapshot is None:
                return None
            history = await asyncio.to_thread(load_history, snapshot.state)
        except Exception as error:
            if isinstance(error, LogUnavailable) and not isinstance(error, Unexpected):
                raise
            structlog.get_logger().error("snapshot_unusable", error=repr(error)[:200])
            return None
        missing = not (await self.log.pulse()).exists
        return (
            (snapshot.chain, history) if missing or await self._holds(snapshot.chain.head) else None
        )

    async def keep_up(self) -> None:
        """Keep a snapshot every :data:`KEEP_EVENTS` events, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self.mirror.follower.position - self._kept_at >= KEEP_EVENTS:
                await self.keep()

    async def keep(self) -> None:
        """Keep both snapshots as of now. Raises a ``LogError`` when Redis is not reached."""
        chain, history = self.mirror.follower.applied.chain, self.mirror.history
        for name, dump in (("history", dump_history), ("live", dump_live)):
            packed = await asyncio.to_thread(self._pack, name, chain, dump, history)
            await self.shelf.keep(name, chain.head.position, packed)
        self._kept_at = chain.head.position

    def _pack(
        self, name: str, chain: Chain, dump: Callable[[History], Any], history: History
    ) -> bytes:
        return pack(Snapshot(chain, dump(history), name), self.keys)

    async def last(self) -> None:
        """At the end: keep a snapshot of what is newer than the last one."""
        try:
            if self.mirror.follower.position > self._kept_at:
                await self.keep()
        except LogError as error:
            structlog.get_logger().warning("snapshot_not_kept", error=str(error))
