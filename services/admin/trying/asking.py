"""Asking replicas: their own ``POST /chat``, at the URLs that they have reported.

What is trusted: a report stands in Redis, where whoever has its password can write one. So a URL is
never fetched unless it is a plain ``http(s)`` one, redirects are not followed, no cookie or proxy is
used, and little of an answer is read. With a chat key, only URLs are asked for which a holder of the
same key has vouched (`services.vouching`): a forged report gets neither the key nor the question.
Without one nothing secret is sent, and a forged report can make this service post the question to an
``http(s)`` address that it can reach and show the answer to an editor, if that has the shape of a
chat reply or of its errors: keep Redis to the services.
"""

import asyncio
from time import monotonic
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from services.admin import bodies
from services.admin.trying.question import TrialQuestion
from services.admin.trying.reading import row
from services.admin.trying.rows import failed
from services.admin.views import Address
from services.chat.headers import MIN_POSITION, NAME
from services.vouching import is_vouched

ANSWER_SECONDS: Final = 30.0
CONNECT_SECONDS: Final = 3.0
MAX_ANSWER_BYTES: Final = 512 * 1024
"""Room for a reply of 64 KiB however JSON writes it, and for the rest of a body."""
MAX_URL_CHARACTERS: Final = 2_000
UNREACHABLE: Final = "replica_unreachable"


class Asking:
    """Asks one replica at a time or many. ``key`` is the chat key, None where chat is open."""

    def __init__(self, key: str | None, seconds: float = ANSWER_SECONDS) -> None:
        self._key = key
        self._seconds = seconds
        self._session: aiohttp.ClientSession | None = None

    async def ask(
        self, replica: str, address: Address, question: TrialQuestion, revision: int
    ) -> bodies.TrialAnswer:
        """The replica's answer, from ``revision`` or later. Never raises for what is the replica's."""
        if not is_fetchable(address.url):
            return failed("live", replica, "url_refused", "it reported a URL that is none of chat")
        if self._key and not is_vouched(self._key, replica, address.url, address.voucher):
            detail = (
                "its URL is not vouched for with the admin service's PROMPTCAST_CHAT_KEY: give both"
                " the same"
            )
            return failed("live", replica, "not_vouched", detail)
        began = monotonic()
        try:
            async with asyncio.timeout(self._seconds):
                status, headers, body = await self._post(address.url, question, revision)
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            return failed("live", replica, *_explained(error), monotonic() - began)
        seconds = monotonic() - began
        if len(body) > MAX_ANSWER_BYTES:
            detail = f"its answer has more than {MAX_ANSWER_BYTES} bytes"
            return failed("live", replica, "answer_too_large", detail, seconds)
        return row(replica, status, headers, body, seconds)

    async def _post(
        self, url: str, question: TrialQuestion, revision: int
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and (a little more than the limit at most) body of the answer."""
        headers = {
            NAME: question.name,
            MIN_POSITION: str(revision),
            "Accept-Encoding": "identity",
            **({"Authorization": f"Bearer {self._key}"} if self._key else {}),
        }
        async with self._opened().post(
            f"{url.rstrip('/')}/chat", json=question.body(), headers=headers, allow_redirects=False
        ) as response:
            body = bytearray()
            async for block in response.content.iter_any():
                body += block
                if len(body) > MAX_ANSWER_BYTES:
                    break
            return response.status, dict(response.headers), bytes(body)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # the gate bounds how many; a connection is not kept, for trials are rare
                connector=aiohttp.TCPConnector(limit=0, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()


def is_fetchable(url: str) -> bool:
    """Whether this is a plain http(s) URL: a host, perhaps a port and a path, and nothing else."""
    if len(url) > MAX_URL_CHARACTERS or any(not 33 <= ord(c) <= 126 for c in url):
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = not (parts.query or parts.fragment or "@" in parts.netloc or "\\" in url)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0 and plain


def _explained(error: BaseException) -> tuple[str, str]:
    """Code and detail. The error's own words are left out: they are for the programmer."""
    if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)):
        return UNREACHABLE, "no connection could be made to the URL that it reported"
    if isinstance(error, TimeoutError):
        return "replica_timeout", "it took too long"
    return "replica_broke_off", "the connection to it broke off"
