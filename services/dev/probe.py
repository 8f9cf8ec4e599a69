"""Is it answering? One question and one answer over a fresh connection, with a deadline.

Written on bare streams: the supervisor asks every second, and from the first milliseconds on, when
importing an HTTP client would take the processor from the children that are starting.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

Probe = Callable[[], Awaitable[bool]]
"""Asks a child something; False when it says no, or nothing in time. Never raises."""

DEADLINE = 1.0
_MAX_ANSWER = 1024 * 1024


def http_ok(port: int, path: str) -> Probe:
    """Whether ``GET path`` on the loopback port is answered with 200."""

    async def probe() -> bool:
        status, _ = await get(port, path)
        return status == 200

    return probe


def pings(socket: Path) -> Probe:
    """Whether the Redis-protocol server on a Unix socket answers PING, and is done loading."""

    async def probe() -> bool:
        return (await _ping(socket)).startswith(b"+PONG")

    return probe


def breathes(socket: Path) -> Probe:
    """Whether that server says anything at all: while it loads its data it answers ``-LOADING``."""

    async def probe() -> bool:
        return bool(await _ping(socket))

    return probe


async def get(
    port: int, path: str, headers: Mapping[str, str] | None = None, deadline: float = DEADLINE
) -> tuple[int, bytes]:
    """Status and body of a GET on loopback; status 0 when there was no whole answer in time."""
    return await call("GET", port, path, headers, deadline)


async def call(
    method: str,
    port: int,
    path: str,
    headers: Mapping[str, str] | None = None,
    deadline: float = DEADLINE,
) -> tuple[int, bytes]:
    """The same for any method, without a body."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close"]
    lines += ["Content-Length: 0"] if method != "GET" else []
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    question = "\r\n".join([*lines, "", ""]).encode()
    try:
        async with asyncio.timeout(deadline):
            streams = await asyncio.open_connection("127.0.0.1", port)
            answer = await _ask(streams, question)
    except (OSError, TimeoutError):
        return 0, b""
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(None, 2)
    return (int(words[1]), body) if len(words) > 1 and words[1].isdigit() else (0, b"")


def parsed(body: bytes) -> Any:
    """``body`` as JSON, or None when it is none."""
    try:
        return json.loads(body)
    except ValueError:
        return None


async def _ping(socket: Path) -> bytes:
    try:
        async with asyncio.timeout(DEADLINE):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                writer.write(b"PING\r\n")
                return await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return b""


async def _ask(
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], question: bytes
) -> bytes:
    reader, writer = streams
    try:
        writer.write(question)
        answer = bytearray()
        while len(answer) < _MAX_ANSWER and (chunk := await reader.read(65536)):
            answer += chunk
        return bytes(answer)
    finally:
        writer.close()
