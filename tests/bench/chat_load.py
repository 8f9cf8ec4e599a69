"""A load generator that costs little: bare HTTP/1.1 on kept connections, one request at a time."""

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial


@dataclass
class Sample:
    """What one run saw: answers a second, and the seconds that each took."""

    seconds: float
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds


class Load:
    """Asks ``port`` the same thing over ``connections`` connections."""

    def __init__(self, port: int, body: bytes, connections: int) -> None:
        self._port = port
        self._connections = connections
        self._request = (
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        ) + body

    async def run(self, seconds: float) -> Sample:
        """Ask for so long; every answer must be a whole 200."""
        loop = asyncio.get_running_loop()
        latencies: list[float] = []
        ends = time.perf_counter() + seconds
        askers = [_Asker(self._request, ends, latencies) for _ in range(self._connections)]
        for asker in askers:
            await loop.create_connection(partial(_same, asker), "127.0.0.1", self._port)
        began = time.perf_counter()
        async with asyncio.timeout(seconds + 30):
            await asyncio.gather(*(asker.finished for asker in askers))
        return Sample(time.perf_counter() - began, latencies)


class _Asker(asyncio.Protocol):
    def __init__(self, request: bytes, ends: float, latencies: list[float]) -> None:
        self._request = request
        self._ends = ends
        self._latencies = latencies
        self._received = bytearray()
        self._began = 0.0
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not _whole(self._received):
            return
        now = time.perf_counter()
        if not self._received.startswith(b"HTTP/1.1 200"):
            self._end(RuntimeError(bytes(self._received[:300]).decode(errors="replace")))
            return
        self._latencies.append(now - self._began)
        self._received.clear()
        if now < self._ends:
            self._ask()
        else:
            self._end(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.finished.done():
            self.finished.set_exception(error or RuntimeError("the server closed the connection"))

    def _ask(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(self._request)

    def _end(self, error: Exception | None) -> None:
        if error is None:
            self.finished.set_result(None)
        else:
            self.finished.set_exception(error)
        self._transport.close()


def _same(asker: _Asker) -> _Asker:
    return asker


def _whole(received: bytearray) -> bool:
    if received.endswith(b"0\r\n\r\n"):
        return b"chunked" in received[:800]
    head = received.find(b"\r\n\r\n")
    if head < 0:
        return False
    at = received.find(b"Content-Length: ", 0, head)
    if at < 0:
        return False
    length = int(received[at + 16 : received.find(b"\r", at)])
    return len(received) >= head + 4 + length
