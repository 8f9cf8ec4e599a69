"""A proxy that breaks connections on purpose: it stands between a client and a server.

Each chunk of bytes runs through a fault: ``to_server`` for what the client says, ``to_client`` for what
the server answers. A fault passes the bytes on, changes them, swallows them, holds them back, or cuts
the connection. Faults may be exchanged at any time.
"""

import asyncio
import contextlib
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

Address = Path | tuple[str, int]
"""A Unix socket, or a host and a port."""
CHUNK = 1 << 20


class Cut(Exception):
    """Raised by a fault: pass ``last`` on, then cut the connection on both sides."""

    def __init__(self, last: bytes = b"") -> None:
        super().__init__(last)
        self.last = last


@dataclass(slots=True)
class Pair:
    """A client's connection and the one to the server behind it."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    asked: bytes = b""
    """What the client said last."""

    def close(self) -> None:
        """Cut both."""
        self.client.close()
        self.server.close()


Fault = Callable[[bytes, Pair], Awaitable[bytes]]


async def passes(data: bytes, pair: Pair) -> bytes:
    """No fault."""
    return data


async def eaten(data: bytes, pair: Pair) -> bytes:
    """The bytes vanish; the connection stays up. Both ways: a black hole."""
    return b""


def cut_after(share: float) -> Fault:
    """The connection is cut when this share of the bytes has passed: 0 before them, 1 behind them."""

    async def fault(data: bytes, pair: Pair) -> bytes:
        raise Cut(data[: int(len(data) * share)])

    return fault


def late(seconds: float) -> Fault:
    """The bytes arrive late, and in order."""

    async def fault(data: bytes, pair: Pair) -> bytes:
        await asyncio.sleep(seconds)
        return data

    return fault


def held(release: asyncio.Event) -> Fault:
    """The bytes wait until ``release`` is set; then they pass, even if the other side has gone."""

    async def fault(data: bytes, pair: Pair) -> bytes:
        await release.wait()
        return data

    return fault


def on(word: bytes, fault: Fault, times: int | None = None) -> Fault:
    """``fault`` where the client's last words hold ``word``; so many times, or always."""
    left = times

    async def picked(data: bytes, pair: Pair) -> bytes:
        nonlocal left
        if word not in pair.asked or left == 0:
            return data
        if left is not None:
            left -= 1
        return await fault(data, pair)

    return picked


@dataclass(slots=True)
class FaultsProxy:
    """An async context manager; listens on a Unix socket of its own, or on a free port of loopback."""

    target: Address
    tcp: bool = False
    to_server: Fault = passes
    to_client: Fault = passes
    accepted: int = 0
    """Connections so far."""
    asked: int = 0
    """Chunks that clients have sent so far, whatever became of them."""
    _pairs: dict[int, Pair] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _listener: asyncio.Server | None = None
    _directory: tempfile.TemporaryDirectory[str] | None = None

    async def __aenter__(self) -> "FaultsProxy":
        if self.tcp:
            self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        else:
            self._directory = tempfile.TemporaryDirectory(prefix="pc-")
            path = Path(self._directory.name) / "p"
            self._listener = await asyncio.start_unix_server(self._accept, path)
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._listener is not None
        self._listener.close()
        await asyncio.sleep(0)  # who was just accepted has a task now
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.cut_all()
        if self._directory:
            self._directory.cleanup()

    @property
    def address(self) -> Address:
        """Where it listens."""
        assert self._listener is not None
        name = self._listener.sockets[0].getsockname()
        return (name[0], name[1]) if self.tcp else Path(name)

    @property
    def url(self) -> str:
        """The same, as Redis clients write it."""
        at = self.address
        return f"unix://{at}" if isinstance(at, Path) else f"redis://{at[0]}:{at[1]}"

    @property
    def open_pairs(self) -> int:
        """Connections that stand now."""
        return len(self._pairs)

    @property
    def faulty(self) -> bool:
        """Whether there is a fault in either direction."""
        return not (self.to_server is self.to_client is passes)

    def heal(self) -> None:
        """No faults from now on."""
        self.to_server = self.to_client = passes

    def black_hole(self) -> None:
        """Nothing passes in either direction, and nobody is told."""
        self.to_server = self.to_client = eaten

    def cut_all(self) -> None:
        """Cut every connection that stands."""
        for pair in self._pairs.values():
            pair.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.accepted += 1
        try:
            behind, ahead = await _connect(self.target)
            await self._stand_between(reader, behind, Pair(writer, ahead))
        except (OSError, asyncio.CancelledError):
            pass  # nobody is there, or the proxy is closing: no error of the test's
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _stand_between(
        self, client: asyncio.StreamReader, server: asyncio.StreamReader, pair: Pair
    ) -> None:
        self._pairs[id(pair)] = pair
        try:
            await asyncio.gather(self._pump_up(client, pair), self._pump_down(server, pair))
        finally:
            pair.close()
            del self._pairs[id(pair)]

    async def _pump_up(self, reader: asyncio.StreamReader, pair: Pair) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                pair.asked = data
                self.asked += 1
                await _pass_on(self.to_server, data, pair, pair.server)
        pair.close()

    async def _pump_down(self, reader: asyncio.StreamReader, pair: Pair) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await _pass_on(self.to_client, data, pair, pair.client)
        pair.close()


async def _connect(target: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if isinstance(target, Path):
        return await asyncio.open_unix_connection(target)
    return await asyncio.open_connection(*target)


async def _pass_on(fault: Fault, data: bytes, pair: Pair, to: asyncio.StreamWriter) -> None:
    try:
        to.write(await fault(data, pair))
        await to.drain()
    except Cut as end:
        to.write(end.last)
        with contextlib.suppress(OSError):
            await to.drain()
        pair.close()
