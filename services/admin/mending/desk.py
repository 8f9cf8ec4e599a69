"""The operator's desk: everything that a person may decide about a log."""

from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from aiohttp import web

from events.chain import Entry, Head
from events.errors import BadLine, LogDiverged, LogUnavailable, StrayId
from projections.refusals import Invalid, Mistake
from services.admin.healing.parts import Healing
from services.admin.healing.roll import LogName
from services.admin.healing.settling import Keep
from services.admin.healing.standing import fork_view
from services.admin.mending.importing import Importing
from services.admin.mending.mended import Mended
from services.admin.mending.repairing import Repairing
from services.admin.mending.trimming import Trimmed, Trimming


class Filled(NamedTuple):
    """``events`` went into the journal, which still ``lacks`` these positions (first and last)."""

    events: int
    lacks: list[tuple[int, int]]


@dataclass(slots=True)
class Desk:
    """Over both logs. Each work raises ``Invalid``, or the ``LogError`` that stood in the way; then
    nothing has changed. While one is done, the healer of that log rests."""

    healing: Healing
    trimming: Trimming

    async def forks(self) -> dict[str, Any]:
        """How each log stands, and the files that hold what was given up."""
        settlings = [parts.settling for parts in self.healing.of.values()]
        return await fork_view(settlings, self.healing.forks)

    def file(self, name: str) -> Path | None:
        """Where such a file is; None when there is none of this name."""
        return self.healing.forks.path(name)

    async def settle(self, log: LogName, keep: Keep) -> Mended:
        """``keep`` goes on. A log with strange ids has to be repaired before."""
        try:
            return await self.healing.of[log].settling.settle(keep)
        except StrayId as error:
            raise LogDiverged(f"{error}: run 'promptcast repair' first") from error

    async def repair(self, log: LogName) -> Mended:
        """What is strange in the log goes, and what is missing comes back from the journal."""
        parts = self.healing.of[log]
        healer, closing = parts.healer, parts.settling.closing()
        async with healer.turn:
            rebuilding = healer.putting_back.rebuilding()
            journal, trimmed = healer.gathering.tracked.journal, healer.gathering.trimmed()
            return await Repairing(parts.log, rebuilding, closing, journal, trimmed).run()

    async def trim(self, keep: int, archived: Head, actor: str) -> Trimmed:
        """The prompts' log goes on without its oldest events on the server."""
        async with self.healing.of["log"].healer.turn:
            return await self.trimming.run(keep, archived, actor)

    async def fill(self, log: LogName, batches: AsyncIterable[Sequence[Entry]]) -> Filled:
        """What this instance's journal lacks comes from ``batches``."""
        journal = self.healing.of[log].healer.gathering.tracked.journal
        if journal is None:
            raise LogUnavailable("this admin keeps no journal")
        try:
            events = await journal.fill(batches)
        except BadLine as error:
            raise Invalid((Mistake("", str(error)),)) from None
        except OSError as error:
            raise LogUnavailable(f"the journal cannot be filled: {error}") from error
        return Filled(events, journal.lacks)

    async def import_file(
        self, log: LogName, batches: AsyncIterable[Sequence[Entry]], replace: bool
    ) -> Mended:
        """What ``batches`` hold is the log from now on."""
        parts = self.healing.of[log]
        healer, closing = parts.healer, parts.settling.closing()
        async with healer.turn:
            log_id = await healer.gathering.log_id()

            def furthest() -> int:  # others may append until the import keeps them out
                said = [word.position for _, word in self.healing.roll.of[log].words(log_id)]
                return max([healer.gathering.furthest().head.position, *said])

            importing = Importing(
                parts.log,
                healer.putting_back.rebuilding(),
                closing,
                self.healing.forks.keeper(log),
                furthest,
                replace,
            )
            return await importing.run(batches)


DESK: Final = web.AppKey("desk", Desk)
