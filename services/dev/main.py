"""``promptcast dev``, put together: ports, data directory, children, first prompt, ready file."""

import asyncio
import hashlib
import os
import signal
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from services.dev import first_prompt, server, welcome
from services.dev.banner import banner
from services.dev.datadir import DataDir, opened
from services.dev.leash import Leash
from services.dev.ports import HOST, Ports
from services.dev.program import Program
from services.dev.programs import Layout, Services
from services.dev.ready import Addresses, ReadyFile, Replica
from services.dev.supervisor import Supervisor
from services.dev.terminal import Screen


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for; port 0 is any free one."""

    replicas: int
    chat_port: int
    admin_port: int
    ready_file: Path | None
    supervise: bool


def run(
    *,
    replicas: int = 3,
    chat_port: int = 8080,
    admin_port: int = 8081,
    data_dir: str = ".promptcast",
    ready_file: str | None = None,
    supervise: bool = True,
) -> None:
    """Run the whole system until SIGINT, SIGTERM or SIGHUP; everything has ended when it returns.

    Raises :class:`~services.dev.errors.DevError` when it cannot start.
    """
    os.umask(0o077)  # what the children keep is nobody else's to read
    file = Path(ready_file).absolute() if ready_file else None
    options = Options(replicas, chat_port, admin_port, file, supervise)
    with opened(Path(data_dir)) as data, Ports() as ports:
        asyncio.run(_Run(options, data, ports, _set(os.environ)).run())


class _Run:
    """One run, from the first process to the last."""

    def __init__(
        self, options: Options, data: DataDir, ports: Ports, environ: Mapping[str, str]
    ) -> None:
        self._began = monotonic()
        self._options = options
        self._data = data
        self._environ = environ
        self._key = environ.get("PROMPTCAST_ADMIN_KEY") or data.admin_key()
        self._socket = None if "REDIS_URL" in environ else server.socket_path(data.path)
        self._layout = self._laid_out(ports)
        self._ready_file = ReadyFile(options.ready_file, self._addresses())

    async def run(self) -> None:
        stop, hurry = asyncio.Event(), asyncio.Event()
        _on_signals(stop, hurry)
        screen, leash = Screen(), Leash(self._data.lock)
        supervisor = Supervisor(leash, screen, self._options.supervise, self._ready_file.write)
        try:
            await leash.start()
            supervisor.start(self._stages())
            if await _unless(stop, self._up(supervisor)):
                self._ready_file.write(supervisor.pids())
                self._greet(screen, await welcome.link(self._layout.admin_port, self._key))
                await stop.wait()
        finally:
            self._ready_file.remove()
            await supervisor.stop(hurry)
            await leash.close()
            screen.close()

    async def _up(self, supervisor: Supervisor) -> None:
        await supervisor.until_ready()
        port = self._layout.admin_port
        if await first_prompt.is_new(port, self._key):
            await first_prompt.save(port, self._key)

    def _laid_out(self, ports: Ports) -> Layout:
        names = [f"chat-{number}" for number in range(1, self._options.replicas + 1)]
        chat_port, chat_socket = ports.shared(self._options.chat_port, "--chat-port")
        redis_url = server.url(self._socket) if self._socket else self._environ["REDIS_URL"]
        real = {"OPENAI_API_KEY", "OPENAI_BASE_URL"} & self._environ.keys()
        return Layout(
            redis_url=redis_url,
            log=self._log_name("embedded" if self._socket else redis_url),
            admin_port=ports.own(self._options.admin_port, "--admin-port"),
            chat_port=chat_port,
            chat_socket=chat_socket,
            replica_ports={name: ports.own() for name in names},
            model_port=None if real else ports.own(),
            embedded=self._socket is not None,
        )

    def _log_name(self, server_name: str) -> str:
        namespace = self._environ.get("PROMPTCAST_NAMESPACE", "")
        return hashlib.sha256(f"{server_name}\n{namespace}".encode()).hexdigest()[:12]

    def _stages(self) -> list[list[Program]]:
        """In the order in which they need each other; they end in the opposite one."""
        services = Services(self._layout, self._data, self._environ)
        stages = [[server.program(self._data, self._socket)]] if self._socket else []
        if self._layout.model_port is not None:
            stages.append([services.model(self._layout.model_port)])
        stages.append([services.admin(self._key)])
        stages.append([services.replica(name) for name in self._layout.replica_ports])
        return stages

    def _addresses(self) -> Addresses:
        layout = self._layout
        return Addresses(
            chat=f"http://{HOST}:{layout.chat_port}",
            admin=f"http://{HOST}:{layout.admin_port}",
            replicas=[
                Replica(name, f"http://{HOST}:{port}")
                for name, port in layout.replica_ports.items()
            ],
            redis=layout.redis_url,
            admin_key=self._key,
        )

    def _greet(self, screen: Screen, link: str | None) -> None:
        demo = "the keyless demo model (set OPENAI_API_KEY or OPENAI_BASE_URL for a real one)"
        real = "at OPENAI_BASE_URL" if "OPENAI_BASE_URL" in self._environ else "OpenAI's"
        lines = banner(
            self._addresses(),
            self._data.path,
            model=demo if self._layout.model_port else real,
            seconds=monotonic() - self._began,
            chat_key="PROMPTCAST_CHAT_KEY" in self._environ,
            welcome=link,
        )
        for line in lines:
            screen.line(line)


def _set(environ: Mapping[str, str]) -> dict[str, str]:
    """What is set: as for the services, an empty variable is as good as none."""
    return {name: value for name, value in environ.items() if value.strip()}


def _on_signals(stop: asyncio.Event, hurry: asyncio.Event) -> None:
    """The first signal stops everything in order, the second one at once."""

    def told() -> None:
        (hurry if stop.is_set() else stop).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, told)


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Whether ``work`` was finished; False when ``stop`` came first, and ``work`` was given up."""
    working, stopped = asyncio.ensure_future(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not working.done():
        working.cancel()
        await asyncio.wait({working})
        return False
    working.result()
    return True
