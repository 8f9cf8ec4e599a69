"""Real chat services on free ports, over a model that a test scripts."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from openai import AsyncOpenAI
from prometheus_client import CollectorRegistry

from projections.live import LivePrompt
from services.chat.app import DRAIN, build_app, make_runner
from services.chat.drain import Drain
from services.chat.sdk import UpstreamOptions
from services.chat.upstream import Upstream
from services.metrics import ReplicaMetrics
from services.settings import Settings
from tests.services.chat.replicas import FakeReplica, live_prompt
from tests.services.chat.scripted import ScriptedModel, scripted_model


@dataclass
class Service:
    """A running chat service and what it is made of."""

    url: str
    replica: FakeReplica
    registry: CollectorRegistry
    runner: web.AppRunner
    http: aiohttp.ClientSession
    stack: AsyncExitStack
    key: str = "anything"

    @cached_property
    def openai(self) -> AsyncOpenAI:
        """A real client of OpenAI's, pointed here."""
        client = AsyncOpenAI(base_url=f"{self.url}/v1", api_key=self.key, max_retries=0)
        self.stack.push_async_callback(client.close)
        return client

    @property
    def drain(self) -> Drain:
        assert self.runner.app is not None
        return self.runner.app[DRAIN]

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"promptcast_{name}", labels) or 0.0

    def completions(self, *, headers: dict[str, str] | None = None, **body: Any) -> Any:
        """POST to the OpenAI endpoint by hand; use with ``async with``."""
        body.setdefault("messages", [{"role": "user", "content": "Hello?"}])
        return self.http.post("/v1/chat/completions", json=body, headers=headers)

    def chat(self, message: str = "Hello?", **body: Any) -> Any:
        """POST to the simple endpoint."""
        return self.http.post("/chat", json={"message": message, **body})


Serve = Callable[..., Awaitable[Service]]


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with scripted_model() as model:
        yield model


@pytest.fixture
async def serve(model: ScriptedModel) -> AsyncIterator[Serve]:
    """Start a service over ``model``, with these live prompts and settings."""
    async with AsyncExitStack() as stack:

        async def start(*live: LivePrompt, **settings: Any) -> Service:
            settings.setdefault("openai_base_url", model.url)
            registry = CollectorRegistry()
            replica = FakeReplica(*(live or (live_prompt(),)))
            replica.id = settings.get("replica_id", replica.id)
            given = Settings(**settings)
            upstream = Upstream(UpstreamOptions.of(given))
            app = build_app(replica, given, ReplicaMetrics(registry), registry, upstream)
            runner = make_runner(app)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            http = await stack.enter_async_context(aiohttp.ClientSession(url))
            key = settings.get("chat_key", "anything")
            return Service(url, replica, registry, runner, http, stack, key)

        yield start


@pytest.fixture
async def chat(serve: Serve) -> Service:
    """A service with one prompt, ``system`` at version 41."""
    return await serve()
