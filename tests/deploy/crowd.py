"""A crowd that chats through a balancer all the time, in every way, and what became of each question."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import openai

from tests.deploy.house import PROMPT
from tests.system.chat_port import ChatPort, Shape

USERS: tuple[tuple[Shape, int], ...] = (
    ("plain", 6),
    ("chat", 4),
    ("stream", 6),
    ("chat stream", 4),
)
"""How many ask in which shape; two more come with OpenAI's own client."""
SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Failed:
    """A question that was not answered as it should be. ``begun``: its status had come, or more."""

    shape: str
    why: str
    begun: bool
    replica: str

    def __str__(self) -> str:
        return f"{self.shape} by {self.replica or 'nobody'}, begun: {self.begun}: {self.why[:200]}"


@dataclass(slots=True)
class Crowd:
    """Asks until :attr:`over`, and then finishes what it has begun; nobody asks a second time."""

    port: ChatPort
    over: bool = False
    answers: Counter[str] = field(default_factory=Counter)
    """By shape."""
    replicas: Counter[str] = field(default_factory=Counter)
    """By who has answered."""
    failed: list[Failed] = field(default_factory=list)

    async def has_had(self, answers: int) -> bool:
        """Whether it has had so many answers."""
        return self.answers.total() >= answers

    async def ask(self, shape: Shape) -> None:
        """One user."""
        while not self.over:
            replica, begun = "", False
            try:
                if shape.endswith("stream"):
                    async with self.port.streaming(PROMPT, shape) as stream:
                        replica, begun = stream.response.headers["X-Replica"], True
                        await stream.whole()
                else:
                    replica = (await self.port.ask(PROMPT, shape=shape)).replica
                self.had(shape, replica)
            except (aiohttp.ClientError, AssertionError, TimeoutError) as error:
                await self.missed(Failed(shape, repr(error), begun, replica))

    async def ask_by_openai(self, *, stream: bool) -> None:
        """One user with OpenAI's client, which is told not to try again."""
        shape, url = f"openai {'stream' if stream else 'plain'}", f"{self.port.url}/v1"
        async with openai.AsyncOpenAI(
            base_url=url, api_key="unused", max_retries=0, timeout=SECONDS
        ) as client:
            while not self.over:
                begun = False
                try:
                    if stream:
                        async with await self._streamed(client) as answer:
                            begun = True
                            async for _ in answer:
                                pass
                    else:
                        await self._asked(client)
                    self.had(shape, "")
                except (openai.OpenAIError, aiohttp.ClientError, OSError) as error:
                    await self.missed(Failed(shape, repr(error), begun, ""))

    def had(self, shape: str, replica: str) -> None:
        """Note a good answer."""
        self.answers[shape] += 1
        self.replicas[replica] += 1

    async def missed(self, failed: Failed) -> None:
        """Note a bad one, and take a breath: a broken balancer must not fill the memory."""
        self.failed.append(failed)
        await asyncio.sleep(0.05)

    async def _asked(self, client: openai.AsyncOpenAI) -> None:
        answer = await client.chat.completions.create(
            model="demo", messages=[{"role": "user", "content": "Hello"}]
        )
        assert answer.choices[0].message.content

    async def _streamed(
        self, client: openai.AsyncOpenAI
    ) -> "openai.AsyncStream[openai.types.chat.ChatCompletionChunk]":
        return await client.chat.completions.create(
            model="demo", messages=[{"role": "user", "content": "Hello"}], stream=True
        )


@asynccontextmanager
async def chatting(url: str) -> AsyncIterator[Crowd]:
    """A crowd that chats at ``url`` as long as the block runs, each question on its own connection."""
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        crowd = Crowd(ChatPort(session, url))
        tasks = [
            asyncio.create_task(crowd.ask(shape)) for shape, many in USERS for _ in range(many)
        ]
        tasks += [
            asyncio.create_task(crowd.ask_by_openai(stream=stream)) for stream in (False, True)
        ]
        try:
            yield crowd
        finally:
            crowd.over = True
            await asyncio.gather(*tasks)
