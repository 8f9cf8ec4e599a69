"""A backup's lock: one process at a time writes to a directory, and finds nothing half in it."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.cli.errors import CliError

PART = ".part"
"""What the name of a segment ends with while it is written."""
_PARTS = re.compile(rf"(log|access)-[0-9]{{12}}{re.escape(PART)}")
"""Ours: the directory may be anybody's, with files that are none of our concern."""


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """The directory is there, this process' alone to write to, and without what others left half.

    Raises :class:`CliError`. It is not made together with what it lies in: that may be a disk which
    is not mounted.
    """
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        lock = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CliError(f"cannot write to {directory}: {error.strerror}") from error
    try:
        _take(lock, directory)
        yield
    finally:
        os.close(lock)


def _take(lock: int, directory: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for file in directory.iterdir():
            if _PARTS.fullmatch(file.name):
                file.unlink(missing_ok=True)
    except BlockingIOError:
        raise CliError(f"another backup is writing to {directory}: nothing was done") from None
    except OSError as error:
        raise CliError(f"cannot write to {directory}: {error.strerror}") from error
