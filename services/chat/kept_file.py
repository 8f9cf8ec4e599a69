"""A file that a replica keeps: private, replaced as a whole, and read only if it is a plain file."""

import os
import stat
from pathlib import Path


def write(path: Path, data: bytes) -> None:
    """Put ``data`` into the place of the file at ``path``; after a crash it holds the one or the other.

    Blocks; raises ``OSError``. What stands beside it under the name of the new one is removed first:
    a link that was planted there leads nowhere.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(beside, flags, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    _flush_directory(path.parent)


def _flush_directory(directory: Path) -> None:
    """So that the new name is on the disk, too."""
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def read(path: Path, most: int) -> bytes | None:
    """What the file holds; None when there is none.

    Blocks; raises ``OSError`` for what cannot be read, is no plain file, or is larger than ``most``
    bytes.
    """
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    try:
        what = os.fstat(opened)
        if not stat.S_ISREG(what.st_mode):
            raise OSError(f"{path.name} is no plain file")
        if what.st_size > most:
            raise OSError(f"{path.name} has {what.st_size} bytes; at most {most} are read")
        with os.fdopen(opened, "rb", closefd=False) as file:
            return file.read(most)
    finally:
        os.close(opened)
