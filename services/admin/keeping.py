"""Keeping snapshots: so that starts need not replay everything."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from events.chain import Chain, Entry, Head
from events.envelope import digest
from events.errors import BadLine, LogError, LogUnavailable, TrimmedPast
from events.lines import from_line
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
        if await recall(self.mirror):
            await self.skip()

    async def skip(self, anew: bool = False) -> bool:
        """Whether the mirror was put forward to a snapshot of the log that this machine knows, or
        (``anew``) to one of whatever log is there, wherever the old one had ended."""
        found = await self._snapshot()
        if not found or not (anew or self._known_id() in ("", found[0].log_id)):
            return False
        return self._use(*found, anew)

    def _known_id(self) -> str:
        journal = self.mirror.journal
        return self.mirror.follower.applied.chain.log_id or (
            journal.chain.log_id if journal else ""
        )

    def _use(self, chain: Chain, history: History, anew: bool) -> bool:
        """Unless a request that came meanwhile has made the mirror read further: nobody goes back."""
        self._kept_at = chain.head.position
        if self.mirror.follower.position >= self._kept_at and not anew:
            structlog.get_logger().info("snapshot_overtaken", position=self._kept_at)
            return False
        self.mirror.held.put(history)
        self.mirror.follower.resume(chain)
        structlog.get_logger().info("snapshot_used", position=self._kept_at)
        return True

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
            if (
                self.mirror.follower.position - self._kept_at >= KEEP_EVENTS
                or await self._is_gone()
            ):
                try:
                    await self.keep()
                except TrimmedPast as error:
                    self._kept_at = self.mirror.follower.position
                    structlog.get_logger().warning("snapshot_not_kept", error=str(error))

    async def _is_gone(self) -> bool:
        """Whether a snapshot is missing that a trimmed log cannot do without."""
        trimmed = self.mirror.follower.applied.chain.trimmed.position
        if not trimmed or self.mirror.follower.state != "current":
            return False
        return min([await self.shelf.position(name) for name in ("history", "live")]) <= trimmed

    async def keep(self) -> None:
        """Keep both snapshots as of now. Raises a ``LogError`` when Redis is not reached, or what they
        must hold is not to be had here: then another instance's stay."""
        chain, history = self.mirror.follower.applied.chain, self.mirror.history
        trimmed = await self._live_before(chain.trimmed.position, history)
        dumps: dict[str, Callable[[], Any]] = {
            "history": lambda: dump_history(history),
            "live": lambda: dump_live(history, trimmed),
        }
        for name, dump in dumps.items():
            packed = await asyncio.to_thread(self._pack, name, chain, dump)
            await self.shelf.keep(name, chain.head.position, packed)
        self._kept_at = chain.head.position

    async def prove(self, through: int) -> None:
        """Raises ``LogUnavailable`` unless both snapshots are sound, of this log, and need nothing of it
        that lies at ``through`` or before."""
        for name in ("history", "live"):
            packed = await self.shelf.find(name)
            found = await asyncio.to_thread(unpack, packed, self.keys, name) if packed else None
            if found is None or found.chain.head.position <= through:
                raise LogUnavailable(
                    f"the snapshot {name!r} in Redis is of no use; nothing was trimmed"
                )
            if name == "live" and any(len(p) < 3 for p in found.state.values() if p[0] <= through):
                raise LogUnavailable("the snapshot of what is live points to what would go")
            if not await self._holds(found.chain.head):
                raise LogUnavailable(f"the snapshot {name!r} in Redis is of another log")

    async def _live_before(self, through: int, history: History) -> dict[int, Entry]:
        """The entries at ``through`` and before it that carry what is live, by position. The last
        snapshot has most of them: the log may have them no more, and a journal is slow to look into."""
        live = [each for each in history.prompts.values() if each.last.version is not None]
        old = {each.revision: each.last.hash.hex() for each in live if each.revision <= through}
        packed = await self.shelf.find("live") if old else None
        found = await asyncio.to_thread(_lines, packed, self.keys, old) if packed else {}
        for position in old.keys() - found.keys():
            found[position] = await self.mirror.entry(position, old[position])
        return found

    def _pack(self, name: str, chain: Chain, dump: Callable[[], Any]) -> bytes:
        return pack(Snapshot(chain, dump(), name), self.keys)

    async def last(self) -> None:
        """At the end: keep a snapshot of what is newer than the last one."""
        try:
            if self.mirror.follower.position > self._kept_at:
                await self.keep()
        except LogError as error:
            structlog.get_logger().warning("snapshot_not_kept", error=str(error))


def _lines(packed: bytes, keys: KeyRing, wanted: Mapping[int, str]) -> dict[int, Entry]:
    """What the snapshot of what is live holds itself of the ``wanted`` events, known by their hashes."""
    found: dict[int, Entry] = {}
    try:
        snapshot = unpack(packed, keys, "live")
        for position, _, *line in snapshot.state.values() if snapshot else ():
            entry = from_line(line[0].encode()) if line and position in wanted else None
            if entry and (entry.position, digest(entry.event)) == (position, wanted[position]):
                found[position] = entry
    except (BadLine, ValueError, TypeError, AttributeError):  # anybody may have written it
        pass
    return found
