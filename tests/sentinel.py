"""A group under Sentinel: a master, its replicas and the sentinels, all of them processes of our own.

Each listens on a TCP port of 127.0.0.1 and has a directory of its own; each is asked for its process id
before it is believed to be ours. The program is that of `tests.servers`.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from services.dev.ports import HOST, Ports
from tests.servers import START_SECONDS, program

NAME = "main"
PROMOTED_SECONDS = 20.0
_LOOK_SECONDS = 0.02
_SERVER = (
    "appendonly yes", "appendfsync always", "aof-load-truncated no", 'save ""',
    "maxmemory-policy noeviction", "repl-diskless-sync yes", "repl-diskless-sync-delay 0",
    "repl-ping-replica-period 1", "enable-debug-command local",
)  # fmt: skip

T = TypeVar("T")


class Node:
    """One process, a server or a sentinel; started again, it goes on with what it has kept."""

    def __init__(
        self,
        port: int,
        lines: tuple[str, ...] = (),
        *,
        is_sentinel: bool = False,
        password: str = "",
    ) -> None:
        self.port, self._password = port, password
        self.directory = Path(tempfile.mkdtemp(prefix="pc-"))
        self._config = self.directory / "conf"
        self._mode = ("--sentinel",) if is_sentinel else ()
        own: tuple[str, ...] = (
            f"port {port}",
            f"bind {HOST}",
            f"dir {self.directory}",
            "daemonize no",
        )
        if password:
            own = (*own, f"requirepass {password}")
        self._config.write_text("\n".join([*own, *lines, ""]))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{HOST}:{self.port}"

    @property
    def url(self) -> str:
        """Of this very server, whatever its role."""
        return f"redis://{self.address}"

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, again too, and wait until this very process answers."""
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program(), str(self._config), *self._mode],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if not self.runs or time.monotonic() > deadline:
                raise RuntimeError(self.said())
            time.sleep(_LOOK_SECONDS)

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError, OSError):
            return self.call("INFO", "server")["process_id"] == self.pid
        return False

    def said(self) -> str:
        """The last of its log."""
        return (self.directory / "log").read_text(errors="replace")[-2000:]

    def client(self) -> redis.Redis:
        """A plain client; whoever asks for it closes it."""
        return redis.Redis(
            host=HOST, port=self.port, protocol=2, socket_timeout=START_SECONDS,
            retry=Retry(NoBackoff(), 0), password=self._password or None,
        )  # fmt: skip

    def call(self, *command: Any) -> Any:
        """One command on a connection of its own."""
        with self.client() as client:
            return client.execute_command(*command)

    @property
    def role(self) -> str:
        """``master`` or ``slave``; ``""`` when it does not answer."""
        try:
            return str(self.call("INFO", "replication")["role"])
        except (redis.RedisError, OSError):
            return ""

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


class Sentinels:
    """The group: ``servers`` (the first is the first master) and ``sentinels``.

    ``down_after`` is how long (ms) a server is silent until the sentinels take it for dead;
    ``options`` are lines of the servers' configuration, such as ``min-replicas-to-write 1``.
    """

    def __init__(
        self,
        *,
        replicas: int = 2,
        sentinels: int = 3,
        quorum: int = 2,
        down_after: int = 1000,
        options: tuple[str, ...] = (),
        password: str = "",
        sentinel_password: str = "",
    ) -> None:
        self._ports = Ports()
        ports = [self._ports.own() for _ in range(1 + replicas + sentinels)]
        options = (*options, f"masterauth {password}") if password else options
        first, lines = ports[0], (*_SERVER, *options)
        followers = (*lines, f"replicaof {HOST} {first}")
        watching = (
            f"sentinel monitor {NAME} {HOST} {first} {quorum}",
            f"sentinel down-after-milliseconds {NAME} {down_after}",
            f"sentinel failover-timeout {NAME} 3000",
            f"sentinel parallel-syncs {NAME} {max(1, replicas)}",
            *([f"sentinel auth-pass {NAME} {password}"] if password else []),
        )
        self.servers = [
            Node(port, followers if port != first else lines, password=password)
            for port in ports[: 1 + replicas]
        ]
        self.sentinels = [
            Node(port, watching, is_sentinel=True, password=sentinel_password)
            for port in ports[1 + replicas :]
        ]

    @property
    def nodes(self) -> list[Node]:
        """All of them."""
        return [*self.servers, *self.sentinels]

    @property
    def url(self) -> str:
        """As ``REDIS_URL`` names it."""
        hosts = ",".join(sentinel.address for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{NAME}"

    def start(self) -> None:
        """Start all, and wait until replicas follow and every sentinel knows every other node."""
        for node in self.nodes:
            node.start()
        self._until(self._is_whole, START_SECONDS)

    def _is_whole(self) -> bool:
        others, replicas = len(self.sentinels) - 1, len(self.servers) - 1
        for sentinel in self.sentinels:
            known = self._known(sentinel)
            if (int(known["num-other-sentinels"]), int(known["num-slaves"])) != (others, replicas):
                return False
        return all(_is_linked(server) for server in self.servers[1:])

    def _known(self, sentinel: Node) -> dict[str, str]:
        found = sentinel.call("SENTINEL", "MASTER", NAME)
        words = [word.decode() for word in found]
        return dict(zip(words[::2], words[1::2], strict=True))

    def named(self) -> list[int | None]:
        """The port of the master, as each sentinel names it; None where one does not answer."""
        return [self._named(sentinel) for sentinel in self.sentinels]

    def _named(self, sentinel: Node) -> int | None:
        try:
            found = sentinel.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)
        except (redis.RedisError, OSError):
            return None
        return int(found[1])

    @property
    def master(self) -> Node:
        """The server that the first sentinel that answers names."""
        port = next(port for port in self.named() if port is not None)
        return next(server for server in self.servers if server.port == port)

    def client(self) -> redis.Redis:
        """A plain client of the present master; whoever asks for it closes it."""
        return self.master.client()

    def kill_master(self) -> Node:
        """``kill -9`` for the master; the server that it was."""
        master = self.master
        master.kill()
        return master

    def fail_over(self) -> Node:
        """A planned failover; the server that was the master, which goes on as a replica.

        The sentinels may need a moment after the last one before they find a replica fit for it.
        """
        before, asked = self.master, next(each for each in self.sentinels if each.runs)

        def begun() -> bool:
            with contextlib.suppress(redis.ResponseError):
                return bool(asked.call("SENTINEL", "FAILOVER", NAME))
            return False

        self._until(begun, PROMOTED_SECONDS)
        return before

    def wait_promoted(self, before: Node, seconds: float = PROMOTED_SECONDS) -> Node:
        """Wait until the sentinels name another master than ``before``, and it says so itself."""

        def promoted() -> Node | None:
            named = {port for port in self.named() if port is not None}
            if len(named) != 1 or before.port in named:
                return None
            master = next(server for server in self.servers if server.port in named)
            return master if master.role == "master" else None

        return self._until(promoted, seconds)

    def wait_replicated(self, seconds: float = PROMOTED_SECONDS) -> None:
        """Wait until every server that runs and is no master has all that the master has."""

        def replicated() -> bool:
            master = self.master
            offset = master.call("INFO", "replication")["master_repl_offset"]
            others = [each for each in self.servers if each.runs and each is not master]
            return all(_is_linked(each, offset) for each in others)

        self._until(replicated, seconds)

    def _until(self, condition: Callable[[], T | None], seconds: float) -> T:
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > deadline:
                logs = "\n".join(f"--- {node.address}\n{node.said()}" for node in self.nodes)
                raise TimeoutError(f"not within {seconds} s: {condition.__name__}\n{logs}")
            time.sleep(_LOOK_SECONDS)
        return found

    def close(self) -> None:
        """Kill all and remove their files."""
        for node in self.nodes:
            node.close()
        self._ports.__exit__()


def _is_linked(server: Node, offset: int = 0) -> bool:
    try:
        known = server.call("INFO", "replication")
    except (redis.RedisError, OSError):
        return False
    is_up = known.get("master_link_status") == "up"
    return is_up and int(known.get("slave_repl_offset", -1)) >= offset
