"""What a request tells of its way here: over TLS or not, from where, for which host; and the cookie.

Only a proxy that ends TLS before us is believed, and only where the settings say that there is one:
then ``X-Forwarded-Proto`` says how the request came, and the last of ``X-Forwarded-For`` from where.
"""

from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from services.admin.context import SETTINGS

COOKIE: Final = "promptcast_session"
SECURE_COOKIE: Final = f"__Host-{COOKIE}"
"""A browser takes a cookie of such a name only over TLS, for this host alone."""
MAX_TOKEN: Final = 128
"""Characters; no token that is made here has as many."""


def is_secure(request: web.Request) -> bool:
    """Whether the request came over TLS, as far as the proxy before us says so."""
    if not request.app[SETTINGS].behind_tls:
        return False
    return request.headers.get("X-Forwarded-Proto", "").strip().lower() == "https"


def address(request: web.Request) -> str:
    """Where the request came from; never empty."""
    if request.app[SETTINGS].behind_tls:
        passed = ",".join(request.headers.getall("X-Forwarded-For", []))
        if last := passed.rpartition(",")[2].strip():
            return _without_port(last)[:64]
    return request.remote or "unknown"


def _without_port(address: str) -> str:
    """Some proxies write the client's port as well, which is another with each connection."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def origin(request: web.Request) -> str:
    """The origin that a browser would call this service by."""
    return f"{'https' if is_secure(request) else 'http'}://{request.host}"


def is_same_origin(request: web.Request) -> bool:
    """Whether the page that asks came from here: ``Origin`` names the host that was asked.

    The scheme is left to the cookie, which a browser sends to the scheme alone that set it.
    """
    sent = request.headers.getall("Origin", [])
    if len(sent) != 1:
        return False
    try:
        parts = urlsplit(sent[0])
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == request.host.lower()


def session_token(request: web.Request) -> str | None:
    """The token in the request's cookie; None when there is none that could be one."""
    token = request.cookies.get(SECURE_COOKIE if is_secure(request) else COOKIE)
    return token if token and len(token) <= MAX_TOKEN and token.isascii() else None


def put_cookie(request: web.Request, response: web.StreamResponse, token: str) -> None:
    """Give the browser its session: gone when it is closed, and never shown to a script."""
    secure = is_secure(request)
    response.set_cookie(
        SECURE_COOKIE if secure else COOKIE,
        token,
        path="/",
        httponly=True,
        samesite="Strict",
        secure=secure,
    )


def drop_cookie(request: web.Request, response: web.StreamResponse) -> None:
    """Take it back."""
    secure = is_secure(request)
    response.del_cookie(
        SECURE_COOKIE if secure else COOKIE,
        path="/",
        httponly=True,
        samesite="Strict",
        secure=secure,
    )
