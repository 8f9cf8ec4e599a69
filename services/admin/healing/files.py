"""Files that must be whole: written beside, synced, and put in place in one step. It blocks."""

import secrets
import socket
from contextlib import suppress
from pathlib import Path

from services.admin.journal.disk import Disk


def replace_file(path: Path, data: bytes) -> None:
    """``path`` holds ``data`` from now on, or what it held before. Raises ``OSError``."""
    disk = Disk()
    disk.directory(path.parent)
    disk.replace(path, data)


def own_name(state_dir: Path | None, port: int) -> str:
    """This admin's name, which outlives its restarts where it has a directory to keep it in; else it is
    that of the place where it runs."""
    if state_dir is None:
        return f"{socket.gethostname()}-{port or secrets.token_hex(4)}"[:100]
    path, name = state_dir / "admin-id", secrets.token_hex(4)
    with suppress(OSError, ValueError):
        if kept := path.read_text(encoding="ascii").strip()[:100]:
            return kept
    with suppress(OSError):  # its journal tells what is wrong with this disk
        replace_file(path, f"{name}\n".encode())
    return name
