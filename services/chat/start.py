"""Starting: from what is kept on disk while Redis is down, else from a snapshot and not from all of it.

A snapshot says what is live by pointers into the log.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from events.chain import Chain, Entry, Head
from events.errors import LogError
from events.lines import from_line
from events.log import EventLog
from events.streams.shelf import Shelf
from projections.follower import Follower
from projections.held import Held
from projections.live import Live, holds
from projections.snapshot import unpack
from services.chat.last_good import LastGood, Recalled
from services.chat.loading import Loading
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
        elif not self.follower.position:
            await self._begin()

    async def _begin(self) -> None:
        """What is kept here is served, and offered, where the log does not hold it: it went back while
        this replica was away, or is gone. The follower finds out which."""
        found = await self.last_good.recall()
        known = found.chain if found and found.whole else Chain()
        is_known = await self._is_in_log(known.head)
        if is_known is not False and await self.use_snapshot(known.log_id):
            return
        if found and found.whole and not is_known:
            await self._serve(found)

    async def _is_in_log(self, head: Head) -> bool | None:
        """None when that cannot be told any more: the log was trimmed past it."""
        if not head.position:
            return True
        try:
            pulse = await self.follower.log.pulse(head.position)
        except LogError:  # out of reach again: what is kept is served until it is not
            return False
        if pulse.stored_at == head.stored:
            return True
        return None if pulse.first > head.position else False

    async def skip(self, anew: bool) -> bool:
        """The log was trimmed past what is here: whether a snapshot of the same log (``anew``: of any)
        takes its place, or what is kept on disk."""
        log_id, instead = self.follower.applied.chain.log_id, self.held.state
        if anew:
            log_id, instead = "", self.held.empty
        try:
            return await self.use_snapshot(log_id, instead) or await self._use_kept(log_id)
        finally:
            await self.shelf.link.close()

    async def _use_kept(self, log_id: str) -> bool:
        """Whether what is kept on disk is further on, and of the log that is there."""
        found = await self.last_good.recall()
        if not found or not found.whole or log_id not in ("", found.chain.log_id):
            return False
        head = found.chain.head
        if head.position <= self.follower.position or not await self._is_in_log(head):
            return False
        self._go_on_from(found.chain, found.live)
        structlog.get_logger().info("last_good_used", position=head.position)
        return True

    async def use_snapshot(self, log_id: str, instead: Live | None = None) -> bool:
        """Whether there is one, of the log of this id ("": of any), to go on from; ``instead``: see
        :func:`from_snapshot`."""
        globs = self.held.empty.globs
        found = await from_snapshot(self.shelf, self.follower, globs, self.loading, instead)
        if not found or log_id not in ("", found[0].log_id):
            return False
        self._go_on_from(*found)
        structlog.get_logger().info("snapshot_used", position=found[0].head.position)
        return True

    def _go_on_from(self, chain: Chain, live: Live) -> None:
        self.held.put(live)
        self.follower.resume(chain)
        self._tell_what_is_in_quarantine()

    def _tell_what_is_in_quarantine(self) -> None:
        """What was rejected before the kept state is not met again: report it all the same."""
        applied = self.follower.applied
        known = self.loading.quarantine.events.values()
        applied.rejected.extend(e.rejected() for e in known if e.position <= applied.position)


async def from_snapshot(
    shelf: Shelf,
    follower: Follower,
    globs: tuple[str, ...],
    loading: Loading,
    instead: Live | None = None,
) -> tuple[Chain, Live] | None:
    """What was live at the snapshot, and the chain there; None when it is of no use.

    It is used only if the log's entry at its position has its hash, and every event that it points
    to is there as it was. One that points to what is in quarantine is not: replaying the log finds
    the version before. Where the log does not reach back to that, what is there ``instead`` stays in
    force.
    """
    log, keys = follower.log, follower.applied.keys
    try:
        packed = await shelf.find("live")
        snapshot = await asyncio.to_thread(unpack, packed, keys, "live") if packed else None
        if snapshot is None:
            return None
        head = snapshot.chain.head
        if (await log.pulse(head.position)).stored_at != head.stored:
            return None
        live = await _pointed_to(log, snapshot.state, globs, loading, instead)
        return None if live is None else (snapshot.chain, live)
    except TriedBefore as error:
        structlog.get_logger().warning("snapshot_passed_over", reason=str(error))
        return None
    except Exception as error:  # noqa: BLE001  a snapshot is a shortcut; anybody may write one
        structlog.get_logger().error("snapshot_unusable", error=repr(error)[:200])
        return None


async def _pointed_to(
    log: EventLog,
    pointers: Mapping[str, Any],
    globs: tuple[str, ...],
    loading: Loading,
    instead: Live | None,
) -> Live | None:
    live = Live(globs)
    for name, (position, hash, *line) in pointers.items():
        if not holds(globs, name):
            continue
        try:
            entry = await _entry(log, position, line)
            recorded = loading.decode(entry, hash) if entry else None
            if recorded is None:
                return None
            live = loading.load(live, recorded)
        except TriedBefore as error:
            if instead is None:
                raise
            structlog.get_logger().error("prompt_not_loaded", prompt=name, reason=str(error))
            if kept := instead.prompts.get(name):
                live = Live(globs, {**live.prompts, name: kept})
    return live


async def _entry(log: EventLog, position: int, line: Sequence[str]) -> Entry | None:
    """The entry there: from the snapshot itself where the log may have been trimmed past it."""
    if line:
        return from_line(line[0].encode())
    entries = await log.read(position - 1, count=1)
    return entries[0] if entries and entries[0].position == position else None
