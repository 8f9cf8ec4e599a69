"""The load: clients that save, restore, add keys and chat all the time, and note what they are told."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count, cycle
from typing import Any

import aiohttp

from tests.faults.history import Change, Chat, Outcome
from tests.faults.plan import Crowd
from tests.faults.rig import PROMPT, Rig
from tests.faults.tries import key_try, restore_try, save_try
from tests.system.chat_port import SHAPES, Malformed

TRIES = 4
STOP_SECONDS = 50.0
WAITED = 0.25
"""How many of the changes wait for the barrier, and for how long (below)."""
BARRIER_SECONDS = 3.0


@dataclass(slots=True)
class Load:
    """The clients of one run, over a rig."""

    rig: Rig
    seed: int
    crowd: Crowd
    run: str
    """In every marker, so that no two runs on one rig share one."""
    versions: list[int] = field(default_factory=list)
    """Acknowledged versions, for those who restore."""
    stopping: bool = False
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self) -> None:
        """Begin."""
        admins = tuple(self.rig.admins)
        for n in range(self.crowd.savers):
            self._client(self._save(f"s{n}", admins[n % len(admins)]))
        for n in range(self.crowd.restorers):
            self._client(self._restore(f"r{n}", admins[(n + 1) % len(admins)]))
        for n in range(self.crowd.keys):
            self._client(self._add_keys(f"k{n}", admins[n % len(admins)]))
        for replica in self.rig.replicas:
            for n in range(self.crowd.users):
                self._client(self._chat(f"u{n}", replica))

    def _client(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def stop(self) -> None:
        """Everybody ends what they have begun; who does not in time is cut off."""
        self.stopping = True
        _, late = await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
        for task in late:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        bugs = [e for e in ended if isinstance(e, Exception)]
        if bugs:
            raise bugs[0]

    def _chance(self, client: str) -> random.Random:
        return random.Random(f"{self.seed}-{client}")

    async def _save(self, client: str, admin: str) -> None:
        chance = self._chance(client)
        for number in count(1):
            marker = f"{self.run}-{client}-{number}"
            wait = BARRIER_SECONDS if chance.random() < WAITED else None
            for _ in range(TRIES):
                made = await save_try(self.rig, admin, client, marker, wait=wait)
                if self._noted(made) == "ok" or chance.random() < 0.3 or self.stopping:
                    break
                await asyncio.sleep(self.crowd.pause)
            if self.stopping:
                return
            await asyncio.sleep(self.crowd.pause * 2 * chance.random())

    async def _restore(self, client: str, admin: str) -> None:
        chance = self._chance(client)
        for number in count(1):
            if self.versions:
                version = chance.choice(self.versions[-20:])
                marker = f"{self.run}-{client}-{number}"
                self._noted(await restore_try(self.rig, admin, client, marker, version))
            if self.stopping:
                return
            await asyncio.sleep(self.crowd.pause * 8 * chance.random())

    async def _add_keys(self, client: str, admin: str) -> None:
        chance = self._chance(client)
        for number in count(1):
            self._noted(await key_try(self.rig, admin, client, f"{self.run}-{client}-{number}"))
            if self.stopping:
                return
            await asyncio.sleep(self.crowd.pause * 40 * chance.random())

    def _noted(self, change: Change) -> Outcome:
        self.rig.history.changes.append(change)
        if change.kind == "save" and change.appended and change.version:
            self.versions.append(change.version)
        return change.outcome

    async def _chat(self, client: str, replica: str) -> None:
        chance = self._chance(f"{client}-{replica}")
        for shape in cycle(SHAPES):
            if self.stopping:
                return
            life, began = self.rig.life(replica), time.monotonic()
            try:
                said = await self.rig.port(replica).ask(PROMPT, shape=shape)
                chat = Chat(
                    f"{client}-{replica}", replica, life, began, time.monotonic(), ok=True,
                    version=said.version, revision=int(said.headers["X-Prompt-Revision"]),
                    text=said.prompt, stale="X-Prompt-Stale" in said.headers,
                )  # fmt: skip
            except (Malformed, aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
                why = f"{shape}: {error!r}"
                ended = time.monotonic()
                chat = Chat(f"{client}-{replica}", replica, life, began, ended, ok=False, why=why)
                await asyncio.sleep(0.05)
            self.rig.history.chats.append(chat)
            await asyncio.sleep(self.crowd.pause * chance.random())


@asynccontextmanager
async def loaded(load: Load) -> AsyncIterator[Load]:
    """The clients are at work as long as the block runs."""
    load.start()
    try:
        yield load
    finally:
        await load.stop()
