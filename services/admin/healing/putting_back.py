"""Putting back: the parts that a decision names go into the log, while nobody else may append."""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
import uuid_utils

from events.chain import Entry, head_of
from events.envelope import Stamp
from events.errors import Conflict, LogDiverged, LogUnavailable
from events.model import ForkSettled, LogHealed
from events.streams.log import RedisLog
from events.streams.putting_back import portions
from events.streams.rebuilding import Rebuilding
from events.writing import appended, seal
from projections.healing import Part
from services.admin.healing.gathering import Behind, Facts
from services.admin.tracked import Tracked

SAY_SECONDS = 5.0
TRIES = 20


@dataclass(slots=True)
class PuttingBack:
    """Over connections that nobody else uses (``log``): they are not kept from writing."""

    log: RedisLog
    tracked: Tracked[Any]
    source: str

    async def run(self, parts: Sequence[Part], facts: Facts) -> None:
        """Put ``parts`` back behind the head. Raises ``Conflict`` when the log has moved meanwhile, and
        any ``LogError``: then some of it may be back, and the rest is found missing again."""
        try:
            await self._in_place(entries_of(parts, facts.holders), facts)
        except LogDiverged as error:  # ids behind the head were used: the stream takes them no more
            structlog.get_logger().warning("log_rebuilt_to_heal", reason=str(error))
            await self._anew(parts, facts)

    async def _in_place(self, batches: AsyncIterator[Sequence[Entry]], facts: Facts) -> None:
        holder, head, begins = secrets.token_hex(8), facts.head, facts.begins
        try:
            async for batch in batches:
                for portion in portions(batch):
                    await self.log.put_back(portion, head, holder, last=False, begins=begins)
                    head, begins = head_of(portion[-1]), False
        finally:
            await self.log.unfence(holder)

    async def _anew(self, parts: Sequence[Part], facts: Facts) -> None:
        rebuilding, head = self.rebuilding(), facts.head
        await rebuilding.begin(facts.start)
        try:
            old = await self.log.raw_head()
            async for batch in copied(self.log, head.position, facts.start.position):
                await rebuilding.add(batch)
            if rebuilding.head != head:
                raise Conflict(rebuilding.head.position, rebuilding.head.stored)
            async for batch in entries_of(parts, facts.holders):
                await rebuilding.add(batch)
            if not await rebuilding.swap(old.id if old else None, old.stored if old else ""):
                raise Conflict(head.position, head.stored)
        finally:
            await rebuilding.abandon()

    def rebuilding(self) -> Rebuilding:
        """One more rebuilding of this log."""
        log = self.log
        return Rebuilding(log.reader, log.keys, secrets.token_hex(8), sure=log.sure)

    async def say(self, event: LogHealed | ForkSettled) -> int:
        """Append ``event`` at the log's end; its position. Raises any ``LogError``."""
        for _ in range(TRIES):
            while not await self.tracked.confirm():
                pass
            head = self.tracked.follower.applied.chain.head
            now = self.log.clock.now()
            stamp = Stamp(str(uuid_utils.uuid7()), self.source, now, "promptcast")
            draft = seal(event, stamp, head, self.tracked.follower.applied.keys)
            try:
                landed = await self.log.append(draft, head, SAY_SECONDS)
            except Conflict:
                continue
            self.tracked.follower.advance([appended(draft, head, landed.at)])
            return head.position + 1
        raise LogUnavailable("others keep changing the log")


async def entries_of(
    parts: Sequence[Part], holders: Mapping[str, Behind]
) -> AsyncIterator[Sequence[Entry]]:
    """The entries of ``parts``, in order; ``LogUnavailable`` when a holder has less than it said."""
    for part in parts:
        position = part.after
        while position < part.through:
            found = await holders[part.side](position)
            batch = [entry for entry in found if entry.position <= part.through]
            if not batch or batch[0].position != position + 1:
                raise LogUnavailable(f"{part.side} no longer has what lies behind {position}")
            yield batch
            position = batch[-1].position


async def copied(log: RedisLog, through: int, position: int = 0) -> AsyncIterator[Sequence[Entry]]:
    """What the log holds behind ``position``, through another one."""
    while position < through:
        found = [each for each in await log.read(position) if each.position <= through]
        if not found or found[0].position != position + 1:
            raise LogDiverged(f"position {position + 1} is missing: run 'promptcast repair'")
        yield found
        position = found[-1].position
