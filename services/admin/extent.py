"""The extent of a log: what part of it is on the server, and whether anybody else has cut it short."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from events.chain import STRAY_FROM, Chain
from events.streams.log import RedisLog
from services.metrics import AdminMetrics

LOOK_SECONDS = 5.0


@dataclass(slots=True)
class Extent:
    """Of the prompts' log. ``known`` is the chain of what this instance has applied."""

    log: RedisLog
    known: Callable[[], Chain]
    metrics: AdminMetrics
    _seen: int = 0
    """Where it was seen to begin too far on, at the last look."""
    _told: int = 0

    async def run(self) -> None:
        """Look until cancelled; raises a ``LogError`` when Redis is not reached."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Show where the log begins, and tell once if that is further on than it says, at two looks: what
        it says may be read only behind the first. Before anything was read nothing is known."""
        begins, known = await self.log.begins(), self.known()
        if not known.head.position:
            return
        position, trimmed = begins.position if begins else 0, known.trimmed.position
        self.metrics.log_begins.set(position)
        self.metrics.log_trimmed.set(trimmed)
        before, self._seen = self._seen, 0
        if trimmed + 1 < position < STRAY_FROM:
            self._seen = position
        if self._seen and self._seen == before and self._told != position:
            self._told = position
            structlog.get_logger().error(
                "log_cut_short", begins=position, trimmed=trimmed, remedy="promptcast repair"
            )
