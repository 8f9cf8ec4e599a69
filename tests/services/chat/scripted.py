"""A model that does exactly what a test says, however wrong: bytes on a socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

OK_EVENTS = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
USAGE = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "scripted"}


@dataclass
class Call:
    """One request that reached the model, and the way to answer it."""

    headers: dict[str, str]
    body: dict[str, Any]
    writer: asyncio.StreamWriter
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(
        self, status: int, body: object, headers: dict[str, str] | None = None
    ) -> None:
        """A whole answer; ``body`` is bytes, or becomes JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(data)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if "Content-Type" not in (headers or {}):
            lines.append("Content-Type: application/json")
        await self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + data)

    async def chunk(self, data: bytes) -> None:
        """One piece of a chunked body."""
        await self.send(b"%x\r\n%s\r\n" % (len(data), data))

    async def event(self, data: object, end: bytes = b"\n\n") -> None:
        text = data if isinstance(data, bytes) else json.dumps(data).encode()
        await self.chunk(b"data: " + text + end)

    async def say(self, text: str, end: bytes = b"\n\n") -> None:
        await self.event(delta({"content": text}), end)

    async def end(self) -> None:
        await self.send(b"0\r\n\r\n")


def delta(content: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {**HEAD, "choices": [{"index": 0, "delta": content, "finish_reason": finish}]}


def usage_chunk() -> dict[str, Any]:
    return {**HEAD, "choices": [], "usage": USAGE}


def completion(text: str = "Hello.", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "scripted",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": USAGE,
        **more,
    }


async def whole_stream(call: Call, *texts: str, end: bytes = b"\n\n") -> None:
    """A stream as it should be: role, text, reason of the end, usage when asked for, DONE."""
    await call.send(OK_EVENTS)
    await call.event(delta({"role": "assistant", "content": ""}), end)
    for text in texts or ("Hel", "lo."):
        await call.say(text, end)
    await call.event(delta({}, "stop"), end)
    if (call.body.get("stream_options") or {}).get("include_usage"):
        await call.event(usage_chunk(), end)
    await call.event(b"[DONE]", end)
    await call.end()


async def polite(call: Call) -> None:
    """The script of a model that works."""
    if call.body.get("stream"):
        await whole_stream(call)
    else:
        await call.answer(200, completion())


Script = Callable[[Call], Awaitable[None]]


class ScriptedModel:
    """Runs ``script`` for each request. ``calls`` are all that came; ``url`` is where."""

    def __init__(self) -> None:
        self.script: Script = polite
        self.calls: list[Call] = []
        self.connections = 0
        self.url = ""
        self._came = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    async def call(self, number: int = 1) -> Call:
        """Wait for the ``number``-th request."""
        async with asyncio.timeout(10), self._came:
            await self._came.wait_for(lambda: len(self.calls) >= number)
        return self.calls[number - 1]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.CancelledError, ConnectionError):
            pass
        finally:
            self._tasks.discard(task)
            await _closed(writer)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        except asyncio.IncompleteReadError:
            return False
        lines = [line.partition(": ") for line in head.split("\r\n")[1:] if line]
        headers = {name.lower(): value for name, _, value in lines}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        call = Call(headers, json.loads(body) if body else {}, writer)
        async with self._came:
            self.calls.append(call)
            self._came.notify_all()
        script = asyncio.ensure_future(self.script(call))
        eof = asyncio.ensure_future(_eof(reader, call.left))
        try:
            await asyncio.wait((script, eof), return_when=asyncio.FIRST_COMPLETED)
            return script.done() and script.exception() is None and not writer.is_closing()
        finally:
            for task in (script, eof):
                task.cancel()
            ended, _ = await asyncio.gather(script, eof, return_exceptions=True)
            if isinstance(ended, ConnectionError):
                call.left.set()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        async with asyncio.timeout(1):
            await writer.wait_closed()
    except (TimeoutError, ConnectionError):
        writer.transport.abort()


async def _eof(reader: asyncio.StreamReader, left: asyncio.Event) -> None:
    # A look now and then: reading would take the next request away.
    while not reader.at_eof():  # noqa: ASYNC110  the reader has no such event
        await asyncio.sleep(0.002)
    left.set()


@asynccontextmanager
async def scripted_model() -> AsyncIterator[ScriptedModel]:
    model = ScriptedModel()
    server = await asyncio.start_server(model.serve, "127.0.0.1", 0)
    model.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield model
    finally:
        server.close()
        await model.stop()
        await server.wait_closed()
