"""The demo model's HTTP side: ``/v1/chat/completions``, ``/v1/models``, ``/healthz``."""

import asyncio
import itertools
import json
import time
from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from services.demo_model.answer import answer
from services.demo_model.completion import Completion

MODEL: Final = "demo"
MAX_BODY_BYTES: Final = 4 * 1024 * 1024
WORD_SECONDS: Final = 0.015
"""Between two words of a stream, so that one can watch it arrive. Tests take 0."""


class DemoModel:
    """Answers to every model's name and every key. ``pause`` is seconds before each event."""

    def __init__(
        self, *, pause: float = WORD_SECONDS, clock: Callable[[], float] = time.time
    ) -> None:
        self._pause = pause
        self._clock = clock
        self._ids = itertools.count(1)

    def app(self) -> web.Application:
        """The application."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/healthz", self._healthz)
        return app

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        try:
            body = _checked(json.loads(await request.read()))
        except (ValueError, RecursionError) as error:
            return _refused(str(error))
        limit = body.get("max_completion_tokens", body.get("max_tokens"))
        completion = Completion(
            f"chatcmpl-demo-{next(self._ids)}",
            int(self._clock()),
            MODEL,
            answer(body["messages"], limit if isinstance(limit, int) else None),
        )
        if body.get("stream") is True:
            options = body.get("stream_options")
            with_usage = isinstance(options, dict) and options.get("include_usage") is True
            return await self._stream(request, completion, with_usage)
        return web.json_response(completion.whole())

    async def _stream(
        self, request: web.Request, completion: Completion, with_usage: bool
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for event in completion.events(with_usage=with_usage):
            await asyncio.sleep(self._pause)
            await response.write(event)
        await response.write_eof()
        return response

    async def _models(self, _request: web.Request) -> web.Response:
        model = {"id": MODEL, "object": "model", "created": 0, "owned_by": "promptcast"}
        return web.json_response({"object": "list", "data": [model]})

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})


async def start(host: str, port: int, *, pause: float = WORD_SECONDS) -> tuple[web.AppRunner, int]:
    """Serve until the runner is cleaned up, and return the port too: 0 takes any free one."""
    app = DemoModel(pause=pause).app()
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner, int(runner.addresses[0][1])


def _checked(body: Any) -> dict[str, Any]:
    messages = body.get("messages") if isinstance(body, dict) else None
    if not isinstance(messages, list) or not messages:
        raise ValueError("'messages' must be a list with at least one message")
    if not all(isinstance(message, dict) for message in messages):
        raise ValueError("each message must be an object")
    checked: dict[str, Any] = body
    return checked


def _refused(message: str) -> web.Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return web.json_response({"error": error}, status=400)
