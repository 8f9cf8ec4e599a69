"""What a child says: kept in its log file, bounded, and handed on line by line."""

import asyncio
from collections import deque
from collections.abc import Callable
from io import FileIO
from pathlib import Path

MAX_FILE = 5 * 1024 * 1024
"""Bytes of a log file before it becomes ``<name>.log.1``, of which there is one."""
_MAX_LINE = 64 * 1024
KEPT = 20


class Journal:
    """The log of one child over all of its restarts; ``last`` holds its last few lines."""

    def __init__(self, file: Path, show: Callable[[str], None]) -> None:
        self.file = file
        self.last: deque[str] = deque(maxlen=KEPT)
        self._show = show
        self._stream = self._open()
        self._size = self._stream.tell()

    def write(self, line: bytes) -> None:
        """Keep one line (its newline included) and show it."""
        if self._size > MAX_FILE:
            self._turn_over()
        self._size += self._stream.write(line)
        if text := line.decode(errors="replace").strip():
            self.last.append(text)
            self._show(text)

    def close(self) -> None:
        """Nothing more is said."""
        self._stream.close()

    def _turn_over(self) -> None:
        self._stream.close()
        self.file.replace(self.file.with_name(f"{self.file.name}.1"))
        self._stream, self._size = self._open(), 0

    def _open(self) -> FileIO:
        return self.file.open("ab", buffering=0)


class Lines(asyncio.Protocol):
    """Cuts a pipe's bytes into lines for a journal; a line without end is cut at 64 KiB."""

    def __init__(self, journal: Journal) -> None:
        self.ended = asyncio.Event()
        """Set when everything that the child has said was kept."""
        self._journal = journal
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        *lines, rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._journal.write(line + b"\n")
        if len(rest) > _MAX_LINE:
            self._journal.write(rest + b"\n")
            rest = b""
        self._rest = rest

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (asyncio's signature)
        """The child is gone; what it had begun to say still counts."""
        if self._rest:
            self._journal.write(self._rest + b"\n")
        self.ended.set()
