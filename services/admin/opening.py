"""Opening the log: created once, never by accident, and remembered."""

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import uuid_utils

from events.chain import GENESIS, Chain, Head
from events.envelope import Stamp
from events.errors import Conflict, LogMissing
from events.log import EventLog
from events.model import LogOpened
from events.signing import KeyRing
from events.writing import appended, seal
from services.admin.tracked import Tracked

OPEN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Memory:
    """What this machine remembers of the log, apart from Redis: its id and the last known head."""

    path: Path | None

    def recall(self) -> Chain | None:
        """The chain as it was last seen; None when nothing, or nothing readable, is kept."""
        try:
            kept = json.loads(self.path.read_text()) if self.path else None
            return Chain(Head(*kept["head"]), kept["log_id"], kept["signed"]) if kept else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, chain: Chain) -> None:
        """Remember ``chain``; replaces the file as a whole."""
        if self.path is None or not chain.log_id:
            return
        head = [chain.head.position, chain.head.stored, chain.head.digest]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".new")
        beside.write_text(
            json.dumps({"log_id": chain.log_id, "head": head, "signed": chain.signed})
        )
        beside.replace(self.path)


async def recall(tracked: Tracked[Any], memory: Memory) -> bool:
    """Whether the log is the one that this machine remembers, or it remembers none.

    If it is not, the follower is told: it follows no other, and finds what is wrong with this one.
    """
    remembered = memory.recall()
    if remembered is None:
        return True
    if (await tracked.log.pulse(remembered.head.position)).stored_at == remembered.head.stored:
        return True
    tracked.follower.remembered = remembered
    return False


async def open_log(
    log: EventLog,
    mirror: Tracked[Any],
    keys: KeyRing,
    source: str,
    furthest: Callable[[], int],
    listen_seconds: float,
) -> None:
    """Append ``LogOpened`` when there is no log yet and nobody remembers one.

    ``furthest`` is the last position that any replica has reported; they get ``listen_seconds`` to
    report one. Raises ``LogMissing`` when
    there was a log: its absence is an alarm, not a new beginning.
    """
    if mirror.follower.remembered:
        await mirror.follower.look()
    pulse = await log.pulse()
    known = mirror.follower.position
    if not pulse.exists and not known:
        await asyncio.sleep(listen_seconds)  # a replica that knows of one says so each second
        known = furthest()
    if not pulse.exists and known:
        raise LogMissing(known)
    await mirror.catch_up()
    if mirror.follower.applied.chain.log_id:
        return
    after = mirror.follower.applied.chain.head if pulse.exists else GENESIS
    opened = LogOpened(log_id=secrets.token_hex(16))
    stamp = Stamp(str(uuid_utils.uuid7()), source, log.clock.now(), "promptcast")
    draft = seal(opened, stamp, after, keys)
    try:
        at = await log.append(draft, after, OPEN_SECONDS)
    except Conflict:  # another admin was quicker
        await mirror.catch_up()
        return
    mirror.follower.advance([appended(draft, after, at)])
    structlog.get_logger().info("log_opened", log_id=opened.log_id, source=source)
