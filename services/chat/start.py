"""Starting: from what is kept on disk while Redis is down, else from a snapshot and not from all of it.

A snapshot says what is live by pointers into the log.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from events.chain import Chain, Entry, Recorded, decode
from events.errors import LogError
from events.log import EventLog
from events.signing import KeyRing
from events.streams.shelf import Shelf
from projections.follower import Follower
from projections.held import Held
from projections.live import Live, holds
from projections.snapshot import unpack
from services.chat.last_good import LastGood, Recalled
from services.chat.loading import Loading, tried_out
from services.chat.marks import Mark
from services.chat.quarantine import TriedBefore
from services.chat.tail_file import TailFile


@dataclass(slots=True)
class Start:
    """How a replica comes to its first state."""

    held: Held[Live]
    follower: Follower
    last_good: LastGood
    shelf: Shelf
    loading: Loading
    tail_file: TailFile
    partial: bool = False
    """The last good state is served without what is in quarantine."""

    async def serve_last_good(self) -> None:
        """Redis is down: serve what is kept on disk, marked stale."""
        found = None if self.follower.position else await self.last_good.recall()
        if found:
            await self._serve(found)

    async def _serve(self, found: Recalled) -> None:
        self.held.state, self.partial = found.live, not found.whole
        self.follower.resume(found.chain, found.silent)
        await self.tail_file.recall(found.chain)
        self._tell_what_is_in_quarantine()
        structlog.get_logger().warning("last_good_served", position=found.chain.head.position)

    async def go_on(self) -> None:
        """Redis is there: follow from the kept state, a snapshot, or the log's beginning."""
        if self.partial:  # only the log knows what came before the version that was left out
            self.follower.applied.rebuild()
            self.follower.rebuilt()
        elif not self.follower.position and not await self._knows_another():
            await self._from_snapshot()

    async def _knows_another(self) -> bool:
        """Whether the log does not hold what is kept here, which is then served, and offered.

        It went back while this replica was away, or is gone: the follower finds out which.
        """
        found = await self.last_good.recall()
        if not found or not found.whole:
            return False
        try:
            head = found.chain.head
            if (await self.follower.log.pulse(head.position)).stored_at == head.stored:
                return False
        except LogError:
            pass  # out of reach again: what is kept is served until it is not
        await self._serve(found)
        return True

    async def _from_snapshot(self) -> None:
        follower, globs = self.follower, self.held.empty.globs
        found = await from_snapshot(
            self.shelf, follower.log, follower.applied.keys, globs, self.loading
        )
        if found:
            chain, self.held.state = found
            follower.resume(chain)
            self._tell_what_is_in_quarantine()
            structlog.get_logger().info("snapshot_used", position=chain.head.position)

    def _tell_what_is_in_quarantine(self) -> None:
        """What was rejected before the kept state is not met again: report it all the same."""
        applied = self.follower.applied
        known = self.loading.quarantine.events.values()
        applied.rejected.extend(e.rejected() for e in known if e.position <= applied.position)


async def from_snapshot(
    shelf: Shelf, log: EventLog, keys: KeyRing, globs: tuple[str, ...], loading: Loading
) -> tuple[Chain, Live] | None:
    """What was live at the snapshot, and the chain there; None when it is of no use.

    It is used only if the log's entry at its position has its hash, and every event that it points
    to is there as it was. One that points to what is in quarantine is not: replaying the log finds
    the version before.
    """
    try:
        packed = await shelf.find("live")
        snapshot = await asyncio.to_thread(unpack, packed, keys, "live") if packed else None
        if snapshot is None:
            return None
        head = snapshot.chain.head
        if (await log.pulse(head.position)).stored_at != head.stored:
            return None
        live = await _pointed_to(log, snapshot.state, globs, loading)
        return None if live is None else (snapshot.chain, live)
    except TriedBefore as error:
        structlog.get_logger().warning("snapshot_passed_over", reason=str(error))
        return None
    except Exception as error:  # noqa: BLE001  a snapshot is a shortcut; anybody may write one
        structlog.get_logger().error("snapshot_unusable", error=repr(error)[:200])
        return None


async def _pointed_to(
    log: EventLog, pointers: Mapping[str, Any], globs: tuple[str, ...], loading: Loading
) -> Live | None:
    live = Live(globs)
    for name, (position, hash) in pointers.items():
        if not holds(globs, name):
            continue
        entries = await log.read(position - 1, count=1)
        recorded = _decoded(entries[0], hash, loading) if entries else None
        if recorded is None:
            return None
        live = _loaded(live, recorded, loading)
    return live


def _decoded(entry: Entry, hash: str, loading: Loading) -> Recorded | None:
    if loading.quarantine.known(entry.position, hash):
        raise TriedBefore(f"it points to position {entry.position}, which is in quarantine")
    return loading.once(Mark(entry.position, entry.position, hash), lambda: decode(entry, hash))


def _loaded(live: Live, recorded: Recorded, loading: Loading) -> Live:
    loading.check(recorded)
    return loading.once(loading.mark_of(recorded), lambda: tried_out(live, [recorded]))
