"""Prompts are tried on a stage, with real chat services as replicas, over a model that a test scripts."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from projections.reports import Report, Status
from services.admin.trying.asking import Asking
from services.admin.trying.drafting import Drafting
from services.admin.trying.trials import MOST_AT_A_TIME, TRIALS
from services.settings import Settings
from tests.services.admin.stage import PROMPTS, Stage
from tests.services.chat.conftest import model, serve
from tests.waiting import until

__all__ = ["model", "serve"]  # fixtures of the chat service's, here too

REPLY = {
    "reply": "Hello.",
    "prompt": {"name": "system", "branch": "main", "version": 1, "revision": 2},
    "replica": "chat-1",
    "model": "m",
    "usage": {"total_tokens": 3},
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Scene:
    """A stage whose members are where a test says they are."""

    stage: Stage

    def use_model(self, url: str, **settings: Any) -> None:
        """Where drafts are asked."""
        self._trials._drafting = Drafting(Settings(openai_base_url=url, **settings), MOST_AT_A_TIME)

    async def use_key(self, key: str | None = None, seconds: float = 10.0) -> None:
        """Which chat key the admin service has, and how long it waits."""
        await self._trials._asking.close()
        self._trials._asking = Asking(key, seconds)

    @property
    def _trials(self) -> Any:
        return self.stage.client.app[TRIALS]

    async def member(self, replica: str, url: str | None, position: int = 100, **more: Any) -> None:
        """Let a replica say where it is."""
        self.stage.sequence += 1
        status = Status(started_at=1, head_position=position, url=url, **more)
        report = Report(
            replica=replica, instance="run-1", sequence=self.stage.sequence, position=position,
            hash="a" * 64, state=more.pop("state", "current"), status=status,
        )  # fmt: skip
        await self.stage.publish(report)
        await until(lambda: (m := self.stage.members.get(replica)) and m.report == report)

    async def ask(self, status: int = 200, prompt: str = "system", **body: Any) -> Any:
        """The body of the answer to a trial, which has this status."""
        body.setdefault("message", "Hello?")
        response = await self.stage.call("POST", f"{PROMPTS}/{prompt}/try", json=body)
        assert response.status == status, await response.text()
        return await response.json(content_type=None)

    async def rows(self, **body: Any) -> list[dict[str, Any]]:
        answers: list[dict[str, Any]] = (await self.ask(**body))["answers"]
        return answers

    async def row(self, **body: Any) -> dict[str, Any]:
        (row,) = await self.rows(**body)
        return row

    async def problem(self, **body: Any) -> str:
        """The code of the problem in the one row."""
        row = await self.row(**body)
        assert row["problem"], row
        assert row["problem"]["detail"]
        assert (row["reply"], row["cut"], row["model"], row["usage"]) == (None, False, None, None)
        return str(row["problem"]["code"])


@pytest.fixture
async def scene(stage: Stage) -> Scene:
    """One prompt, at version 1 and revision 2, and no member."""
    await stage.saved("You are kind.")
    return Scene(stage)


@dataclass
class FakeReplica:
    """A server that answers as a test says; ``requests`` are all that came."""

    url: str = ""
    answer: Any = field(default_factory=lambda: dict(REPLY))
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    handler: Handler | None = None
    requests: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        sent = json.loads(await request.read() or b"null")
        self.requests.append((request.path, dict(request.headers), sent))
        if self.handler:
            return await self.handler(request)
        body = self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()
        return web.Response(body=body, status=self.status, headers=self.headers)


@pytest.fixture
async def fakes() -> AsyncIterator[Callable[[], Awaitable[FakeReplica]]]:
    """Starts servers that are not what they seem to be."""
    async with AsyncExitStack() as stack:

        async def start() -> FakeReplica:
            fake, app = FakeReplica(), web.Application()
            app.router.add_route("*", "/{any:.*}", fake.handle)
            runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            return fake

        yield start


@pytest.fixture
async def fake(scene: Scene, fakes: Any) -> FakeReplica:
    """One such server, which is the only member, ``chat-1``."""
    made: FakeReplica = await fakes()
    await scene.member("chat-1", made.url)
    return made
