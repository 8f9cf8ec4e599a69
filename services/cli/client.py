"""The edit API over HTTP. Every call has a deadline, and every failure is one of ``errors``."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp

from events.errors import PromptcastError
from services.cli.address import Address
from services.cli.errors import CliError, Problem, ReplyLost, Unreachable
from services.cli.problems import problem

DEADLINE = 10.0
"""Seconds for a call, beyond what the server itself was asked to wait."""
_CONNECT = 5.0
_RETRY_PAUSE = 0.5
_SILENCE = 45.0
"""Seconds without a byte on a stream that has a comment every 15: it is dead."""
_UPLOAD = 600.0
"""Seconds for a whole log to arrive and be checked."""
_MAX_REPLY = 64 * 1024 * 1024


class AdminClient:
    """The calls of the edit API, to be used as an asynchronous context manager."""

    def __init__(self, address: Address, deadline: float = DEADLINE) -> None:
        self.address = address
        self._deadline = deadline
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> "AdminClient":
        headers = {"Accept": "application/json, application/problem+json"}
        if self.address.key:
            headers["Authorization"] = f"Bearer {self.address.key}"
        self._session = aiohttp.ClientSession(headers=headers)
        return self

    async def __aexit__(self, *_why: object) -> None:
        await self._session.close()

    async def get(self, path: str, **query: object) -> Any:
        """The JSON at ``path``; query parameters that are None are left out."""
        return await self.call("GET", path, query)

    async def prompt(self, name: str) -> dict[str, Any] | None:
        """A prompt's live version, or None when there never was one of this name.

        Of an archived prompt only its ``revision`` is known, under which a change brings it back.
        """
        try:
            found: dict[str, Any] = await self.get(prompt_path(name))
        except Problem as error:
            if error.status != 404:
                raise
            revision = error.body.get("current_revision")
            return None if revision is None else {"name": name, "revision": revision}
        return found

    async def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        waits: float = 0.0,
    ) -> Any:
        """The JSON of the answer (None when it has none); raises a :class:`CliError`."""
        data = await self.fetch(method, path, query, body=body, headers=headers, waits=waits)
        try:
            return json.loads(data) if data else None
        except (ValueError, RecursionError):
            raise CliError(
                f"{self.address.url} does not answer as the edit API does: is PROMPTCAST_URL right?"
            ) from None

    async def fetch(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        waits: float = 0.0,
    ) -> bytes:
        """The bytes of the answer.

        ``waits`` is how many seconds the server was asked to wait before it answers. When the
        connection breaks and the call may be repeated (a GET, or one with an ``Idempotency-Key``),
        it is, once and unchanged.
        """
        request = self._request(path, query, body, headers)
        deadline = self._deadline + waits
        repeatable = method == "GET" or "Idempotency-Key" in request["headers"]
        try:
            return await self._once(method, request, deadline)
        except ReplyLost:
            if not repeatable:
                raise
        await asyncio.sleep(_RETRY_PAUSE)
        try:
            return await self._once(method, request, deadline)
        except Unreachable as error:
            raise ReplyLost(f"the reply was lost, and then: {error}") from error

    async def upload(self, path: str, query: Mapping[str, object], pieces: Iterator[bytes]) -> Any:
        """POST JSON lines, however many; the JSON of the answer. They are not sent again.

        What ``pieces`` raises is raised here; the request then breaks off, and asks for nothing.
        """
        failed: list[Exception] = []
        request = self._request(path, query, None, {"Content-Type": "application/x-ndjson"})
        request["data"] = _sent(pieces, failed)
        try:
            data = await self._once("POST", request, _UPLOAD)
        except ReplyLost:
            if failed:
                raise failed[0] from None
            raise
        return json.loads(data)

    @asynccontextmanager
    async def stream(self, path: str) -> AsyncIterator[aiohttp.StreamReader]:
        """The bytes of an endless answer; a stream that falls silent raises :class:`ReplyLost`."""
        request = self._request(path, None, None, {"Accept": "text/event-stream"})
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=_SILENCE)
        async with (
            self._told_apart(_SILENCE),
            self._session.get(**request, timeout=timeout) as response,
        ):
            if response.status >= 300:
                raise await self._refusal(response)
            yield response.content

    def _request(
        self,
        path: str,
        query: Mapping[str, object] | None,
        body: object,
        headers: Mapping[str, str] | None,
    ) -> dict[str, Any]:
        given = {name: value for name, value in (query or {}).items() if value is not None}
        url = f"{self.address.url}{path}" + (f"?{urlencode(given)}" if given else "")
        request: dict[str, Any] = {"url": url, "headers": dict(headers or {})}
        request["allow_redirects"] = False  # the key is for this address and no other
        if body is not None:
            request["data"] = json.dumps(body, ensure_ascii=False).encode()
            request["headers"]["Content-Type"] = "application/json"
        return request

    async def _once(self, method: str, request: Mapping[str, Any], deadline: float) -> bytes:
        timeout = aiohttp.ClientTimeout(total=deadline, sock_connect=_CONNECT)
        async with (
            self._told_apart(deadline),
            self._session.request(method, **request, timeout=timeout) as response,
        ):
            if response.status >= 300:
                raise await self._refusal(response)
            return await _read(response)

    async def _refusal(self, response: aiohttp.ClientResponse) -> CliError:
        retry_after = response.headers.get("Retry-After", "")
        return problem(response.status, await _read(response), self.address, retry_after)

    @asynccontextmanager
    async def _told_apart(self, deadline: float) -> AsyncIterator[None]:
        """Turn aiohttp's errors into ours: not reached, or reached and then lost."""
        url = self.address.url
        try:
            yield
        except aiohttp.ClientConnectorCertificateError as error:
            raise Unreachable(f"{url} shows a certificate that does not hold: {error}") from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            number = getattr(error, "errno", None)
            reason = os.strerror(number) if number and number > 0 else _first_line(error)
            raise Unreachable(
                f"cannot reach {url} ({reason}): start it with 'promptcast dev' or "
                "'make run', or set PROMPTCAST_URL"
            ) from error
        except TimeoutError as error:
            raise ReplyLost(f"{url} did not answer within {deadline:g} s") from error
        except aiohttp.ClientError as error:
            raise ReplyLost(f"the connection to {url} broke ({type(error).__name__})") from error


async def _sent(pieces: Iterator[bytes], failed: list[Exception]) -> AsyncIterator[bytes]:
    """``pieces``, which block; why they end too early is left in ``failed``."""
    try:
        while piece := await asyncio.to_thread(next, pieces, b""):
            yield piece
    except (PromptcastError, OSError) as error:
        failed.append(error)
        raise


async def _read(response: aiohttp.ClientResponse) -> bytes:
    data = bytearray()
    async for chunk in response.content.iter_chunked(65536):
        data += chunk
        if len(data) > _MAX_REPLY:
            raise CliError(f"the answer is larger than {_MAX_REPLY >> 20} MiB")
    return bytes(data)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or "no connection in time"


def prompt_path(name: str, *more: object) -> str:
    """``/api/v1/prompts/<name>`` and what follows; a name cannot reach outside its place."""
    return "/".join(["/api/v1/prompts", *(quote(str(part), safe="") for part in (name, *more))])
