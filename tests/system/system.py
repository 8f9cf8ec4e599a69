"""The whole system as its users run it: ``promptcast dev``, started and ended from outside."""

import json
import os
import shutil
import signal
import socket
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import redis

from events.streams.keys import Keys
from tests.running import runs
from tests.system.hand import Hand, plain_client
from tests.system.patience import wait_until
from tests.system.process import Process, promptcast

START_SECONDS = 60.0
END_SECONDS = 30.0
_MARK = "SYSTEM_UNDER_TEST"


@dataclass(frozen=True, slots=True)
class Replica:
    """A replica as the ready file tells of it."""

    id: str
    url: str
    pid: int


@dataclass(frozen=True, slots=True)
class Ready:
    """The ready file's content."""

    chat: str
    admin: str
    redis: str
    admin_key: str
    replicas: tuple[Replica, ...]
    pids: Mapping[str, int]
    """Without the server's, when that is not the embedded one."""

    @classmethod
    def read(cls, file: Path) -> "Ready | None":
        """What the file holds; None while there is none."""
        try:
            told: dict[str, Any] = json.loads(file.read_text())
        except FileNotFoundError:
            return None
        replicas = tuple(Replica(**each) for each in told.pop("replicas"))
        pids = {name: pid for name, pid in told.pop("pids").items() if pid is not None}
        return cls(**told, replicas=replicas, pids=pids)


class System:
    """One data directory, and ``promptcast dev`` over it; may be started and ended several times."""

    def __init__(self, *options: str, **env: str) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="pc-"))
        self.started_in = 0.0
        """Seconds from the command to the ready file, of the last start."""
        self._options = options
        self._file = self.directory / "ready.json"
        self._mark = uuid.uuid4().hex
        self._given = {**env, _MARK: self._mark}
        self._pids: set[int] = set()
        self._process: Process | None = None

    def start(self) -> Ready:
        """Start it and wait until it says that all is ready."""
        began, old = monotonic(), self._written()
        data = str(self.directory / "data")
        ports = ("--chat-port", "0", "--admin-port", "0")
        argv = promptcast("dev", *ports, "--data-dir", data, "--ready-file", str(self._file))
        self._process = Process([*argv, *self._options], self._given, self.directory / "out")
        process = self._process
        wait_until(
            lambda: process.status is not None or self._written() not in (0, old),
            START_SECONDS,
            process.said,
        )
        self.started_in = monotonic() - began
        return self.ready

    def _written(self) -> int:
        """When the ready file was written; 0 while there is none."""
        return self._file.stat().st_mtime_ns if self._file.exists() else 0

    @property
    def ready(self) -> Ready:
        """What the ready file says now: pids change when a child is started again."""
        assert self._process is not None
        told = Ready.read(self._file)
        assert told is not None, self._process.said()
        self._pids |= {*told.pids.values(), self._process.pid}
        return told

    def restarted(self, child: str, pid: int, seconds: float = 30.0) -> Ready:
        """Wait until ``child`` has another process than ``pid`` and is ready."""

        def found() -> Ready | None:
            now = self.ready
            return now if now.pids.get(child, pid) != pid else None

        return wait_until(found, seconds, lambda: f"{child} still has pid {pid}")

    def server(self) -> redis.Redis:
        """A client that speaks to the server directly; whoever asks for it closes it."""
        return plain_client(self.ready.redis)

    def hand(self) -> Hand:
        """Another hand at the log; whoever asks for it closes it."""
        return Hand(self.server(), Keys("promptcast"))

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it and check that nothing is left behind; its exit status."""
        assert self._process is not None
        told = Ready.read(self._file)
        pids = self._pids | set(told.pids.values() if told else ())
        self._process.send(number)
        status = self._process.ended(END_SECONDS)
        left = [pid for pid in pids if runs(pid)] + list(self._marked())
        assert not left, f"left behind: {left}\n{self._process.said()}"
        assert not self._file.exists()
        for url in (told.chat, told.admin) if told else ():
            assert not _listens(url), f"somebody still listens on {url}"
        self._process = None
        return status

    def kill(self) -> None:
        """``kill -9`` for the supervisor, and wait until all of its children have ended too."""
        assert self._process is not None
        pids = {*self.ready.pids.values()}
        self._process.kill()
        self._process = None
        gone = lambda: not any(map(runs, pids))  # noqa: E731  a condition
        wait_until(gone, END_SECONDS, lambda: f"left behind: {set(filter(runs, pids))}")

    def close(self) -> None:
        """End it if it runs, and remove its files."""
        try:
            if self._process is not None:
                assert self.end() == 0
        finally:
            if self._process is not None:  # it would not end: its leash ends the children
                self._process.kill()
            shutil.rmtree(self.directory, ignore_errors=True)

    def _marked(self) -> Iterator[int]:
        """Processes with our mark in their environment, or our directory on their command line."""
        mark, directory = f"{_MARK}={self._mark}".encode(), str(self.directory).encode()
        for entry in Path("/proc").glob("[0-9]*"):  # elsewhere than on Linux there are none
            try:
                found = mark in (entry / "environ").read_bytes()
                found = found or directory in (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if found and int(entry.name) != os.getpid():
                yield int(entry.name)


def _listens(url: str) -> bool:
    parts = urlsplit(url)
    with socket.socket() as attempt:
        return attempt.connect_ex((parts.hostname, parts.port)) == 0
