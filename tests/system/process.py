"""A process that a test has started: what it says is kept, and it is ended by its own pid."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.system.patience import wait_until

ROOT = Path(__file__).parents[2]
_KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "SSL_CERT_FILE")


def promptcast(*words: str) -> list[str]:
    """The command line ``promptcast …``, by the interpreter that runs the tests."""
    return [sys.executable, "-P", "-m", "services.cli", *words]


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """``given``, and nothing of ours but where programs and packages are: no key, no address."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **given}


class Process:
    """A running program. ``out`` is the file that takes both of its outputs."""

    def __init__(self, argv: Sequence[str], given: Mapping[str, str], out: Path) -> None:
        self.out = out
        with out.open("ab") as file:
            self._popen = subprocess.Popen(
                argv, env=environment(given), stdin=subprocess.DEVNULL,
                stdout=file, stderr=file, start_new_session=True,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    @property
    def status(self) -> int | None:
        """Its exit status; None while it runs."""
        return self._popen.poll()

    def said(self) -> str:
        """The last of what it has said."""
        return self.out.read_text(errors="replace")[-4000:]

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._popen.send_signal(number)

    def ended(self, seconds: float = 20.0) -> int:
        """Wait for its end; the exit status."""
        wait_until(lambda: self.status is not None, seconds, self.said)
        return self._popen.wait()

    def end(self, seconds: float = 20.0) -> int:
        """Ask it to end, as an operator would, and wait; the exit status."""
        self.send(signal.SIGTERM)
        return self.ended(seconds)

    def kill(self) -> None:
        """``kill -9``, unless it has ended already."""
        self._popen.kill()
        self._popen.wait()
