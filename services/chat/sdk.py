"""The ``openai`` SDK as it is used here. Making an :class:`Sdk` imports it, which takes a second.

The SDK brings the protocol's edges (base URLs, keys, headers, proxies); its models would cost more
than all the rest, so an answer is read with ``with_streaming_response`` and never parsed here. The
body goes in as ``extra_body``: the SDK merges it as it is, fields that it has never heard of too,
and no field of a client's can become an option of the call.
"""

import contextlib
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import aiohttp

from services.chat.upstream_errors import from_status, lost_before_answer
from services.settings import Settings

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncAPIResponse

MAX_ERROR_BYTES: Final = 64 * 1024
KEEP_SECONDS: Final = 15.0
"""How long an idle connection is kept. Servers close theirs after 5 s and more; see ``create``."""


@dataclass(frozen=True, slots=True)
class UpstreamOptions:
    """Where the model is and how long it may take; seconds.

    ``base_url`` None is OpenAI's own, ``api_key`` None a server that needs none. ``connect`` bounds
    connecting, ``first_byte`` the silence before and between the chunks of a stream, and ``answer``
    an answer as a whole, streamed or not.
    """

    base_url: str | None = None
    api_key: str | None = None
    concurrency: int = 256
    connect: float = 5.0
    first_byte: float = 60.0
    answer: float = 120.0

    @classmethod
    def of(cls, settings: Settings) -> "UpstreamOptions":
        """What the settings say."""
        key = settings.openai_api_key
        return cls(
            base_url=settings.openai_base_url,
            api_key=None if key is None else key.get_secret_value(),
            concurrency=settings.chat_concurrency,
            first_byte=settings.upstream_first_byte_timeout,
            answer=settings.upstream_timeout,
        )

    def silence(self, *, stream: bool) -> float:
        """How long no byte may come."""
        return min(self.first_byte, self.answer) if stream else self.answer


class Sdk:
    """One client. Safe to make in a thread; to be used and closed on one event loop.

    ``failures`` are the exceptions that mean "no answer", or no whole one.
    """

    def __init__(self, options: UpstreamOptions) -> None:
        import httpx2  # the SDK's own HTTP layer
        import openai

        self.failures = (
            openai.OpenAIError,
            httpx2.HTTPError,
            httpx2.StreamError,
            aiohttp.ClientError,
        )
        self._timeouts = {
            stream: openai.Timeout(
                options.silence(stream=stream), connect=options.connect, pool=options.connect
            )
            for stream in (False, True)
        }
        self._client = openai.AsyncOpenAI(
            api_key=options.api_key or "keyless",
            base_url=options.base_url,
            max_retries=0,
            default_headers={"Accept-Encoding": "identity"},
            http_client=openai.DefaultAioHttpClient(
                limits=httpx2.Limits(
                    max_connections=options.concurrency + 8, keepalive_expiry=KEEP_SECONDS
                ),
                trust_env=not _is_local(options.base_url),
                event_hooks={"response": [_refuse]},
            ),
        )
        # The resources are imported when they are first used: now, not in the first request.
        self._create = self._client.chat.completions.with_streaming_response.create

    async def create(self, body: dict[str, Any], *, stream: bool) -> "AsyncAPIResponse[Any]":
        """Send ``body`` and return the answer's head; the caller closes it.

        Sent once more if the connection was lost before a byte of an answer came: a server may
        close a connection that we kept just when we use it, and only we can know that. Nothing else
        is tried again: clients do that themselves, and tries would multiply.
        """
        try:
            return await self._send(body, stream=stream)
        except self.failures as error:
            if not lost_before_answer(error):
                raise
        return await self._send(body, stream=stream)

    async def _send(self, body: dict[str, Any], *, stream: bool) -> "AsyncAPIResponse[Any]":
        call = self._create(messages=[], model="", extra_body=body, timeout=self._timeouts[stream])
        return await call.__aenter__()

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()


async def _refuse(response: "httpx2.Response") -> None:
    """Turn a refusal into its error, having read no more of it than will be looked at."""
    if response.status_code < 400:
        return
    body = bytearray()
    async for block in response.aiter_bytes():
        body += block
        if len(body) > MAX_ERROR_BYTES:
            break
    raise from_status(response.status_code, response.headers, bytes(body))


def _is_local(url: str | None) -> bool:
    """Whether the model is on this machine: then no proxy of the environment stands between."""
    host = urlsplit(url or "").hostname or ""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
