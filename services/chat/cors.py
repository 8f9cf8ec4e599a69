"""CORS: which web origins may call from a browser (WHATWG Fetch, 3.3)."""

from collections.abc import Collection
from typing import Final

from aiohttp import web

from services.chat.headers import EXPOSED

_METHODS: Final = "GET, POST, OPTIONS"
_MAX_AGE: Final = "600"


class Cors:
    """The origins that are allowed; ``*`` allows each. With none, no header is ever sent."""

    def __init__(self, origins: Collection[str]) -> None:
        self._any = "*" in origins
        self._origins = frozenset(origins)

    def preflight(self, request: web.Request) -> web.Response | None:
        """The answer to a browser that asks beforehand; None when the request is not that.

        Any header may be sent: OpenAI's clients send many of their own.
        """
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        if not self._allows(request.headers.get("Origin")):
            return web.Response(status=403)
        asked = request.headers.get("Access-Control-Request-Headers", "")
        headers = {"Access-Control-Allow-Methods": _METHODS, "Access-Control-Max-Age": _MAX_AGE}
        if asked:
            headers["Access-Control-Allow-Headers"] = asked
        return web.Response(status=204, headers=headers)

    async def stamp(self, request: web.Request, response: web.StreamResponse) -> None:
        """Say to the browser that this origin may read the answer; for ``on_response_prepare``."""
        origin = request.headers.get("Origin")
        if not self._origins or origin is None:
            return
        response.headers.add("Vary", "Origin")
        if self._allows(origin):
            response.headers["Access-Control-Allow-Origin"] = "*" if self._any else origin
            response.headers["Access-Control-Expose-Headers"] = EXPOSED

    def _allows(self, origin: str | None) -> bool:
        return origin is not None and (self._any or origin in self._origins)
