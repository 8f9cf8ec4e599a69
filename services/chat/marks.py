"""Marks: what is being loaded right now, where it can be read after this process has died of it.

One record in a file that is mapped into memory: writing it is copying some bytes, and the kernel keeps
them however the process ends. They need not survive the machine: a machine does not die of a prompt.
Nor need they be proved: what a mark says only makes events suspected.
"""

import fcntl
import mmap
import os
import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_RECORD = struct.Struct("<8sQQ64s64s64s")
_MAGIC = b"loading1"
_MOST = 2**64 - 1


class Mark(NamedTuple):
    """What is loaded: positions ``first`` through ``last``, with the hash of the last.

    Prompt and content hash stand there only when each event is loaded by itself.
    """

    first: int
    last: int
    hash: str
    prompt: str = ""
    content: str = ""


@dataclass(slots=True)
class Marks:
    """The file. Without a path, or when it cannot be used, nothing is marked."""

    path: Path | None
    _memory: mmap.mmap | None = None
    _file: int = -1

    @property
    def opened(self) -> bool:
        """Whether what is written is kept."""
        return self._memory is not None

    def open(self) -> Mark | None:
        """Begin to mark; what a process that died has left is returned. Blocks.

        Raises ``OSError`` when the file cannot be used: a living process uses it, it is no plain file …
        """
        if self.path is None:
            return None
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        file = os.open(self.path, flags, 0o600)
        try:
            self._memory = _mapped(file, self.path.name)
        except BaseException:
            os.close(file)
            raise
        self._file = file  # open for as long as we live: it holds the lock
        return _parse(self._memory[: _RECORD.size])

    def close(self) -> None:
        """Leave no mark."""
        if self._memory is not None:
            self.clear()
            self._memory.close()
            os.close(self._file)
            self._memory, self._file = None, -1

    def write(self, first: int, last: int, hash: str, prompt: str = "", content: str = "") -> None:
        """This is being loaded; see :class:`Mark`. Takes about a microsecond."""
        if self._memory is not None:
            texts = hash.encode("ascii", "replace"), prompt.encode(), content.encode()
            _RECORD.pack_into(self._memory, 0, _MAGIC, first & _MOST, last & _MOST, *texts)

    def clear(self) -> None:
        """Nothing is being loaded."""
        if self._memory is not None:
            self._memory[0] = 0


def _mapped(file: int, name: str) -> mmap.mmap:
    if not stat.S_ISREG(os.fstat(file).st_mode):
        raise OSError(f"{name} is no plain file")
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.ftruncate(file, mmap.PAGESIZE)
    os.pwrite(file, b"\0", mmap.PAGESIZE - 1)  # a disk that is full says so here, and not by SIGBUS
    return mmap.mmap(file, mmap.PAGESIZE)


def _parse(data: bytes) -> Mark | None:
    """The mark; None when there is none, or it is damaged."""
    magic, first, last, *texts = _RECORD.unpack(data)
    if magic != _MAGIC or first > last:
        return None
    try:
        hash, prompt, content = (text.rstrip(b"\0").decode() for text in texts)
    except UnicodeDecodeError:
        return None
    return Mark(first, last, hash, prompt, content)
