"""The tail on disk: the last events beside the last good state, for whom the log may have lost them."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import structlog

from events.chain import Chain, Entry
from events.errors import BadLine
from events.lines import checked, from_line, to_line
from projections.tail import TAIL_BYTES, Tail
from services.chat import kept_file

_MOST = 2 * TAIL_BYTES
"""In base64, and with what stands beside them, the largest tail is smaller."""
_log = structlog.stdlib.get_logger()


@dataclass(slots=True)
class TailFile:
    """One file of lines, replaced as a whole. Without a path nothing is kept."""

    path: Path | None
    tail: Tail
    _kept: tuple[Entry, ...] = ()
    _trouble: str = ""

    async def keep(self) -> bool:
        """Keep the tail as it is now, unless that is what is kept already; whether it is kept. Trouble
        is told once."""
        entries = self.tail.entries
        if self.path is None or not entries or entries == self._kept:
            return True
        try:
            await asyncio.to_thread(_write, self.path, entries)
            self._kept, self._trouble = entries, ""
        except OSError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                _log.error("tail_not_kept", error=self._trouble)
        return not self._trouble

    async def recall(self, chain: Chain) -> None:
        """Hold what was kept, as far as it ends where ``chain`` does; what is damaged is told."""
        if self.path is None:
            return
        try:
            entries = await asyncio.to_thread(_read, self.path)
        except (OSError, BadLine) as error:
            _log.error("tail_refused", error=str(error)[:200])
            return
        head = chain.head
        through = [entry for entry in entries if entry.position <= head.position]
        if through and (through[-1].position, through[-1].hash) == (head.position, head.stored):
            self.tail.take(through)


def _write(path: Path, entries: tuple[Entry, ...]) -> None:
    lines = [checked(to_line(entry)) + b"\n" for entry in entries]
    kept_file.write(path, b"".join(lines))


def _read(path: Path) -> list[Entry]:
    kept = kept_file.read(path, _MOST) or b""
    return [from_line(line) for line in kept.split(b"\n") if line]
