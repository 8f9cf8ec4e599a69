"""The way to the model: one question, and an answer whose bytes are handed on as they come."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Final

from services.chat.errors import ChatError
from services.chat.sdk import Sdk, UpstreamOptions
from services.chat.upstream_errors import from_exception

if TYPE_CHECKING:
    from openai import AsyncAPIResponse

MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
SETTLE_SECONDS: Final = 1.0


class Answer:
    """An upstream answer whose head has come, with status 200. Iterate over it for its bytes."""

    def __init__(
        self,
        response: "AsyncAPIResponse[Any]",
        failures: tuple[type[Exception], ...],
        ends: float,
        clock: Callable[[], float],
    ) -> None:
        self._response = response
        self._bytes = response.iter_bytes()
        self._failures = failures
        self._ends = ends
        self._clock = clock

    def must_be_events(self) -> None:
        """Raise :class:`ChatError` unless the body is a stream of events, as it was asked for."""
        kind = self._response.headers.get("content-type", "")
        if not kind.startswith("text/event-stream"):
            raise ChatError("upstream_error", "the model did not stream its answer")

    def __aiter__(self) -> "Answer":
        """Iterate over the body's bytes as they arrive."""
        return self

    async def __anext__(self) -> bytes:
        """The next bytes. Raises :class:`ChatError` when they cease to come before the end."""
        try:
            block = await anext(self._bytes)
        except self._failures as error:
            raise from_exception(error) from error
        if self._clock() > self._ends:
            raise ChatError("upstream_timeout", "the model's answer takes too long")
        return block

    async def settle(self) -> None:
        """Read on to the end, which is due, so that the connection can be used again."""
        with contextlib.suppress(*self._failures, TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                async for _ in self._bytes:
                    pass

    async def read(self) -> bytes:
        """The whole body, at most 16 MiB; raises as iterating does."""
        body = bytearray()
        async for block in self:
            body += block
            if len(body) > MAX_ANSWER_BYTES:
                raise ChatError("upstream_error", "the model's answer is too large")
        return bytes(body)


class Upstream:
    """One client for one event loop; call :meth:`close` last.

    :meth:`open` may be called before it is needed: the first question opens it otherwise.
    """

    def __init__(self, options: UpstreamOptions) -> None:
        self._options = options
        self._sdk: asyncio.Task[Sdk] | None = None

    def open(self) -> None:
        """Begin to import the SDK, in a thread, for it takes a second; questions wait for it."""
        if self._sdk is None:
            self._sdk = asyncio.create_task(asyncio.to_thread(Sdk, self._options))

    async def _opened(self) -> Sdk:
        if self._sdk is None:
            self._sdk = asyncio.create_task(asyncio.to_thread(Sdk, self._options))
        return await asyncio.shield(self._sdk)

    async def close(self) -> None:
        """Close every connection."""
        if self._sdk is not None:
            sdk = await self._sdk
            await sdk.close()

    @contextlib.asynccontextmanager
    async def ask(self, body: dict[str, Any], *, stream: bool) -> AsyncIterator[Answer]:
        """Ask the model. Leaving the context closes the call, finished or not.

        Raises :class:`ChatError` when there is no answer, or one with another status than 200.
        """
        sdk = await self._opened()
        clock = asyncio.get_running_loop().time
        ends = clock() + self._options.answer
        try:
            async with asyncio.timeout(self._options.silence(stream=stream)):
                response = await sdk.create(body, stream=stream)
        except (*sdk.failures, TimeoutError) as error:
            raise from_exception(error) from error
        try:
            yield Answer(response, sdk.failures, ends, clock)
        finally:
            await response.close()
