"""Latecomers: who comes back while saving goes on, with events that the log does not hold.

What continues the log exactly was lost from it, and is put back after all. What stands where the log
has other events is in no log any more: it is kept as a file, and told; nothing is ever merged.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import structlog

from events.chain import Entry
from events.envelope import digest
from events.errors import LogUnavailable
from projections.witnesses import Witness
from services.admin.healing.forks import ForkFiles
from services.admin.healing.gathering import side
from services.admin.healing.healer import Healer

LOOK_SECONDS = 1.0


@dataclass(slots=True)
class Latecomers:
    """Looks at those who say that the log is not theirs, while it is open."""

    healer: Healer
    forks: ForkFiles

    async def run(self) -> None:
        """Until cancelled; raises a ``LogError`` to be tried again."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self.healer.gate.is_open:
                async with self.healer.turn:
                    await self._look()

    async def _look(self) -> None:
        gathering = self.healer.gathering
        known = gathering.roll.of[gathering.name].of(await gathering.log_id()).values()
        late = {each.name: each for each in known if _is_late(each)}
        if not late:
            return
        for name, entries in (await gathering.offers(set(late))).items():
            await self._take(name, entries)

    async def _take(self, name: str, entries: Sequence[Entry]) -> None:
        gathering = self.healer.gathering
        pulse = await gathering.log.pulse()
        head = await gathering.entry(pulse.head_position) if pulse.head_position else None
        at, hash = pulse.head_position, digest(head.event) if head else side(name, entries).at(0)
        if side(name, entries).continues(at, hash):
            self.healer.gate.doubt(
                f"{name} holds events behind position {at} that the log has lost"
            )
            return
        lost = [entry for entry in entries if not await self._is_there(entry)]
        if not lost:
            return  # it has not noticed yet
        gathering.roll.overrule(gathering.name, name)
        _log = structlog.stdlib.get_logger(__name__)
        first, last = lost[0].position, lost[-1].position
        _log.error("member_forked", log=gathering.name, member=name, first=first, last=last)
        try:
            await self.forks.keep(gathering.name, one(lost))
        except LogUnavailable as error:
            _log.error("fork_not_kept", log=gathering.name, member=name, error=str(error))

    async def _is_there(self, entry: Entry) -> bool:
        found = await self.healer.gathering.log.pulse(entry.position)
        return found.stored_at == entry.hash


def _is_late(witness: Witness) -> bool:
    furthest = max(witness.furthest.position, witness.last.position)
    return witness.diverged and witness.overruled < furthest


async def one(entries: Sequence[Entry]) -> AsyncIterator[Sequence[Entry]]:
    """All of them as one batch."""
    yield entries
