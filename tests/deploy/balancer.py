"""The real HAProxy and nginx, with the files of ``deploy/``, before services of a test's choice."""

import csv
import os
import re
import shutil
import signal
import socket
import tempfile
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from services.dev.ports import HOST, Ports
from tests.system.patience import wait_until
from tests.system.process import ROOT, Process

HAPROXY_CFG = ROOT / "deploy" / "haproxy" / "haproxy.cfg"
NGINX_TEMPLATE = ROOT / "deploy" / "nginx" / "promptcast.conf.template"
START_SECONDS = 20.0
END_SECONDS = 10.0
NOBODY = "127.0.0.1:9"
"""The address of whoever a configuration names, and a test has not."""


def program(name: str) -> str:
    """Where a program is; fails with the remedy where it is not."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    found = shutil.which(name, path=path)
    assert found, f"{name} is not in PATH (Debian, Ubuntu: apt install {name})"
    return found


def addresses(chat: Sequence[str], admins: Sequence[str] = ()) -> dict[str, str]:
    """The environment's addresses, from URLs of three replicas and two admins at most."""
    given = {}
    for kind, urls, count in (("CHAT", chat, 3), ("ADMIN", admins, 2)):
        for n in range(count):
            at = urlsplit(urls[n]).netloc if n < len(urls) else NOBODY
            given[f"PROMPTCAST_{kind}_{n + 1}"] = at
    return given


class Balancer(ABC):
    """What both have in common: ports and a directory of their own, a process, and its end.

    ``chat`` and ``admin`` are the URLs that clients use, ``metrics`` is where it tells of itself. What it
    said is in the message of whatever fails here.
    """

    name = ""

    def __init__(self, chat: Sequence[str], admins: Sequence[str] = (), **more: str) -> None:
        """``chat`` and ``admins`` are URLs of services; ``more`` goes into the environment."""
        self._stack = ExitStack()
        self.directory = Path(tempfile.mkdtemp(prefix="pc-"))
        self._stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
        ports = self._stack.enter_context(Ports())
        listen, admin, metrics = (f"{HOST}:{ports.own()}" for _ in range(3))
        self.chat, self.admin, self.metrics = (f"http://{at}" for at in (listen, admin, metrics))
        self.env = {
            **addresses(chat, admins),
            "PROMPTCAST_LISTEN": listen,
            "PROMPTCAST_ADMIN_LISTEN": admin,
            **self._own(metrics),
            **more,
        }
        self.process: Process | None = None

    def open(self) -> "Balancer":
        """Start it, and wait until it serves."""
        argv = [program(self.name), *self._words()]
        self.process = process = Process(argv, self.env, self.directory / "out")
        self._stack.callback(self._end)
        try:
            wait_until(
                lambda: process.status is not None or self._serves(), START_SECONDS, process.said
            )
            assert process.status is None, process.said()
        except BaseException:
            self.close()
            raise
        return self

    def said(self) -> str:
        """The last of what it has said."""
        assert self.process is not None
        return self.process.said()

    def close(self) -> None:
        """End it, and remove its files."""
        self._stack.close()

    def _end(self) -> None:
        assert self.process is not None
        self.process.send(signal.SIGTERM)
        try:
            self.process.ended(END_SECONDS)
        finally:
            self.process.kill()

    def __enter__(self) -> "Balancer":
        return self.open()

    def __exit__(self, *_why: object) -> None:
        self.close()

    @abstractmethod
    def _own(self, metrics: str) -> Mapping[str, str]:
        """Its own part of the environment."""

    @abstractmethod
    def _words(self) -> list[str]:
        """The words that start it."""

    @abstractmethod
    def _serves(self) -> bool:
        """Whether it answers."""


class HAProxy(Balancer):
    """HAProxy with ``deploy/haproxy/haproxy.cfg``, or with ``cfg``, a changed copy of it."""

    name = "haproxy"

    def __init__(
        self, chat: Sequence[str], admins: Sequence[str] = (), cfg: Path = HAPROXY_CFG, **more: str
    ) -> None:
        super().__init__(chat, admins, **more)
        self.cfg = cfg

    def __enter__(self) -> "HAProxy":
        self.open()
        return self

    def _own(self, metrics: str) -> Mapping[str, str]:
        self.socket = self.directory / "s"
        return {
            "PROMPTCAST_HAPROXY_METRICS": metrics,
            "PROMPTCAST_HAPROXY_SOCKET": str(self.socket),
        }

    def _words(self) -> list[str]:
        return [
            "-W",
            "-f",
            str(self.cfg),
        ]  # a master in the foreground, as containers and units run it

    def _serves(self) -> bool:
        """Once everybody has been looked at: at first all count as up."""
        try:
            rows = self.table()
        except OSError:
            return False
        return bool(rows) and all(row["check_status"] not in ("", "INI") for row in rows)

    def command(self, text: str) -> str:
        """What its control socket answers."""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(5.0)
            asking.connect(str(self.socket))
            asking.sendall(f"{text}\n".encode())
            told = b""
            while block := asking.recv(65536):
                told += block
        return told.decode()

    def table(self) -> list[dict[str, str]]:
        """Its statistics of each server, by the names of their columns."""
        lines = self.command("show stat -1 4 -1").removeprefix("# ").splitlines()
        return list(csv.DictReader(line for line in lines if line))

    def states(self, backend: str = "chat") -> dict[str, str]:
        """``UP``, ``DOWN`` or ``NOLB`` (none of the new requests) for each server; on its way from one
        to the other it is ``UP 1/2`` and the like."""
        return {row["svname"]: row["status"] for row in self.table() if row["pxname"] == backend}

    def becomes(
        self, server: str, state: str, seconds: float = 10.0, backend: str = "chat"
    ) -> None:
        """Wait until a server is in this state, whole."""
        wait_until(
            lambda: self.states(backend).get(server) == state,
            seconds,
            lambda: f"{self.states(backend)}\n{self.said()}",
        )


class Nginx(Balancer):
    """nginx with ``deploy/nginx/promptcast.conf.template``, filled in as the official image does it."""

    name = "nginx"

    def __init__(
        self,
        chat: Sequence[str],
        admins: Sequence[str] = (),
        template: Path = NGINX_TEMPLATE,
        **more: str,
    ) -> None:
        super().__init__(chat, admins, **more)
        self.conf = self.directory / "nginx.conf"
        filled = filled_in(template.read_text(), self.env)
        (self.directory / "promptcast.conf").write_text(filled)
        self.conf.write_text(self._main())

    def __enter__(self) -> "Nginx":
        self.open()
        return self

    def _own(self, metrics: str) -> Mapping[str, str]:
        return {"PROMPTCAST_NGINX_STATUS": metrics}

    def _words(self) -> list[str]:
        return ["-p", str(self.directory), "-e", "stderr", "-c", str(self.conf)]

    def _serves(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.chat}/healthz", timeout=1) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False

    def _main(self) -> str:
        """What the image's own nginx.conf says, but for places that only root may write to."""
        at = self.directory
        temporary = "".join(
            f"  {kind}_temp_path {at}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root;\n" if os.geteuid() == 0 else ""
        return (
            f"daemon off;\n{user}worker_processes 2;\npid {at}/pid;\nerror_log stderr notice;\n"
            f"events {{ worker_connections 1024; }}\nhttp {{\n{temporary}"
            f"  access_log off;\n  include {at}/promptcast.conf;\n}}\n"
        )


def filled_in(template: str, env: Mapping[str, str]) -> str:
    """``envsubst`` with the environment's names alone: nginx has variables of its own."""
    return re.sub(r"\$\{(\w+)\}|\$(\w+)", lambda m: env.get(m[1] or m[2], m[0]), template)
