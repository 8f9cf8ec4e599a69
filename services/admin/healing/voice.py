"""The voice: what this admin says of both logs, each second, to all the others."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from events.chain import Chain
from events.errors import LogError
from projections.reports import AdminReport, Told
from services.admin.healing.roll import LogName, Roll
from services.membership import AdminVoice

SAY_SECONDS = 1.0


@dataclass(slots=True)
class Voice:
    """Speaks for the admin whose ``roll`` it is; ``knows`` gives the furthest chain of each log."""

    admin: AdminVoice
    roll: Roll
    knows: Mapping[LogName, Callable[[], Chain]]
    _asked: asyncio.Event = field(default_factory=asyncio.Event)

    def at_once(self) -> None:
        """Say something now: whatever others say behind it was said after this."""
        self._asked.set()

    async def run(self) -> None:
        """Speak until cancelled; raises a ``LogError`` when nobody could hear it."""
        while True:
            self._asked.clear()
            await self.admin.say(self._report)
            with suppress(TimeoutError):
                async with asyncio.timeout(SAY_SECONDS):
                    await self._asked.wait()

    async def last_word(self) -> None:
        """This admin stops: nobody needs to wait for it."""
        try:
            await self.admin.say(lambda: self._report(left=True))
        except LogError as error:
            structlog.get_logger().warning("left_silently", error=str(error))
        await self.admin.close()

    def _report(self, *, left: bool = False) -> AdminReport:
        self.roll.sequence += 1
        chains = {name: knows() for name, knows in self.knows.items()}
        told = {n: Told(c.log_id, c.head.position, c.head.digest) for n, c in chains.items()}
        return AdminReport(self.roll.me, self.roll.instance, self.roll.sequence, told, left)
