"""Both services behind front doors whose deadlines a test sets, and connections that misbehave."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from services.admin import app as admin_app
from services.chat import app as chat_app
from services.chat.sdk import UpstreamOptions
from services.chat.upstream import Upstream
from services.front_door.door import FrontDoor
from services.front_door.limits import Limits
from services.front_door.runner import FRONT_DOOR
from services.metrics import ReplicaMetrics
from services.settings import Settings
from tests.services.admin.stage import KEY, PROMPTS, in_memory
from tests.services.chat.replicas import FakeReplica, live_prompt

Name = Literal["chat", "admin"]
QUICK = Limits(head=0.25, idle=30.0, leftover=0.5, stalled=0.4, look=0.02)
"""Short where a test waits for it, long where nothing may be cut meanwhile."""
HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass
class House:
    """A running service."""

    name: Name
    host: str
    port: int
    runner: web.AppRunner
    registry: CollectorRegistry

    @property
    def door(self) -> FrontDoor:
        return self.runner.app[FRONT_DOOR]

    def refused(self, reason: str) -> float:
        """How many connections were closed, for this reason."""
        service = "" if self.name == "chat" else "admin_"
        for prefix in (f"promptcast_{service}", "promptcast_"):
            name = f"{prefix}connections_refused_total"
            if (count := self.registry.get_sample_value(name, {"reason": reason})) is not None:
                return count
        return 0.0

    def posting(self, *headers: str) -> bytes:
        """The head of a request with a JSON body that this service lets in and reads."""
        path = "/chat" if self.name == "chat" else f"{PROMPTS}/system/versions"
        lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json"]
        lines += [f"Authorization: Bearer {KEY}", "If-None-Match: *", *headers]
        return "\r\n".join(lines).encode() + b"\r\n\r\n"

    @asynccontextmanager
    async def visit(self) -> AsyncIterator["Visitor"]:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            yield Visitor(reader, writer)
        finally:
            writer.transport.abort()

    async def answers(self) -> bool:
        """Whether an honest request is answered."""
        async with self.visit() as honest:
            return await honest.ask(HEALTHZ) == 200


@dataclass
class Visitor:
    """One connection, by hand."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def ask(self, data: bytes) -> int:
        self.send(data)
        return await self.status()

    async def status(self) -> int:
        """The status of the next answer, which is read to its end."""
        async with asyncio.timeout(10):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            lengths = [
                int(line.partition(":")[2])
                for line in head.lower().split("\r\n")
                if line.startswith("content-length:")
            ]
            await self.reader.readexactly(lengths[0] if lengths else 0)
        return int(head.split()[1])

    async def closed(self, seconds: float = 10.0) -> bytes:
        """What still came until the other side closed."""
        rest = b""
        try:
            async with asyncio.timeout(seconds):
                while block := await self.reader.read(65536):
                    rest += block
        except ConnectionError:
            pass
        return rest


@contextmanager
def limited(limits: Limits, per_address: int | None = None) -> Iterator[None]:
    """Let services that are built meanwhile have other limits."""

    def door(by_setting: int, refused: Any) -> FrontDoor:
        return FrontDoor(per_address or by_setting, refused, limits)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(admin_app, "FrontDoor", door)
        patch.setattr(chat_app, "FrontDoor", door)
        yield


@asynccontextmanager
async def chat_house(model_url: str, **settings: Any) -> AsyncIterator[House]:
    given, registry = Settings(openai_base_url=model_url, **settings), CollectorRegistry()
    upstream = Upstream(UpstreamOptions.of(given))
    metrics = ReplicaMetrics(registry)
    app = chat_app.build_app(FakeReplica(live_prompt()), given, metrics, registry, upstream)
    runner = chat_app.make_runner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    try:
        yield House("chat", host, port, runner, registry)
    finally:
        await runner.cleanup()


@asynccontextmanager
async def admin_house() -> AsyncIterator[House]:
    async with in_memory() as stage:
        runner = stage.client.server.runner
        assert isinstance(runner, web.AppRunner)
        host, port = runner.addresses[0]
        yield House("admin", host, port, runner, stage.registry)
