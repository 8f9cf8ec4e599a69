"""A replica crashes under load behind HAProxy, again and again: some requests are just connecting."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from services.dev.ports import HOST, Ports
from tests.deploy.balancer import HAProxy
from tests.system.process import Process

pytestmark = [pytest.mark.deploy, pytest.mark.asyncio]

USERS = 24
CRASHES = 8


@dataclass(slots=True)
class Users:
    """They ask one question after the other until it is :attr:`over`, half of them on one connection."""

    url: str
    over: bool = False
    answers: int = 0
    failed: list[str] = field(default_factory=list)

    async def ask(self, *, again: bool) -> None:
        connector = aiohttp.TCPConnector(force_close=not again)
        timeout = aiohttp.ClientTimeout(total=20)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:
            while not self.over:
                try:
                    async with http.post(f"{self.url}/chat", json={}) as answer:
                        assert answer.status == 200, await answer.text()
                        await answer.read()
                    self.answers += 1
                except (aiohttp.ClientError, AssertionError, TimeoutError) as error:
                    self.failed.append(repr(error))
                    await asyncio.sleep(0.05)


@asynccontextmanager
async def asking(url: str) -> AsyncIterator[Users]:
    users = Users(url)
    tasks = [asyncio.create_task(users.ask(again=n % 2 == 0)) for n in range(USERS)]
    try:
        yield users
    finally:
        users.over = True
        await asyncio.gather(*tasks)


class Mortals:
    """Three replicas that only answer, each a process (:mod:`tests.deploy.mortal`)."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._stack = directory, ExitStack()
        ports = self._stack.enter_context(Ports())
        self._ports = {f"chat-{n + 1}": ports.own() for n in range(3)}
        self._running: dict[str, Process] = {}

    @property
    def urls(self) -> list[str]:
        return [f"http://{HOST}:{port}" for port in self._ports.values()]

    def start(self, name: str) -> None:
        argv = [sys.executable, "-m", "tests.deploy.mortal", str(self._ports[name])]
        self._running[name] = Process(argv, {}, self._directory / name)

    def kill(self, name: str) -> None:
        self._running[name].kill()

    def __enter__(self) -> "Mortals":
        for name in self._ports:
            self.start(name)
        return self

    def __exit__(self, *_why: object) -> None:
        for process in self._running.values():
            process.kill()
        self._stack.close()


async def test_no_crash_fails_a_request_that_was_connecting_or_waiting(tmp_path: Path) -> None:
    """With `on-marked-down shutdown-sessions` in place of `give-up.lua` some of these crashes do."""
    with Mortals(tmp_path) as mortals, HAProxy(mortals.urls) as haproxy:
        for name in ("chat-1", "chat-2", "chat-3"):
            await asyncio.to_thread(haproxy.becomes, name, "UP")
        async with asking(haproxy.chat) as users:
            for _ in range(CRASHES):
                before = users.answers
                mortals.kill("chat-2")
                await asyncio.to_thread(haproxy.becomes, "chat-2", "DOWN")
                mortals.start("chat-2")
                await asyncio.to_thread(haproxy.becomes, "chat-2", "UP")
                assert users.answers > before
        assert users.failed == []
