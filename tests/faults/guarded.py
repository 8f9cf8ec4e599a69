"""A server under Sentinel: a master, its replica and three sentinels; all but they reach it by proxies.

Each server announces its proxy's address: so what the sentinels name, and what the replica follows, is
the proxy, and replication can be cut off while everything else still gets through.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import redis

from services.dev.ports import HOST, Ports
from tests.faults_proxy import FaultsProxy, eaten, on
from tests.sentinel import NAME, Node
from tests.servers import Server
from tests.system.patience import wait_until

DOWN_AFTER_MS = 1000
PROMOTED_SECONDS = 25.0
_SERVER = (
    "appendonly yes", "appendfsync always", "aof-load-truncated no", 'save ""',
    "maxmemory-policy noeviction", "repl-diskless-sync yes", "repl-diskless-sync-delay 0",
    "repl-ping-replica-period 1", "enable-debug-command local", f"replica-announce-ip {HOST}",
)  # fmt: skip


class Guarded(Server):
    """As a server: whichever of ``nodes`` is the master. ``ways`` are their proxies, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes: list[Node] = []
        self.ways: list[FaultsProxy] = []
        self.sentinels: list[Node] = []
        self.master = 0

    @property
    def url(self) -> str:
        """Of the master itself, past its proxy."""
        return self.nodes[self.master].url

    @property
    def sentinel_url(self) -> str:
        """As the services are given it."""
        return f"redis+sentinel://{','.join(each.address for each in self.sentinels)}/{NAME}"

    @property
    def pid(self) -> int:
        """Of the master."""
        return self.nodes[self.master].pid

    def start(self, *options: str) -> None:
        """Start the master again; it takes no options."""
        assert not options
        self.nodes[self.master].start()

    def client(self) -> redis.Redis:
        """A plain client of the master."""
        return self.nodes[self.master].client()

    def kill(self) -> None:
        """``kill -9`` of the master."""
        self.nodes[self.master].kill()

    def stop(self) -> None:
        """SIGSTOP of the master."""
        self.nodes[self.master].stop()

    def go_on(self) -> None:
        """SIGCONT of the master."""
        self.nodes[self.master].go_on()

    def cut_replication(self) -> None:
        """From now on nothing gets through to the replica, and nobody is told."""
        self.ways[self.master].to_client = on(b"REPLCONF", eaten)

    def wait_promoted(self) -> None:
        """Wait until the other one is the master, by its own word and the sentinels'. It blocks."""
        other = 1 - self.master
        port = _port(self.ways[other])
        wait_until(
            lambda: (
                self.nodes[other].role == "master" and set(map(_named, self.sentinels)) == {port}
            ),
            PROMOTED_SECONDS,
            self.sentinels[0].said,
        )
        self.master = other

    async def build(self, stack: AsyncExitStack) -> None:
        """Start all of it."""
        ports = Ports()
        stack.callback(ports.__exit__)
        own = [ports.own() for _ in range(5)]
        for port in own[:2]:
            way = FaultsProxy((HOST, port), tcp=True)
            self.ways.append(await stack.enter_async_context(way))
        first, second = (_port(way) for way in self.ways)
        follows = f"replicaof {HOST} {first}"
        self.nodes = [
            Node(own[0], (*_SERVER, f"replica-announce-port {first}")),
            Node(own[1], (*_SERVER, f"replica-announce-port {second}", follows)),
        ]
        watching = (
            f"sentinel monitor {NAME} {HOST} {first} 2",
            f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {NAME} 3000",
        )
        self.sentinels = [Node(port, watching, is_sentinel=True) for port in own[2:]]
        for node in (*self.nodes, *self.sentinels):
            stack.callback(node.close)
            await asyncio.to_thread(node.start)
        await asyncio.to_thread(wait_until, self._is_whole, PROMOTED_SECONDS, self._said)

    def _is_whole(self) -> bool:
        return all(_knows(sentinel) for sentinel in self.sentinels)

    def _said(self) -> str:
        return "\n".join(node.said() for node in (*self.nodes, *self.sentinels))


def _port(way: FaultsProxy) -> int:
    assert isinstance(way.address, tuple)
    return way.address[1]


def _named(sentinel: Node) -> int:
    with contextlib.suppress(redis.RedisError, OSError):
        return int(sentinel.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)[1])
    return 0


def _knows(sentinel: Node) -> bool:
    found = [word.decode() for word in sentinel.call("SENTINEL", "MASTER", NAME)]
    known = dict(zip(found[::2], found[1::2], strict=True))
    return (known["num-other-sentinels"], known["num-slaves"]) == ("2", "1")


@asynccontextmanager
async def guarded() -> AsyncIterator[Guarded]:
    """All of it runs as long as the block does."""
    async with AsyncExitStack() as stack:
        server = Guarded()
        stack.callback(server.close)
        await server.build(stack)
        yield server
