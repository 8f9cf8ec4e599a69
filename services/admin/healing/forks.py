"""Fork files: events that are in no log any more. They are kept, listed, and never deleted by us."""

import asyncio
import os
import re
import secrets
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import structlog

from events.chain import Entry
from events.envelope import digest
from events.errors import LogUnavailable
from events.lines import checked, to_line
from services.admin.journal.disk import Disk
from services.metrics import AdminMetrics

MOST_FILES = 100
_NAME = re.compile(r"(log|access)-(\d+)-(\d+)-[0-9a-f]{8}\.jsonl")
_log = structlog.stdlib.get_logger(__name__)


class ForkFile(NamedTuple):
    """A file with the events that stood at these positions of a log, of which it is no part."""

    name: str
    log: str
    first: int
    last: int
    size: int


@dataclass(slots=True)
class ForkFiles:
    """Those in ``directory``; None: there is no place for any, and nothing can be given up."""

    directory: Path | None
    metrics: AdminMetrics

    def keeper(self, log: str) -> Callable[[AsyncIterable[Sequence[Entry]]], Awaitable[str | None]]:
        """:meth:`keep` for one log."""

        async def keep(batches: AsyncIterable[Sequence[Entry]]) -> str | None:
            return await self.keep(log, batches)

        return keep

    async def keep(self, log: str, batches: AsyncIterable[Sequence[Entry]]) -> str | None:
        """Keep what ``batches`` hold; the file's name, None when that is nothing.

        The same events make the same file: nothing is kept twice. Raises ``LogUnavailable`` when it
        cannot be kept: then nothing may be given up.
        """
        try:
            return await self._keep(log, batches)
        except OSError as error:
            raise LogUnavailable(f"what would be given up cannot be kept: {error}") from error

    async def _keep(self, log: str, batches: AsyncIterable[Sequence[Entry]]) -> str | None:
        directory = await asyncio.to_thread(self._room)
        beside = directory / f"{log}-{secrets.token_hex(4)}.new"
        try:
            first, last = await _written(beside, batches)
            if first is None or last is None:
                return None
            name = f"{log}-{first.position}-{last.position}-{digest(last.event)[:8]}.jsonl"
            await asyncio.to_thread(_placed, beside, directory / name)
        finally:  # whoever could not keep all of it tries again, and leaves no pieces behind
            await asyncio.to_thread(beside.unlink, missing_ok=True)
        _log.error("fork_kept", log=log, file=name, first=first.position, last=last.position)
        await asyncio.to_thread(self.count)
        return name

    def _room(self) -> Path:
        if self.directory is None:
            raise OSError("PROMPTCAST_STATE_DIR is not set: there is no place to keep it in")
        Disk().directory(self.directory)
        if len(self.list()) >= MOST_FILES:
            raise OSError(
                f"there are {MOST_FILES} files in {self.directory} already: move some away"
            )
        return self.directory

    def list(self) -> list[ForkFile]:
        """All that are kept. It blocks, shortly."""
        found = []
        for path in sorted(self.directory.glob("*.jsonl")) if self.directory else ():
            if match := _NAME.fullmatch(path.name):
                log, first, last = match[1], int(match[2]), int(match[3])
                found.append(ForkFile(path.name, log, first, last, path.stat().st_size))
        return found

    def path(self, name: str) -> Path | None:
        """Where a file is; None when there is none of this name. It blocks, shortly."""
        if self.directory is None or not _NAME.fullmatch(name):
            return None
        path = self.directory / name
        return path if path.is_file() else None

    def count(self) -> None:
        """Show how many there are."""
        self.metrics.forks_kept.set(len(self.list()))


def _lines(batch: Sequence[Entry]) -> bytes:
    return b"".join(checked(to_line(entry)) + b"\n" for entry in batch)


async def _written(
    path: Path, batches: AsyncIterable[Sequence[Entry]]
) -> tuple[Entry | None, Entry | None]:
    """Write what ``batches`` hold, synced; the first entry and the last one."""
    disk, first, last = Disk(), None, None
    pen = await asyncio.to_thread(disk.opened, path, 0)
    try:
        async for batch in batches:
            if batch:
                first, last = first or batch[0], batch[-1]
                await asyncio.to_thread(disk.write, pen, _lines(batch))
        await asyncio.to_thread(disk.sync, pen)
    finally:
        await asyncio.to_thread(os.close, pen)
    return first, last


def _placed(beside: Path, path: Path) -> None:
    beside.replace(path)
    Disk().sync_names(path.parent)
