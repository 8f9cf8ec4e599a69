"""One-time links: made for somebody, shown once, used once.

The token stands in the fragment, which a browser sends to no server and no log.
"""

import time
from typing import Final

import structlog
from aiohttp import web

from events.envelope import rfc3339
from projections.access import OPERATOR
from services.admin.access.bodies import LinkBody
from services.admin.access.guard import GUARD
from services.admin.access.parts import ACCESS
from services.admin.access.sessions import PASSWORD_SECONDS, SIGN_IN_SECONDS
from services.admin.access.transport import address, origin
from services.admin.answers import answer
from services.admin.context import ACTOR, WHO
from services.admin.endpoint import Answer, Endpoint

_PAGES: Final = {"sign-in": "welcome", "password": "password"}
_log = structlog.stdlib.get_logger(__name__)


def sign_in_url(origin: str, token: str) -> str:
    """The link that signs in whoever opens it first."""
    return f"{origin}/#/{_PAGES['sign-in']}?token={token}"


async def password_link(request: web.Request, person: str) -> LinkBody:
    """The link by which ``person`` sets a password; one made before is worth nothing any more.

    Told in the log: who opens it can act as ``person``, and the history could not tell.
    """
    token = await request.app[ACCESS].links.make("password", person, PASSWORD_SECONDS)
    _tell(request, "password", person)
    link = f"{origin(request)}/#/{_PAGES['password']}?token={token}"
    return LinkBody(link=link, expires_at=_in(PASSWORD_SECONDS))


async def make_sign_in_link(request: web.Request) -> web.Response:
    """A link that signs in as whoever runs the service.

    People cannot make one: what they do should be theirs, in the history too.
    """
    who = request[WHO]
    if not who.is_operator:
        raise request.app[GUARD].forbidden(
            request, "operator", "this needs the environment's key", who
        )
    token = await request.app[ACCESS].links.make("sign-in", OPERATOR, SIGN_IN_SECONDS)
    _tell(request, "sign-in", OPERATOR)
    link = sign_in_url(origin(request), token)
    return answer(LinkBody(link=link, expires_at=_in(SIGN_IN_SECONDS)), 201)


def _tell(request: web.Request, kind: str, person: str) -> None:
    _log.info("link_made", kind=kind, person=person, actor=request[ACTOR], remote=address(request))


def _in(seconds: float) -> str:
    """A moment from now; the server that keeps the link may see it a little sooner or later."""
    return rfc3339(time.time_ns() // 1000 + round(seconds * 1e6))


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/v1/links",
        handler=make_sign_in_link,
        name="makeSignInLink",
        tag="Access",
        role="admin",
        summary="A one-time link that signs in as whoever runs the service",
        description="Good for an hour; only the latest one is. With the environment's key only.",
        answers=(Answer(201, "The link.", LinkBody),),
        changes=True,
    ),
)
