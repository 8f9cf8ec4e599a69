"""The chat endpoints as a client sees them, and what an answer says of the prompt behind it."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp

from tests.system.answers import Answer

Shape = Literal["plain", "stream", "chat", "chat stream"]
SHAPES: tuple[Shape, ...] = ("plain", "stream", "chat", "chat stream")
_QUOTED = re.compile(r'^My system prompt begins "(.*?)"\. You said "(.*)"\.$')


class Malformed(AssertionError):
    """An answer with status 200 that is not what OpenAI's API, or ours, promises."""


@dataclass(frozen=True, slots=True)
class Said:
    """A whole answer: the first line of the prompt that the demo model was given, and the headers."""

    prompt: str
    question: str
    headers: Mapping[str, str]

    @property
    def version(self) -> int:
        """The version that the headers name."""
        return int(self.headers["X-Prompt-Version"])

    @property
    def replica(self) -> str:
        """Who answered."""
        return self.headers["X-Replica"]


@dataclass(slots=True)
class Stream:
    """An answer that is coming in."""

    response: aiohttp.ClientResponse
    shape: Shape
    text: str = ""
    events: list[str] = field(default_factory=list)

    async def begin(self) -> None:
        """Read on until there is some text."""
        while not self.text:
            assert await self._next(), "the stream has ended"

    async def whole(self) -> Said:
        """Read on to the end; raises :class:`Malformed` unless it is a good one."""
        while await self._next():
            pass
        last = self.events[-1] if self.events else ""
        if last != ("[DONE]" if self.shape == "stream" else "done"):
            raise Malformed(f"the stream ends with {last[:200]!r}")
        return _said(self.text, self.response.headers)

    async def _next(self) -> bool:
        """Take one line in; False at the end."""
        line = await self.response.content.readline()
        text = line.decode().rstrip("\n")
        if text.startswith("event: "):
            self.events.append(text.removeprefix("event: "))
        elif text.startswith("data: "):
            self._take(text.removeprefix("data: "))
        elif text:
            raise Malformed(f"a line that is none of an event stream: {text[:200]!r}")
        return bool(line)

    def _take(self, data: str) -> None:
        if self.shape == "chat stream":
            self.text += json.loads(data)["text"] if self.events[-1] == "delta" else ""
            return
        self.events.append(data)
        if data != "[DONE]":
            (choice,) = json.loads(data)["choices"]
            self.text += choice["delta"].get("content") or ""


@dataclass(frozen=True, slots=True)
class ChatPort:
    """A replica's own port, or the one that they share."""

    session: aiohttp.ClientSession
    url: str

    async def post(self, shape: Shape, text: str, headers: Mapping[str, str]) -> Answer:
        """One question; the answer as it comes, whatever it is."""
        async with self._asked(shape, text, headers) as response:
            return await Answer.of(response)

    async def ask(
        self, prompt: str = "system", *, shape: Shape = "plain", text: str = "Hello", **headers: Any
    ) -> Said:
        """One question that is answered well; raises :class:`Malformed` otherwise.

        ``min_position=7`` is the header ``X-Prompt-Min-Position: 7``.
        """
        async with self._asked(shape, text, _headers(prompt, headers)) as response:
            if response.status != 200:
                raise Malformed(f"{response.status}: {(await response.read())[:500]!r}")
            if shape.endswith("stream"):
                return await Stream(response, shape).whole()
            return _said(_text(shape, await response.json()), response.headers)

    @asynccontextmanager
    async def streaming(
        self, prompt: str, shape: Shape = "stream", text: str = "Hello"
    ) -> AsyncIterator[Stream]:
        """An answer that has begun to come in."""
        async with self._asked(shape, text, _headers(prompt, {})) as response:
            assert response.status == 200, await response.read()
            stream = Stream(response, shape)
            await stream.begin()
            yield stream

    async def get(self, path: str) -> Answer:
        """``GET path``."""
        async with self.session.get(f"{self.url}{path}") as response:
            return await Answer.of(response)

    async def serves(self) -> dict[str, Any]:
        """What ``GET /prompt`` says."""
        told: dict[str, Any] = (await self.get("/prompt")).expect(200).json
        return told

    def _asked(
        self, shape: Shape, text: str, headers: Mapping[str, str]
    ) -> "aiohttp.client._RequestContextManager":
        path, body = _question(shape, text)
        return self.session.post(f"{self.url}{path}", json=body, headers=headers)


def _headers(prompt: str, more: Mapping[str, Any]) -> dict[str, str]:
    named = {f"X-Prompt-{name.replace('_', '-').title()}": str(of) for name, of in more.items()}
    return {"X-Prompt-Name": prompt, **named}


def _question(shape: Shape, text: str) -> tuple[str, dict[str, Any]]:
    stream = {"stream": True} if shape.endswith("stream") else {}
    if shape.startswith("chat"):
        return "/chat", {"message": text, **stream}
    messages = [{"role": "user", "content": text}]
    return "/v1/chat/completions", {"model": "demo", "messages": messages, **stream}


def _text(shape: Shape, body: dict[str, Any]) -> str:
    if shape == "chat":
        return str(body["reply"])
    (choice,) = body["choices"]
    return str(choice["message"]["content"])


def _said(text: str, headers: Mapping[str, str]) -> Said:
    found = _QUOTED.match(text)
    if not found:
        raise Malformed(f"not what the demo model says: {text[:300]!r}")
    return Said(found[1], found[2], headers)
