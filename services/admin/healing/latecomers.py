"""Latecomers: who comes back while saving goes on, with events that the log does not hold.

What continues the log exactly was lost from it, and is put back after all. What stands where the log
has other events is in no log any more: it is kept as a file, and told; nothing is ever merged.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from events.chain import Entry
from events.envelope import digest
from events.errors import LogUnavailable
from projections.witnesses import Witness
from services.admin.healing.gathering import side
from services.admin.healing.giving_up import GivingUp
from services.admin.healing.healer import Healer

LOOK_SECONDS = 1.0


@dataclass(slots=True)
class Latecomers:
    """Looks at those who say that the log is not theirs, while it is open."""

    healer: Healer
    giving_up: GivingUp
    _told: set[str] = field(default_factory=set)
    """Whose events cannot be kept; that is told once."""

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
        await self._give_up(name, lost)

    async def _give_up(self, name: str, lost: Sequence[Entry]) -> None:
        """Keep them, and only then hear no more of them; until that is possible it is tried again."""
        gathering = self.healer.gathering
        _log = structlog.stdlib.get_logger(__name__)
        shown = {"log": gathering.name, "member": name}
        if name not in self._told:
            first, last = lost[0].position, lost[-1].position
            _log.error("member_forked", **shown, first=first, last=last)
        try:
            await self.giving_up.keep(lost, name)
        except LogUnavailable as error:
            if name not in self._told:
                _log.error("fork_not_kept", **shown, error=str(error))
            self._told.add(name)
            return
        self._told.discard(name)
        gathering.roll.overrule(gathering.name, name)

    async def _is_there(self, entry: Entry) -> bool:
        """Also where that cannot be told any more: the log was trimmed, and that is not here."""
        gathering, position = self.healer.gathering, entry.position
        found = await gathering.log.pulse(position)
        is_gone = position < found.first and position <= gathering.trimmed().position
        return is_gone or found.stored_at == entry.hash


def _is_late(witness: Witness) -> bool:
    furthest = max(witness.furthest.position, witness.last.position)
    return witness.diverged and witness.overruled < furthest
