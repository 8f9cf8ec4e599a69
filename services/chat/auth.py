"""The chat key: who may ask. It stays here and never goes upstream."""

import hmac
from collections.abc import Awaitable, Callable

from aiohttp import web

from services.chat.errors import ChatError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ChatKey:
    """Guards handlers with ``Authorization: Bearer <key>``; without a key everybody may ask."""

    def __init__(self, key: str | None) -> None:
        self._key = None if key is None else key.encode()

    def guard(self, handler: Handler) -> Handler:
        """``handler``, reached only with the key; else 401 in OpenAI's shape."""
        if self._key is None:
            return handler

        async def guarded(request: web.Request) -> web.StreamResponse:
            self._check(request.headers.get("Authorization", ""))
            return await handler(request)

        return guarded

    def _check(self, authorization: str) -> None:
        scheme, _, given = authorization.partition(" ")
        sent = given.strip().encode(errors="surrogateescape")
        same = hmac.compare_digest(sent, self._key or b"")
        if scheme.lower() != "bearer" or not same:
            raise ChatError(
                "invalid_api_key",
                "this service needs its key: Authorization: Bearer <key>",
                headers={"WWW-Authenticate": "Bearer"},
            )
