"""The rig: a server, admins, replicas and a model as real processes, with a breakable link to each.

Every fault that is put in is recorded as an outage of whom it hits, so that the checker excuses what
nobody could have done, and nothing else.
"""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from tests.faults.guarded import Guarded, guarded
from tests.faults.history import NEVER, History, Outage
from tests.faults.plan import Plan
from tests.faults_proxy import FaultsProxy
from tests.servers import Server
from tests.system.chat_port import ChatPort
from tests.system.edit_api import EditApi
from tests.system.services import KEY, Service, Services

PROMPT = "tortured"
CALL_SECONDS = 45.0
_OPTIONS = ("--enable-debug-command", "yes", "--auto-aof-rewrite-percentage", "0")
"""No rewriting: what a child syncs is not seen by the disk that loses power (:mod:`.slow_disk`)."""


@dataclass(slots=True)
class Rig:
    """Made by :func:`standing`. Its processes: ``server``, ``admin-1`` …, ``chat-1`` …, ``model``."""

    plan: Plan
    server: Server
    services: Services
    session: aiohttp.ClientSession
    stack: AsyncExitStack
    history: History = field(default_factory=History)
    links: dict[str, FaultsProxy] = field(default_factory=dict)
    admins: dict[str, Service] = field(default_factory=dict)
    replicas: dict[str, Service] = field(default_factory=dict)
    over_at: float | None = None
    """When the last fault was over."""
    _out: dict[str, tuple[float, str]] = field(default_factory=dict)
    _stopped: set[str] = field(default_factory=set)

    async def build(self) -> None:
        """Start everything, and save the first version."""
        await asyncio.to_thread(self.services.open_log)
        model = await asyncio.to_thread(self.services.model)
        url = urlsplit(model)
        assert url.hostname is not None
        assert url.port is not None
        way = await self._link("model", FaultsProxy((url.hostname, url.port), tcp=True))
        assert isinstance(way.address, tuple)
        at = f"http://127.0.0.1:{way.address[1]}/v1"
        names = [f"admin-{n + 1}" for n in range(self.plan.admins)]
        names += [f"chat-{n + 1}" for n in range(self.plan.replicas)]
        for name in names:
            await self._link(name, FaultsProxy(self.server.socket, tcp=self.plan.tcp))
        await asyncio.gather(*(self._join(name, at) for name in names))
        (await self.api().create(PROMPT, "You are the first.")).expect(201)
        await asyncio.gather(*(self.port(name).ask(PROMPT) for name in self.replicas))

    async def _link(self, name: str, proxy: FaultsProxy) -> FaultsProxy:
        self.links[name] = await self.stack.enter_async_context(proxy)
        return proxy

    async def _join(self, name: str, model: str) -> None:
        url, state = self.links[name].url, str(self.services.directory / name)
        if isinstance(self.server, Guarded):
            url = self.server.sentinel_url
        env = {**dict(self.plan.settings), "state_dir": state}
        if name.startswith("admin"):
            self.admins[name] = await asyncio.to_thread(lambda: self.services.admin(url, **env))
        else:
            more = {**env, "model": model}
            self.replicas[name] = await asyncio.to_thread(
                lambda: self.services.chat(name, url, **more)
            )

    @property
    def processes(self) -> dict[str, Service]:
        """Admins and replicas by name."""
        return {**self.admins, **self.replicas}

    def state_dir(self, name: str) -> Path:
        """Where a service keeps what must outlive it."""
        return self.services.directory / name

    def api(self, name: str = "admin-1") -> EditApi:
        """An admin's edit API."""
        return EditApi(self.session, self.admins[name].url, KEY)

    def port(self, name: str) -> ChatPort:
        """A replica's own port."""
        return ChatPort(self.session, self.replicas[name].url)

    def life(self, name: str) -> str:
        """The process that a replica is now."""
        return f"{name}#{self.replicas[name].process.pid}"

    # --- faults, each of which is recorded ---------------------------------------------------------

    def fails(self, who: str, why: str) -> None:
        """From now on ``who`` is not as it should be."""
        self._out.setdefault(who, (time.monotonic(), why))

    def well(self, who: str) -> None:
        """``who`` is as it should be again."""
        if who in self._out:
            began, why = self._out.pop(who)
            self.over()
            self.history.outages.append(Outage(who, began, time.monotonic(), why))

    def over(self) -> None:
        """A fault is over now: time to converge is counted from the last one's end."""
        self.over_at = time.monotonic()

    def mend(self, name: str) -> None:
        """A link is as it should be; what was swallowed is missing from its connections for ever."""
        self.links[name].heal()
        self.links[name].cut_all()
        self.over()

    @contextmanager
    def out(self, who: str, why: str) -> Iterator[None]:
        """``who`` is out as long as the block runs."""
        self.fails(who, why)
        try:
            yield
        finally:
            self.well(who)

    def outages(self) -> list[Outage]:
        """All of them; those that last have no end yet."""
        lasting = [Outage(who, began, NEVER, why) for who, (began, why) in self._out.items()]
        return [*self.history.outages, *lasting]

    async def kill(self, name: str) -> None:
        """``kill -9``."""
        self.fails(name, "killed")
        kill = self.server.kill if name == "server" else self.processes[name].process.kill
        await asyncio.to_thread(kill)
        self._stopped.discard(name)

    async def start(self, name: str) -> None:
        """Start it again as it was, and wait until it is ready."""
        start = self.server.start if name == "server" else self.processes[name].start
        await asyncio.to_thread(start)
        self.well(name)

    async def end(self, name: str) -> int:
        """SIGTERM, and wait; the exit status."""
        self.fails(name, "ended")
        return await asyncio.to_thread(self.processes[name].process.end, 40.0)

    def stop(self, name: str) -> None:
        """SIGSTOP."""
        self.fails(name, "stopped")
        self._stopped.add(name)
        self._signal(name, signal.SIGSTOP)

    def go_on(self, name: str) -> None:
        """SIGCONT. What was asked while it was stopped may still fail: that was begun in the outage."""
        self._signal(name, signal.SIGCONT)
        self._stopped.discard(name)
        self.well(name)

    def _signal(self, name: str, number: signal.Signals) -> None:
        if name != "server":
            self.processes[name].process.send(number)
        elif number == signal.SIGSTOP:
            self.server.stop()
        else:
            self.server.go_on()

    async def heal(self) -> None:
        """Everything stands and runs again, and no link has a fault."""
        for name in tuple(self._stopped):
            self.go_on(name)
        for name, link in self.links.items():
            if link.faulty:
                with self.out(name, "mended") if name == "model" else contextlib.nullcontext():
                    self.mend(name)
        if "server" in self._out:
            await self.start("server")
        for name, service in self.processes.items():
            if name in self._out and service.process.status is not None:
                await self.start(name)
        for who in tuple(self._out):
            self.well(who)
        if self.over_at is None:
            self.over()

    def died(self) -> list[str]:
        """Who has ended without our doing, and its last words."""
        return [
            f"{name} has ended with {service.process.status}: {service.process.said()[-500:]}"
            for name, service in self.processes.items()
            if service.process.status is not None and name not in self._out
        ]


@asynccontextmanager
async def standing(plan: Plan) -> AsyncIterator[Rig]:
    """A rig that is ready; nothing of it is left behind, whatever happens."""
    async with AsyncExitStack() as stack:
        server = await _server(plan, stack)
        services = Services(server)
        stack.push_async_callback(asyncio.to_thread, services.close)
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
        session = aiohttp.ClientSession(connector=connector, timeout=timeout)
        await stack.enter_async_context(session)
        rig = Rig(plan, server, services, session, stack)
        stack.callback(_wake, rig)
        await rig.build()
        yield rig


async def _server(plan: Plan, stack: AsyncExitStack) -> Server:
    if plan.sentinel:
        return await stack.enter_async_context(guarded())
    server = Server(durable=True, options=(*_OPTIONS, *plan.server))
    stack.callback(server.close)
    await asyncio.to_thread(server.start)
    return server


def _wake(rig: Rig) -> None:
    """Nobody may be closed while it is stopped: it would not hear the proxies' good-bye."""
    with contextlib.suppress(ProcessLookupError):
        for name in ("server", *rig.processes):
            rig._signal(name, signal.SIGCONT)
