"""Ports on loopback: those that were asked for, free ones, and the one that the replicas share.

A free port is taken below the range from which outgoing connections get theirs, so that it is still
there when a child is restarted. It is spoken for by a UDP socket of the same number: TCP is the
child's, and another supervisor that looks for a port sees that this one is taken.
"""

import contextlib
import random
import socket
import sys

from services.dev.errors import DevError, PortBusy
from services.dev.port_user import port_user

HOST = "127.0.0.1"
BALANCES = sys.platform == "linux"
"""Whether the kernel spreads connections over listeners that share a port (``SO_REUSEPORT``)."""
_FREE = range(20_000, 32_000)
_TRIES = 200


class Ports:
    """The ports of one run, held until it is closed; a context manager."""

    def __init__(self) -> None:
        self._held: list[socket.socket] = []

    def __enter__(self) -> "Ports":
        return self

    def __exit__(self, *_why: object) -> None:
        for held in self._held:
            held.close()

    def own(self, wanted: int = 0, flag: str = "") -> int:
        """A port for one child; 0 wants any free one. Raises :class:`PortBusy`, naming ``flag``."""
        if not wanted:
            return self._free()
        _check(wanted, flag)
        return wanted

    def shared(self, wanted: int, flag: str) -> tuple[int, int | None]:
        """The replicas' common port, and a listening descriptor for where they cannot share one.
        Where they can, the port is only bound here: it is never anybody else's, even while every
        replica is down, and no connection ends up with the supervisor.
        """
        if wanted:
            _check(wanted, flag)
        port = wanted or self._free()
        common = _bound_for_sharing(port) if BALANCES else socket.create_server((HOST, port))
        self._held.append(common)
        return port, None if BALANCES else common.fileno()

    def _free(self) -> int:
        for port in random.sample(_FREE, _TRIES):
            spoken_for = socket.socket(type=socket.SOCK_DGRAM)
            with contextlib.suppress(OSError):
                spoken_for.bind((HOST, port))
                if _obstacle(port) is None:
                    self._held.append(spoken_for)
                    return port
            spoken_for.close()
        raise DevError(f"no free port found between {_FREE.start} and {_FREE.stop}")


def _bound_for_sharing(port: int) -> socket.socket:
    """Let nobody have the port but those who share it.

    ``SO_REUSEADDR`` would let in whoever sets it too. It is needed only where connections of
    another program's past linger on the port.
    """
    common = socket.socket()
    common.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        common.bind((HOST, port))
    except OSError:
        common.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        common.bind((HOST, port))
    return common


def _check(port: int, flag: str) -> None:
    obstacle = _obstacle(port)
    if obstacle is None:
        return
    if isinstance(obstacle, PermissionError):
        raise PortBusy(f"port {port} needs rights that you do not have: choose another with {flag}")
    user = port_user(port)
    by = f" by {user}" if user else ""
    raise PortBusy(f"port {port} is in use{by}: stop that, or choose another with {flag}")


def _obstacle(port: int) -> OSError | None:
    """Why one cannot listen there. Connections of the past that linger are no obstacle."""
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((HOST, port))
        except OSError as error:
            return error
    return None
