"""The admin key: who may use the edit API.

Open to everybody are the probes and ``/metrics`` (whoever asks them has no key, and they hold no
prompt), the pointer page, the OpenAPI document and the pages about problems (they are the same
everywhere). Everything else needs the key.
"""

import hashlib
import hmac

import structlog
from aiohttp import web

from services.admin.problems import Problem

ADMIN = "admin"
"""The actor that the key of the settings stands for."""
_log = structlog.stdlib.get_logger(__name__)


class AdminKey:
    """Checks ``Authorization: Bearer <key>`` against the one key there is."""

    def __init__(self, key: str) -> None:
        self._digest = _digest(key)

    def check(self, request: web.Request) -> str:
        """The actor who asks; raises a 401 :class:`Problem` when the key is missing or wrong."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not given.strip():
            raise _refused(request, "the request carries no key", "Bearer")
        if not hmac.compare_digest(_digest(given.strip()), self._digest):
            raise _refused(request, "the key is not known here", 'Bearer error="invalid_token"')
        return ADMIN


def _digest(key: str) -> bytes:
    """Of equal length whatever the key, so that comparing tells nothing of either."""
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()


def _refused(request: web.Request, detail: str, challenge: str) -> Problem:
    _log.warning("unauthorized", reason=detail, remote=request.remote, path=request.path[:200])
    return Problem("unauthorized", detail, headers={"WWW-Authenticate": challenge})
