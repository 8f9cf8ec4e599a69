"""Chat users who ask all the time, and what became of every question of theirs."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle

import aiohttp

from tests.system.chat_port import SHAPES, ChatPort, Malformed, Said


@dataclass(slots=True)
class Users:
    """Ask one after the other, in every shape. Every answer must be of one version, whole.

    ``template`` must hold the version's number in its first line, as ``You are version 7.``
    """

    port: ChatPort
    prompt: str
    answers: int = 0
    failed: list[str] = field(default_factory=list)
    versions: Counter[int] = field(default_factory=Counter)
    replicas: Counter[str] = field(default_factory=Counter)

    async def ask(self) -> None:
        """Ask until cancelled."""
        for shape in cycle(SHAPES):
            try:
                said = await self.port.ask(self.prompt, shape=shape)
                self._take(said)
            except (Malformed, aiohttp.ClientError, TimeoutError, ValueError) as error:
                self.failed.append(f"{shape}: {error!r}")
                await asyncio.sleep(0.05)

    async def have_had(self, answers: int) -> bool:
        """Whether they have had so many answers."""
        return self.answers >= answers

    def _take(self, said: Said) -> None:
        if said.prompt != f"You are version {said.version}.":
            raise Malformed(f"the headers say {said.version}, the answer {said.prompt!r}")
        self.answers += 1
        self.versions[said.version] += 1
        self.replicas[said.replica] += 1


@asynccontextmanager
async def asking(port: ChatPort, prompt: str, users: int = 8) -> AsyncIterator[Users]:
    """So many users who ask as long as the block runs."""
    all_of_them = Users(port, prompt)
    tasks = [asyncio.create_task(all_of_them.ask()) for _ in range(users)]
    try:
        yield all_of_them
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    bugs = [e for e in ended if e and not isinstance(e, asyncio.CancelledError)]
    assert not bugs, bugs
