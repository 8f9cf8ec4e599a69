"""Single services as they are run in earnest: ``promptcast admin`` and ``promptcast chat``."""

import shutil
import tempfile
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from events.streams.keys import Keys
from services.dev.ports import Ports
from tests.servers import Server
from tests.system.hand import Hand
from tests.system.patience import wait_until
from tests.system.process import Process, promptcast

KEY = "the-admin-key-of-the-tests"
START_SECONDS = 40.0


@dataclass(slots=True)
class Service:
    """One process and where it listens; it may be ended and started again as it was."""

    argv: list[str]
    env: dict[str, str]
    url: str
    out: Path
    process: Process

    def start(self, ready: str | None = "/readyz") -> "Service":
        """Start it again, and wait until it is ready (None: do not wait)."""
        self.process = Process(self.argv, self.env, self.out)
        self.until(200, ready)
        return self

    def until(self, status: int, path: str | None) -> None:
        """Wait until ``GET path`` has this status."""
        if path is not None:
            url = f"{self.url}{path}"
            wait_until(
                lambda: self.process.status is not None or _status(url) == status,
                START_SECONDS,
                self.process.said,
            )
            assert self.process.status is None, self.process.said()


@dataclass(slots=True)
class Services:
    """Starts services over one server, in one namespace; all end together."""

    server: Server
    keys: Keys = field(default_factory=lambda: Keys(f"t-{uuid.uuid4().hex[:12]}"))
    directory: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="pc-")))
    started: list[Service] = field(default_factory=list)
    _ports: Ports = field(default_factory=Ports)

    def hand(self) -> Hand:
        """Another hand at the log; whoever asks for it closes it."""
        return Hand(self.server.client(), self.keys)

    def open_log(self) -> None:
        """Begin a log at once; the first admin would first listen for a second."""
        with self.hand() as hand:
            hand.open()

    def admin(
        self, redis_url: str | None = None, ready: str | None = "/readyz", **env: str
    ) -> Service:
        """An admin service; ``env`` are more settings, without their prefix; ``model`` is where drafts
        are asked."""
        model = {"OPENAI_BASE_URL": env.pop("model")} if "model" in env else {}
        given = {"PROMPTCAST_ADMIN_KEY": KEY, **model, **_prefixed(env)}
        return self._start("admin", redis_url, given, ready)

    def chat(
        self, id: str, redis_url: str | None = None, ready: str | None = "/readyz", **env: str
    ) -> Service:
        """A chat replica. Its model is a port where nobody listens, unless ``env`` names another."""
        model = {"OPENAI_BASE_URL": env.pop("model", "http://127.0.0.1:9/v1")}
        given = {"PROMPTCAST_REPLICA_ID": id, **model, **_prefixed(env)}
        return self._start("chat", redis_url, given, ready)

    def model(self) -> str:
        """A demo model; the base URL of its API."""
        port, out = self._ports.own(), self.directory / "model.out"
        argv = [promptcast()[0], "-P", "-m", "services.demo_model", "--port", str(port)]
        service = Service(argv, {}, f"http://127.0.0.1:{port}", out, Process(argv, {}, out))
        self.started.append(service)
        service.until(200, "/healthz")
        return f"{service.url}/v1"

    def _start(
        self,
        command: str,
        redis_url: str | None,
        env: dict[str, str],
        ready: str | None = "/readyz",
    ) -> Service:
        port = self._ports.own()
        given = {
            "REDIS_URL": redis_url or self.server.url,
            "PROMPTCAST_NAMESPACE": self.keys.namespace,
            "PROMPTCAST_PORT": str(port),
            **env,
        }
        out, argv = self.directory / f"{len(self.started)}.out", promptcast(command)
        url = f"http://127.0.0.1:{port}"
        service = Service(argv, given, url, out, Process(argv, given, out))
        self.started.append(service)
        service.until(200, ready)
        return service

    def close(self) -> None:
        """End every process and remove what they have left."""
        for service in self.started:
            service.process.kill()
        self._ports.__exit__()
        shutil.rmtree(self.directory, ignore_errors=True)


def _prefixed(env: dict[str, str]) -> dict[str, str]:
    return {f"PROMPTCAST_{name.upper()}": value for name, value in env.items()}


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  a loopback address
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0
