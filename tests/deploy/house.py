"""A house: a fleet as it is run in earnest, one process each, for what ``deploy/`` puts around it.

A server that loses nothing, a demo model, admins and chat replicas, all on ports of 127.0.0.1 that they
keep: whoever was ended or killed is started again where it was.
"""

import json
import signal
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack

from events.streams.keys import Keys
from services.dev.ports import Ports
from tests.servers import Server
from tests.system.process import Process, promptcast
from tests.system.services import KEY, Service, Services

PROMPT = "system"
FIRST = "You are version 1."
"""What the prompt says when the house stands; later versions should say likewise which they are."""
END_SECONDS = 40.0

Settings = Mapping[str, str]
"""As environment variables, without ``PROMPTCAST_``, in lower case; ``model`` is another base URL."""


class House:
    """Everything starts at once with :meth:`open`; a context manager that leaves nothing behind.

    ``every``, ``of_admins`` and ``of_replicas`` are more settings. ``redis_url``, where another server
    than its own keeps the log (``server`` is then None), is one for all, or asked by each service's
    name; ``namespace`` is one that nobody has used, unless it is given.
    ``pause_ms`` is how long the model thinks before each event of a stream.
    """

    def __init__(
        self,
        *,
        replicas: int = 3,
        admins: int = 1,
        redis_url: str | Callable[[str], str] | None = None,
        namespace: str | None = None,
        pause_ms: float = 15.0,
        every: Settings | None = None,
        of_admins: Settings | None = None,
        of_replicas: Settings | None = None,
    ) -> None:
        self.key = KEY
        """The admins' key."""
        self.server = None if redis_url else Server(durable=True, tcp=True)
        self.services = Services(self.server)  # type: ignore[arg-type]  # asked only for its URL
        if namespace is not None:
            self.services.keys = Keys(namespace)
        self._redis_url = redis_url
        self._pause_ms = pause_ms
        self._every = dict(every or {})
        self._of = {"admin": dict(of_admins or {}), "chat": dict(of_replicas or {})}
        self._names = [f"admin-{n + 1}" for n in range(admins)]
        self._names += [f"chat-{n + 1}" for n in range(replicas)]
        self._stack = ExitStack()
        self._ports = self._stack.enter_context(Ports())
        self.processes: dict[str, Service] = {}
        """``admin-1`` …, ``chat-1`` …, ``model``: each with its ``url`` and its ``process.pid``."""

    def open(self) -> "House":
        """Start everything, wait until all are ready, and save the first version."""
        try:
            if self.server is not None:
                self._stack.callback(self.server.close)
                self.server.start()
            self._stack.callback(self.services.close)
            self._stack.callback(self._wake)
            self.processes["model"] = self._model()
            for name in self._names:
                self.processes[name] = self._service(name)
            for service in self.processes.values():
                service.until(200, "/healthz" if service is self.processes["model"] else "/readyz")
            self.save(FIRST, create=True)
        except BaseException:
            self._stack.close()
            raise
        return self

    @property
    def admins(self) -> dict[str, Service]:
        """The admins by name."""
        return {name: each for name, each in self.processes.items() if name.startswith("admin")}

    @property
    def replicas(self) -> dict[str, Service]:
        """The replicas by name, which is their ``PROMPTCAST_REPLICA_ID``."""
        return {name: each for name, each in self.processes.items() if name.startswith("chat")}

    @property
    def keys(self) -> Keys:
        """What everything on the server is called."""
        return self.services.keys

    # --- what may be done to it --------------------------------------------------------------------

    def save(self, template: str, *, create: bool = False, admin: str = "admin-1") -> dict:
        """Save a version of the prompt, and wait until it is everywhere; the answer's body."""
        request = urllib.request.Request(  # noqa: S310  a loopback address
            f"{self.processes[admin].url}/api/v1/prompts/{PROMPT}/versions?wait=all&timeout=15",
            data=json.dumps({"template": template}).encode(),
            headers={
                "Authorization": f"Bearer {self.key}",
                "Content-Type": "application/json",
                **({"If-None-Match": "*"} if create else {"If-Match": "*"}),
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  see above
            told: dict = json.load(answer)
        return told

    def end(self, name: str) -> None:
        """SIGTERM, as a rolling restart does it, and wait until it has ended well."""
        process = self.processes[name].process
        assert process.end(END_SECONDS) == 0, process.said()

    def kill(self, name: str) -> None:
        """``kill -9``."""
        self.processes[name].process.kill()

    def start(self, name: str, ready: str | None = "/readyz") -> None:
        """Start who has ended, where it was, and wait until it is ready (None: do not wait)."""
        self.processes[name].start(ready)

    def stop(self, name: str) -> None:
        """SIGSTOP: it hangs; its connections stay."""
        self.processes[name].process.send(signal.SIGSTOP)

    def go_on(self, name: str) -> None:
        """SIGCONT."""
        self.processes[name].process.send(signal.SIGCONT)

    def mend(self) -> None:
        """Everybody runs and is ready again, whatever was done to whom."""
        self._wake()
        for service in self.processes.values():
            if service.process.status is not None:
                service.start(None)
        for name, service in self.processes.items():
            service.until(200, "/healthz" if name == "model" else "/readyz")

    def close(self) -> None:
        """End everything, and remove what it has left."""
        self._stack.close()

    def __enter__(self) -> "House":
        return self.open()

    def __exit__(self, *_why: object) -> None:
        self.close()

    # --- how it is made ----------------------------------------------------------------------------

    def _service(self, name: str) -> Service:
        kind = name.partition("-")[0]
        own = {"state_dir": str(self.services.directory / name)}
        env = {"model": f"{self.processes['model'].url}/v1", **own, **self._every, **self._of[kind]}
        at = self._redis_url(name) if callable(self._redis_url) else self._redis_url
        if kind == "admin":
            return self.services.admin(at, None, **env)
        return self.services.chat(name, at, None, **env)

    def _model(self) -> Service:
        port, out = self._ports.own(), self.services.directory / "model.out"
        words = ["--port", str(port), "--pause-ms", str(self._pause_ms)]
        argv = [promptcast()[0], "-P", "-m", "services.demo_model", *words]
        service = Service(argv, {}, f"http://127.0.0.1:{port}", out, Process(argv, {}, out))
        self.services.started.append(service)
        return service

    def _wake(self) -> None:
        for service in self.processes.values():
            if service.process.status is None:
                service.process.send(signal.SIGCONT)
