"""``POST …/versions?wait=all`` → 201, three replicas, every write on disk before its reply.

Ours are real processes, started as in earnest: one ``promptcast admin`` and three ``promptcast chat``.
The floor is :mod:`tests.bench.prototype`: as many processes that take the same steps and do nothing
else. Each side has a server of its own; one save at a time, from this process.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.bench.caller import Caller
from tests.bench.chatter import CHATS_A_SECOND, chatting
from tests.bench.child import child
from tests.bench.ledger import prompt
from tests.bench.prototype import READERS
from tests.bench.rounds import Measure, take_turns
from tests.bench.row import Bound, Row
from tests.bench.scale import Scale
from tests.bench.server import server
from tests.system.services import KEY, Services

SMALL, LARGE = 2_048, 60_000
REPLICAS = ("chat-1", "chat-2", "chat-3")
JOINING = 50
"""Saves until every replica must have been heard of."""
NAME = "save, 3 replicas, on disk"


@dataclass(slots=True)
class Saver:
    """Saves prompts, each different from the one before."""

    caller: Caller
    ours: bool
    _number: int = 0

    def one(self, size: int) -> float:
        """One save of about so many bytes; ms until its answer was there."""
        self._number += 1
        took = self.caller.call({"template": prompt(self._number, size)})
        if self.ours:
            self.caller.headers["If-Match"] = f'"{self.caller.answer["revision"]}"'
            if self._number > JOINING and not self.is_everywhere:
                raise RuntimeError(f"not everywhere: {self.caller.answer}")
        return took

    @property
    def is_everywhere(self) -> bool:
        """Whether the last save was, by the answer's own word, applied by every replica."""
        spread = self.caller.answer["propagation"]
        return spread["state"] == "converged" and len(spread["replicas"]) == len(REPLICAS)

    def many(self, count: int, size: int) -> Measure:
        """Measures so many saves, one after the other."""

        async def measure() -> Sequence[float]:
            return [self.one(size) for _ in range(count)]

        return measure


async def rows(scale: Scale) -> list[Row]:
    """2 KB; 60 KB; and 2 KB while others chat with our replicas, beside both sides alike."""
    bounds = Bound("ratio", "≤", 2.0), Bound("p99_ratio", "≤", 3.0)
    async with AsyncExitStack() as stack:
        our, ports = await stack.enter_async_context(ours())
        bare = await stack.enter_async_context(floor())

        async def row(name: str, count: int, size: int, *bounds: Bound) -> Row:
            sides = our.many(count, size), bare.many(count, size)
            return Row.of(f"{NAME}, {name}", "ms", await take_turns(*sides, scale.rounds), *bounds)

        small = await row("2 KB", scale.saves, SMALL, *bounds)
        large = await row("60 KB", scale.large_saves, LARGE)
        async with chatting(ports):
            beside = await row(f"2 KB, beside {CHATS_A_SECOND} chats/s", scale.saves, SMALL)
    return [small, large, beside, await _journalled(scale)]


async def _journalled(scale: Scale) -> Row:
    """2 KB, and each save in the admin's journal too before its answer; the floor has none."""
    async with ours(journal=True) as (our, _), floor() as bare:
        sides = our.many(scale.saves, SMALL), bare.many(scale.saves, SMALL)
        measured = await take_turns(*sides, scale.rounds)
    return Row.of(f"{NAME} and in the journal, 2 KB", "ms", measured)


@asynccontextmanager
async def ours(*, journal: bool = False) -> AsyncIterator[tuple[Saver, list[int]]]:
    """Who saves with us, and the ports of our replicas."""
    async with AsyncExitStack() as stack:
        running = stack.enter_context(server(durable=True))
        stub = await stack.enter_async_context(child("chat_peers", "stub"))
        model = f"http://127.0.0.1:{stub.ready}/v1"
        services = Services(running)
        stack.callback(services.close)
        services.open_log()
        replicas = [services.chat(name, model=model, ready=None) for name in REPLICAS]
        kept = {"state_dir": str(services.directory / "admin")} if journal else {}
        admin = services.admin(**kept)
        for replica in replicas:
            replica.until(200, "/readyz")
        ports = [_port(replica.url) for replica in replicas]
        caller = Caller(_port(admin.url), "/api/v1/prompts/system/versions?wait=all")
        stack.callback(caller.close)
        caller.headers |= {"Authorization": f"Bearer {KEY}", "If-None-Match": "*"}
        saver = Saver(caller, ours=True)
        saver.one(SMALL)
        del caller.headers["If-None-Match"]
        while not saver.is_everywhere:  # a replica is ready a moment before the admin hears of it
            saver.one(SMALL)
        yield saver, ports


@asynccontextmanager
async def floor() -> AsyncIterator[Saver]:
    """Who saves with the prototype."""
    async with AsyncExitStack() as stack:
        running = stack.enter_context(server(durable=True))
        words = [("reader", running.url, name) for name in READERS]
        children = [child("prototype", *each) for each in (*words, ("handler", running.url))]
        *_, handler = await asyncio.gather(*map(stack.enter_async_context, children))
        caller = Caller(int(handler.ready), "/save")
        stack.callback(caller.close)
        yield Saver(caller, ours=False)


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port
