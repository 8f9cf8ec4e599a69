"""The other end of the leash: ends what it was told of once its standard input ends.

A process of its own, so that it outlives a supervisor that was killed, and so that it can end what
cannot watch over itself: a server that is not ours, a child that was stopped. It is started by path
with ``python -I -S`` and imports only the standard library.

Lines on standard input: ``hold PID``, ``hold PID last`` (ended after the others), ``drop PID``.
"""

import contextlib
import os
import signal
import sys
import time

GRACE = 2.0
"""Seconds between asking the others to end and ending whatever is still there."""
_PAUSE = 0.02


def main() -> None:
    """Hold and drop until the end of input, then leave nothing behind."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    held: dict[int, bool] = {}
    for line in sys.stdin:
        word, pid, *last = line.split()
        if word == "hold":
            held[int(pid)] = bool(last)
        else:
            held.pop(int(pid), None)
    end(held)


def end(held: dict[int, bool]) -> None:
    """Ask those that are not last to end, wait a while, then end all with certainty."""
    first = [pid for pid, last in held.items() if not last]
    for pid in first:
        _send(pid, signal.SIGTERM)
    until = time.monotonic() + GRACE
    while any(_there(pid) for pid in first) and time.monotonic() < until:
        time.sleep(_PAUSE)
    for pid in held:
        _send(pid, signal.SIGKILL)


def _send(pid: int, number: signal.Signals) -> None:
    """To the whole group: each child was started as the leader of one."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main()
