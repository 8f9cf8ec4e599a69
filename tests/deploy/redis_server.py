"""Debian's Redis with the files of ``deploy/redis``, as an operator puts them together.

Each server has a file of its own, which includes the committed ones and adds where it lies, its port and
its secrets; users come from the committed ``users.acl``, with passwords filled in.
"""

import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from events.streams.checks import told
from events.streams.keys import Keys
from services.dev.ports import HOST, Ports
from tests.system.patience import wait_until

FILES = Path(__file__).parents[2] / "deploy" / "redis"
KEYS = Keys("promptcast")
"""Those that the committed users may use."""
START_SECONDS = 20.0


def needed(program: str) -> str:
    """Where a program is that these tests run."""
    found = shutil.which(program)
    assert found, (
        f"{program} is not in PATH (Debian, Ubuntu: apt install redis-server redis-sentinel)"
    )
    return found


def password(user: str) -> str:
    """That of a user of the tests."""
    return f"{user}-password"


def filled(text: str, **more: object) -> str:
    """A template of ``deploy/redis`` with a password for each user, and what else stands in ``${…}``."""

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name in more:
            return str(more[name])
        user, _, kind = name.rpartition("_")
        secret = password(user.lower().replace("_", "-"))
        return hashlib.sha256(secret.encode()).hexdigest() if kind == "SHA256" else secret

    return re.sub(r"\$\{(\w+)\}", value, text)


@dataclass(slots=True)
class RedisServer:
    """One process. ``includes`` are files of ``deploy/redis``; ``lines`` are those of its own file, and
    ``fill`` what stands there in the place of ``${…}``.

    ``tls`` are options of a client, where the port speaks TLS alone.
    """

    includes: Sequence[str] = ("redis.conf",)
    lines: Sequence[str] = ()
    tls: Mapping[str, Any] = field(default_factory=dict)
    is_sentinel: bool = False
    fill: Mapping[str, object] = field(default_factory=dict)
    directory: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="pc-")))
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    _ports: Ports = field(default_factory=Ports)

    def __post_init__(self) -> None:
        self.port = self.port or self._ports.own()
        lines = [filled(each, DIRECTORY=self.directory, **self.fill) for each in self.lines]
        ports = ["port 0", f"tls-port {self.port}"] if self.tls else [f"port {self.port}"]
        own = [*lines, f"dir {self.directory}", *ports]
        if not self.is_sentinel:
            acl = self.directory / "users.acl"
            acl.write_text(filled((FILES / "users.acl").read_text()))
            own.append(f"aclfile {acl}")
        included = [f"include {FILES / name}" for name in self.includes]
        self.config.write_text("\n".join([*included, *own, ""]))

    @property
    def config(self) -> Path:
        """Its own file, which Sentinel has it write anew."""
        return self.directory / "own.conf"

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self.process is not None
        return self.process.pid

    @property
    def runs(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    @property
    def url(self) -> str:
        """For an admin."""
        return self.url_of("admin")

    def url_of(self, user: str) -> str:
        """As ``REDIS_URL`` names it for a user; the CA is to be added where there is TLS."""
        scheme = "rediss" if self.tls else "redis"
        return f"{scheme}://{user}:{password(user)}@{HOST}:{self.port}"

    def start(self) -> "RedisServer":
        """Start it, again too, and wait until this very process answers."""
        self.launch()
        wait_until(lambda: not self.runs or self._answers(), START_SECONDS, self.said)
        assert self.runs, self.said()
        return self

    def launch(self) -> subprocess.Popen[bytes]:
        """Start it, and wait for nothing."""
        program = needed("redis-sentinel" if self.is_sentinel else "redis-server")
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [program, str(self.config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.directory,
            )  # fmt: skip
        return self.process

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError, OSError):
            known = self.info()
            return known["process_id"] == str(self.pid) and known.get("loading", "0") == "0"
        return False

    def said(self) -> str:
        """The last of its log."""
        return (self.directory / "log").read_text(errors="replace")[-3000:]

    def client(self, user: str = "operator") -> redis.Redis:
        """A plain client; whoever asks for it closes it."""
        return redis.Redis(
            host=HOST, port=self.port, username=user, password=password(user), protocol=2,
            socket_timeout=START_SECONDS, retry=Retry(NoBackoff(), 0), driver_info=None, **self.tls,
        )  # fmt: skip

    def call(self, *command: Any, user: str = "operator") -> Any:
        """One command on a connection of its own; the reply as it comes."""
        with self.client(user) as client:
            connection = client.connection_pool.get_connection()
            connection.send_command(*command)
            return connection.read_response()

    def info(self) -> dict[str, str]:
        """All that it says of itself."""
        return told([self.call("INFO")])

    def denied(self) -> list[str]:
        """What was denied to whom, by the server's own log."""
        parts = (b"username", b"reason", b"context", b"object")
        entries = [
            dict(zip(each[::2], each[1::2], strict=True)) for each in self.call("ACL", "LOG")
        ]
        return [b" ".join(each[part] for part in parts).decode() for each in entries]

    @property
    def role(self) -> str:
        """``master`` or ``slave``; ``""`` when it does not answer."""
        try:
            return self.info().get("role", "")
        except (redis.RedisError, OSError):
            return ""

    def kill(self) -> None:
        """``kill -9``, and wait until it is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def end(self) -> int:
        """SIGTERM, and wait; its exit status."""
        assert self.process is not None
        os.kill(self.pid, signal.SIGTERM)
        return self.process.wait(START_SECONDS)

    def close(self) -> None:
        """Kill it and remove its files."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)
        self._ports.__exit__()
