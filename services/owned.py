"""Owned tasks: every background task has a name, an owner, and somebody who notices when it dies."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import structlog

from events.errors import LogError, PromptcastError

RETRY_SECONDS = (0.05, 2.0)


@dataclass(slots=True)
class Owned:
    """Tasks that live as long as a service. ``dead`` names those that ended by themselves."""

    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    dead: dict[str, BaseException | None] = field(default_factory=dict)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the first of them has died."""

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` until :meth:`stop`."""
        task = asyncio.create_task(work, name=name)
        self.tasks[name] = task
        task.add_done_callback(self._notice)

    def _notice(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        self.dead[task.get_name()] = error
        self.ended.set()
        trace = None if isinstance(error, PromptcastError) else error  # ours say all in a line
        log = structlog.get_logger()
        log.error("task_died", task=task.get_name(), error=repr(error), exc_info=trace)

    async def stop(self) -> None:
        """Cancel all, and wait until they have ended."""
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


async def persist(
    name: str, work: Callable[[], Awaitable[None]], most: float = RETRY_SECONDS[1]
) -> None:
    """Run ``work``, which never ends by itself, again and again while the log is out of reach; with
    pauses of at most ``most`` seconds."""
    least = RETRY_SECONDS[0]
    pause = least
    while True:
        started = asyncio.get_running_loop().time()
        try:
            await work()
        except LogError as error:
            structlog.get_logger().warning("task_waits", task=name, error=str(error))
        if asyncio.get_running_loop().time() - started > most:
            pause = least
        await asyncio.sleep(random.uniform(pause / 2, pause))
        pause = min(pause * 2, most)


async def first_of(*waits: Coroutine[Any, Any, Any]) -> None:
    """Wait until one of them has ended; the others are cancelled."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
