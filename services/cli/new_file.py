"""A new file: it is there whole, on the disk, or it is not there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from services.cli.compressed import Packer
from services.cli.errors import CliError


class NewFile:
    """Written beside its place and then put there. Prompts are nobody else's to read: mode 0600.

    Every method raises :class:`CliError` when the disk does not do what it should.
    """

    def __init__(self, part: Path, *, packs: bool) -> None:
        self.part = part
        self.size = 0
        """Bytes that went in, as they were before they were packed."""
        self._packer = Packer() if packs else None
        with _told(part):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._file = os.fdopen(os.open(part, flags, 0o600), "wb")

    def write(self, data: bytes) -> None:
        """Add ``data`` at its end."""
        self.size += len(data)
        with _told(self.part):
            self._file.write(self._packer.packed(data) if self._packer else data)

    def put(self, place: Path) -> None:
        """Put it in its place, once all of it is on the disk itself. What is there is replaced."""
        with _told(place):
            if self._packer:
                self._file.write(self._packer.end())
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self.part.replace(place)
            _sync_names(place.parent)

    def discard(self) -> None:
        """Leave nothing of it, unless it was put in its place; never raises."""
        with suppress(OSError):  # what could not be written is not wanted either
            self._file.close()
        with suppress(OSError):
            self.part.unlink()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CliError(f"cannot write {path}: {error.strerror}") from error


def _sync_names(directory: Path) -> None:
    """Return once the new name is on the disk itself."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
