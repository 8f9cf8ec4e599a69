"""The processes of the chat bench: stub, floor and ours. Each prints its port and serves."""

import argparse
import asyncio
import json

from aiohttp import web

CHUNKS = 20
PROMPT = "You are the assistant of a shop that sells bicycles.\n" + "Be brief, be kind. " * 105
"""About 2 KB."""


class Stub(asyncio.Protocol):
    """A model that answers at once: 500 bytes, or 20 chunks, each in a write of its own."""

    def __init__(self) -> None:
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._received.lower().find(b"content-length: ")
        length = int(self._received[at + 16 : self._received.find(b"\r", at)])
        if len(self._received) < head + 4 + length:
            return
        stream = b'"stream":true' in self._received or b'"stream": true' in self._received
        self._received.clear()
        if stream:
            self._next(0)
        else:
            self._transport.write(_PLAIN)

    def _next(self, index: int) -> None:
        self._transport.write(_STREAM[index])
        if index + 1 < len(_STREAM):
            asyncio.get_running_loop().call_soon(self._next, index + 1)


def _chunk(choices: list[object], usage: object = None) -> bytes:
    chunk = {
        "id": "chatcmpl-stub",
        "object": "chat.completion.chunk",
        "created": 1767225600,
        "model": "stub",
        "choices": choices,
        "usage": usage,
    }
    event = b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(event), event)


def _delta(delta: dict[str, str], finish: str | None = None) -> bytes:
    return _chunk([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}])


_USAGE = {"prompt_tokens": 420, "completion_tokens": 20, "total_tokens": 440}
_ANSWER = json.dumps(
    {
        "id": "chatcmpl-stub",
        "object": "chat.completion",
        "created": 1767225600,
        "model": "stub",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "word " * CHUNKS, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": _USAGE,
    }
).encode()
_PLAIN = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    % len(_ANSWER)
) + _ANSWER
_STREAM = [
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    + _delta({"role": "assistant", "content": ""}),
    *(_delta({"content": f" word{number}"}) for number in range(CHUNKS)),
    _delta({}, "stop"),
    _chunk([], _USAGE),
    b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n",
]


def floor_app(upstream: int) -> web.Application:
    """The SDK relaying bytes, and nothing else."""
    from openai import AsyncOpenAI, DefaultAioHttpClient

    client = AsyncOpenAI(
        api_key="bench",
        base_url=f"http://127.0.0.1:{upstream}/v1",
        max_retries=0,
        http_client=DefaultAioHttpClient(),
    )

    async def relay(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        call = client.chat.completions.with_streaming_response.create(**body)
        async with call as answer:
            if not body.get("stream"):
                return web.Response(body=await answer.read(), content_type="application/json")
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            async for block in answer.iter_bytes():
                await response.write(block)
            await response.write_eof()
            return response

    app = web.Application()
    app.router.add_post("/v1/chat/completions", relay)
    return app


def our_app(upstream: int) -> web.Application:
    """The chat service as a replica runs it, but for the follower."""
    from prometheus_client import CollectorRegistry

    from services.chat.app import build_app
    from services.chat.sdk import UpstreamOptions
    from services.chat.upstream import Upstream
    from services.logs import configure
    from services.metrics import ReplicaMetrics
    from services.settings import Settings
    from tests.services.chat.replicas import FakeReplica, live_prompt

    configure("info", "json")
    settings = Settings(openai_base_url=f"http://127.0.0.1:{upstream}/v1")
    registry = CollectorRegistry()
    replica = FakeReplica(live_prompt(PROMPT))
    return build_app(
        replica,
        settings,
        ReplicaMetrics(registry),
        registry,
        Upstream(UpstreamOptions.of(settings)),
    )


async def serve(kind: str, upstream: int) -> None:
    """Print the port, then serve until the process is ended."""
    if kind == "stub":
        server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()
    if kind == "floor":
        runner = web.AppRunner(floor_app(upstream), access_log=None)
    else:
        from services.chat.app import make_runner

        runner = make_runner(our_app(upstream))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("stub", "floor", "ours"))
    parser.add_argument("--upstream", type=int, default=0)
    options = parser.parse_args()
    asyncio.run(serve(options.kind, options.upstream))
