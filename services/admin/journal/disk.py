"""The disk: the few calls by which a journal reaches its files. All of them block."""

import fcntl
import os
from pathlib import Path

_FILE, _DIRECTORY = 0o600, 0o700
"""Prompts are nobody else's to read."""


class Disk:
    """Plain files, private to their owner. Every method may raise ``OSError``."""

    def directory(self, path: Path) -> None:
        """Make sure that ``path`` is there; what of it is missing is made."""
        missing = [each for each in (path, *path.parents) if not each.exists()]
        for each in reversed(missing):
            each.mkdir(mode=_DIRECTORY, exist_ok=True)

    def lock(self, path: Path) -> int | None:
        """A lock until the descriptor is closed, or the process ends; None when another one has it."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def opened(self, path: Path, size: int) -> int:
        """A descriptor that appends to a file, which has ``size`` bytes from now on."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(path, flags, _FILE)
        try:
            os.ftruncate(descriptor, size)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def write(self, descriptor: int, data: bytes | bytearray) -> None:
        """Write all of ``data``."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    def sync(self, descriptor: int) -> None:
        """Return once what was written is on the disk itself."""
        getattr(os, "fdatasync", os.fsync)(descriptor)  # which not every system has

    def sync_names(self, directory: Path) -> None:
        """Return once new, renamed and removed names in ``directory`` are on the disk itself."""
        descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def replace(self, path: Path, data: bytes) -> None:
        """Put ``data`` in the place of a file: it holds either what it held, or all of it."""
        beside = path.with_name(path.name + ".new")
        descriptor = self.opened(beside, 0)
        try:
            self.write(descriptor, data)
            self.sync(descriptor)
        finally:
            os.close(descriptor)
        beside.replace(path)
        self.sync_names(path.parent)
