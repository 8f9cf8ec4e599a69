"""Which process listens on a port, where the system lets us see it (Linux, own processes)."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

_LISTENING = "0A"
"""``st`` of /proc/net/tcp for a socket that listens (include/net/tcp_states.h)."""


def port_user(port: int) -> str | None:
    """``name (pid N)`` of who listens on the port, or None when that cannot be seen."""
    with contextlib.suppress(OSError, ValueError):
        sockets = {f"socket:[{inode}]" for inode in _inodes(port)}
        for process in _processes() if sockets else ():
            if _holds(process, sockets):
                name = (process / "comm").read_text().strip()
                return f"{name} (pid {process.name})"
    return None


def _inodes(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        file = Path("/proc/net") / table
        rows = file.read_text().splitlines()[1:] if file.exists() else []
        for row in rows:
            fields = row.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _processes() -> Iterator[Path]:
    return (entry for entry in Path("/proc").iterdir() if entry.name.isdecimal())


def _holds(process: Path, sockets: set[str]) -> bool:
    try:
        return any(str(fd.readlink()) in sockets for fd in (process / "fd").iterdir())
    except OSError:  # not ours to see, or just gone
        return False
