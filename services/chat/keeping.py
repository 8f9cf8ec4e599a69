"""Keeping: what must outlive this process is written to its disk beside the heartbeat, not within it.

A disk that hangs costs nobody the claim on its id: a round is begun with a heartbeat unless the one
before is still under way, which is told once it is late.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import monotonic

import structlog

from projections.follower import Follower
from projections.held import Held
from projections.live import Live
from services.chat.last_good import LastGood
from services.chat.quarantine import Quarantine
from services.chat.tail_file import TailFile

LATE_SECONDS = 5.0
_log = structlog.stdlib.get_logger()


@dataclass(slots=True)
class Keeping:
    """``works`` by the name of what each keeps: whether it is kept as it is now. ``failed`` hears the
    name of what is not, or is late."""

    works: Mapping[str, Callable[[], Awaitable[bool]]]
    failed: Callable[[str], object]
    _round: asyncio.Task[None] | None = None
    _at: str = ""
    _began: float = 0.0
    _is_late: bool = False

    def again(self) -> None:
        """Begin another round, and do not wait for it."""
        if self._round is not None and not self._round.done():
            self._tell_if_late()
            return
        self._began, self._is_late = monotonic(), False
        self._round = asyncio.create_task(self._keep(), name="keeping")

    async def last(self) -> None:
        """Keep all as it is now, once the round that is under way has ended. A disk that hangs makes it
        wait for ever."""
        await self._ended()
        self.again()
        await self._ended()

    async def _ended(self) -> None:
        if self._round is not None:
            await asyncio.wait([self._round])

    async def _keep(self) -> None:
        for what, keep in self.works.items():
            self._at = what
            if not await self._kept(what, keep):
                self.failed(what)
        if self._is_late:
            _log.info("keeping_goes_on", seconds=round(monotonic() - self._began, 1))

    async def _kept(self, what: str, keep: Callable[[], Awaitable[bool]]) -> bool:
        try:
            return await keep()
        except Exception as error:  # noqa: BLE001  told; one that has a bug must not cost the others
            _log.error("keeping_failed", what=what, error=repr(error), exc_info=True)
            return False

    def _tell_if_late(self) -> None:
        late = monotonic() - self._began
        if late < LATE_SECONDS or self._is_late:
            return
        self._is_late = True
        self.failed(self._at)
        _log.error("keeping_is_late", what=self._at, seconds=round(late, 1))


def keeping_of(
    follower: Follower,
    held: Held[Live],
    last_good: LastGood,
    tail: TailFile,
    quarantine: Quarantine,
    failed: Callable[[str], object],
) -> Keeping:
    """All that a replica keeps: its last events, its last good state, and what it does not try again."""

    async def keep_last_good() -> bool:
        applied = follower.applied
        return not applied.settled or await last_good.keep(applied.chain, held.state)

    async def keep_quarantine() -> bool:
        return await quarantine.keep(follower.position)

    works = {"tail": tail.keep, "last-good": keep_last_good, "quarantine": keep_quarantine}
    return Keeping(works, failed)
