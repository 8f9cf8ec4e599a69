"""Stand-ins for services: they do what a test tells them, and note what they were asked."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web
from multidict import CIMultiDict

Act = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came to a stand-in."""

    by: str
    """Which stand-in it came to."""
    method: str
    path: str
    headers: CIMultiDict[str]
    body: bytes


async def answers(request: web.Request) -> web.StreamResponse:
    """200, with the name of who answers."""
    return web.json_response({"by": request.app[NAME]})


async def drops(request: web.Request) -> web.StreamResponse:
    """Dies before the first byte of an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def begins_and_drops(request: web.Request) -> web.StreamResponse:
    """Dies after the first event of a stream."""
    response = await _stream(request)
    await asyncio.sleep(0)  # the event is on its way before the connection ends
    assert request.transport is not None
    request.transport.abort()
    return response


def says(status: int) -> Act:
    """Refuses with this status."""

    async def act(_request: web.Request) -> web.StreamResponse:
        return web.json_response({"error": {"code": "refused"}}, status=status)

    return act


def streams(*steps: asyncio.Event) -> Act:
    """Makes the first event of a stream, and each other one not before it is told to go on."""

    async def act(request: web.Request) -> web.StreamResponse:
        response = await _stream(request)
        for step in steps:
            await step.wait()
            last = step is steps[-1]
            await response.write(b"data: [DONE]\n\n" if last else b"data: next\n\n")
        await response.write_eof()
        return response

    return act


def thinks(left: asyncio.Event) -> Act:
    """Does not answer; ``left`` is set when its client gives up."""

    async def act(_request: web.Request) -> web.StreamResponse:
        try:
            await asyncio.Event().wait()
        finally:
            left.set()
        raise AssertionError

    return act


async def _stream(request: web.Request) -> web.StreamResponse:
    headers = {"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    await response.write(b"data: first\n\n")
    return response


NAME: web.AppKey[str] = web.AppKey("name", str)


@dataclass(slots=True)
class StandIns:
    """Some services of one kind. ``script`` says what those who are asked next do, whoever they are; who
    finds it empty answers. Checks of their health are answered by ``healthy``, and not noted."""

    names: tuple[str, ...]
    urls: list[str] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    script: deque[Act] = field(default_factory=deque)
    healthy: dict[str, int] = field(default_factory=dict)
    """The status of ``/readyz`` by name; 200 unless it is said."""
    _runners: list[web.AppRunner] = field(default_factory=list)

    def told(self, *script: Act) -> "StandIns":
        """Begin anew, with this script."""
        self.asked.clear()
        self.healthy.clear()
        self.script = deque(script)
        return self

    async def __aenter__(self) -> "StandIns":
        for name in self.names:
            app = web.Application()
            app[NAME] = name
            app.router.add_route("*", "/{path:.*}", self._handle)
            runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
            await runner.setup()
            self._runners.append(runner)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.urls.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        return self

    async def __aexit__(self, *_why: object) -> None:
        for runner in self._runners:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        name = request.app[NAME]
        if request.path == "/readyz":
            return web.Response(status=self.healthy.get(name, 200))
        if request.path == "/healthz":
            return web.Response()
        body = await request.read()
        path = request.raw_path
        self.asked.append(Asked(name, request.method, path, request.headers.copy(), body))
        return await (self.script.popleft() if self.script else answers)(request)
