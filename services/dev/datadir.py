"""The data directory: what is kept between two runs, and the lock of the one that works in it.

::

    .promptcast/
    ├── lock             held by the supervisor; names its pid
    ├── admin-key        the edit API's key, made once (mode 0600)
    ├── server.conf      of the embedded server
    ├── server.sock      (or in a short directory elsewhere; see server.py)
    ├── appendonlydir/   the history
    ├── logs/<child>.log what each process has said
    └── state/<replica>/ the last good state of each replica
"""

import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.dev.errors import DataDirInUse, DevError

_KEPT = ("appendonlydir", "state")
_ENDING = 6.0
"""Seconds that what is left of a killed run may take to be gone."""


class DataDir:
    """A data directory that exists and is ours; ``lock`` is the descriptor that holds it.

    ``is_new``: when it was taken, nothing was in it that could remember a log.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.lock = lock
        self.is_new = not any((path / kept).exists() for kept in _KEPT)

    def admin_key(self) -> str:
        """The edit API's key: made at the first call ever, read at later ones."""
        file = self.path / "admin-key"
        with contextlib.suppress(FileNotFoundError):
            if key := file.read_text(encoding="ascii").strip():
                return key
        key = secrets.token_urlsafe(32)
        write_private(file, f"{key}\n")
        return key

    def log(self, child: str) -> Path:
        """The log file of a child."""
        return self.subdirectory("logs") / f"{child}.log"

    def subdirectory(self, *names: str) -> Path:
        """A directory in here, made if need be."""
        inner = self.path.joinpath(*names)
        inner.mkdir(parents=True, exist_ok=True)
        return inner


@contextmanager
def opened(path: Path) -> Iterator[DataDir]:
    """The data directory at ``path``, made if need be and locked until the end.

    Raises :class:`DataDirInUse` when another supervisor holds it.
    """
    path = path.expanduser().absolute()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DevError(
            f"cannot use the data directory {path} ({error.strerror}): "
            "choose another with --data-dir"
        ) from error
    try:
        _take(lock, path)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield DataDir(path, lock)
    finally:
        os.close(lock)


def write_private(file: Path, text: str) -> None:
    """Write a file of mode 0600 atomically: readers see the old text or the new one, whole."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        os.fchmod(descriptor, 0o600)
        stream.write(text)
    draft.replace(file)


def _take(lock: int, path: Path) -> None:
    until = time.monotonic() + _ENDING
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _holder(lock)
            if _runs(pid) or time.monotonic() > until:
                raise DataDirInUse(
                    f"another 'promptcast dev' (pid {pid}) works in {path}: "
                    "stop it, or choose another directory with --data-dir"
                ) from None
        time.sleep(0.05)


def _holder(lock: int) -> int:
    text = os.pread(lock, 32, 0).decode(errors="replace").strip()
    return int(text) if text.isdecimal() else 0


def _runs(pid: int) -> bool:
    """Whether this process is there: when it is not, its leash holds the lock a little longer."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
