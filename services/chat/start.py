"""Starting from a snapshot: what is live, by pointers into the log, instead of all that ever was."""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from events.chain import Chain, Recorded, decode
from events.log import EventLog
from events.signing import KeyRing
from events.streams.shelf import Shelf
from projections.live import Live, fold, holds
from projections.snapshot import unpack


async def from_snapshot(
    shelf: Shelf, log: EventLog, keys: KeyRing, globs: tuple[str, ...]
) -> tuple[Chain, Live] | None:
    """What was live at the snapshot, and the chain there; None when it is of no use.

    It is used only if the log's entry at its position has its hash, and every event that it points
    to is there as it was.
    """
    try:
        packed = await shelf.find("live")
        snapshot = await asyncio.to_thread(unpack, packed, keys, "live") if packed else None
        if snapshot is None:
            return None
        head = snapshot.chain.head
        if (await log.pulse(head.position)).stored_at != head.stored:
            return None
        recorded = await _pointed_to(log, snapshot.state, globs)
        return None if recorded is None else (snapshot.chain, fold(Live(globs), recorded))
    except Exception as error:  # noqa: BLE001  a snapshot is a shortcut; anybody may write one
        structlog.get_logger().error("snapshot_unusable", error=repr(error)[:200])
        return None


async def _pointed_to(
    log: EventLog, pointers: Mapping[str, Any], globs: tuple[str, ...]
) -> list[Recorded] | None:
    found = []
    for name, (position, hash) in pointers.items():
        if not holds(globs, name):
            continue
        entries = await log.read(position - 1, count=1)
        recorded = decode(entries[0], hash) if entries else None
        if recorded is None:
            return None
        found.append(recorded)
    return found
