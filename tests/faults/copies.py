"""Copies: a second server that replicates the rig's own over a breakable link, and takes its place."""

import asyncio
from dataclasses import dataclass
from typing import Any

from services.dev.ports import HOST, Ports
from tests.faults.quiet import head_of
from tests.faults.rig import Rig
from tests.faults.scenario import Stage
from tests.faults_proxy import FaultsProxy
from tests.servers import Server
from tests.system.patience import wait_until

SYNCED_SECONDS = 20.0
_OPTIONS = ("--enable-debug-command", "yes", "--replica-read-only", "yes")


@dataclass(slots=True)
class Copied:
    """The rig's ``first`` server, the ``copy`` of it, and the ``link`` between them."""

    rig: Rig
    first: Server
    copy: Server
    link: FaultsProxy
    port: int

    def info(self, of: Server) -> dict[str, Any]:
        """What a server says of its replication."""
        with of.client() as client:
            found: dict[str, Any] = client.info("replication")
        return found

    def is_synced(self) -> bool:
        """Whether the copy has all that the first server has."""
        copy = self.info(self.copy)
        up = copy.get("master_link_status") == "up"
        return up and copy["slave_repl_offset"] >= self.info(self.first)["master_repl_offset"]

    def gets_in_step(self) -> None:
        """Wait until it has. It blocks."""
        wait_until(self.is_synced, SYNCED_SECONDS, lambda: "the copy is not in step")

    async def lags(self) -> None:
        """From now on nothing gets through to the copy, and nobody is told."""
        self.link.black_hole()
        await asyncio.sleep(0)

    async def promoted(self) -> int:
        """The copy is a master by itself; where its log ends. Nobody is sent there yet."""
        await asyncio.to_thread(self.copy.call, "REPLICAOF", "NO", "ONE")
        self.rig.server = self.rig.services.server = self.copy
        return await asyncio.to_thread(head_of, self.rig)

    def sends(self, *names: str) -> None:
        """These reach the copy from now on, on new connections only."""
        address = self.copy.socket
        for name in names or self.everybody():
            link = self.rig.links[name]
            link.target = address
            self.rig.mend(name)

    def everybody(self) -> list[str]:
        """Whoever reaches the server over a link."""
        return [name for name in self.rig.links if name != "model"]


async def copied(stage: Stage, *options: str) -> Copied:
    """Give the rig's server a copy, which has all of it. Both end with the rig."""
    rig, ports = stage.rig, Ports()
    rig.stack.callback(ports.__exit__)
    port, copy_port = ports.own(), ports.own()
    first = rig.server
    assert isinstance(first, Server)
    await asyncio.to_thread(first.call, "CONFIG", "SET", "bind", HOST, "port", port)
    await asyncio.to_thread(first.call, "CONFIG", "SET", "repl-diskless-sync-delay", 0)
    link = await rig.stack.enter_async_context(FaultsProxy((HOST, port), tcp=True))
    assert isinstance(link.address, tuple)
    source = f"{HOST} {link.address[1]}"
    given = (*_OPTIONS, "--replicaof", source, "--port", str(copy_port), *options)
    copy = Server(durable=True, options=given)
    rig.stack.callback(copy.close)
    await asyncio.to_thread(copy.start)
    made = Copied(rig, first, copy, link, copy_port)
    await asyncio.to_thread(made.gets_in_step)
    return made
