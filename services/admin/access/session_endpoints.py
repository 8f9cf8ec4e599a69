"""``/api/v1/session`` and ``/api/v1/password``: who asks, signing in and out, and setting a password.

Every sign-in makes a new session and ends the one that the browser had, so nobody can be given a
session that somebody else knows. A new password ends all other sessions of its person.
"""

from aiohttp import web

from events.envelope import rfc3339
from projections.access import OPERATOR, Role
from services.admin.access.bodies import PasswordRequest, SessionBody, SignInRequest
from services.admin.access.guard import GUARD
from services.admin.access.parts import ACCESS
from services.admin.access.signing_in import (
    attempt,
    by_link,
    by_password,
    by_password_link,
    count,
    hashed,
    refused,
    verified,
)
from services.admin.access.transport import (
    address,
    drop_cookie,
    is_same_origin,
    put_cookie,
    session_token,
)
from services.admin.access.who import Who
from services.admin.answers import answer
from services.admin.body import MAX_SMALL_BYTES, read_model
from services.admin.context import WHO
from services.admin.endpoint import WRITES_LOG, Answer, Endpoint
from services.admin.params import Param, one_of
from services.admin.problems import Problem

EVERYWHERE: Param[str] = Param(
    name="everywhere",
    description="`true` ends all sessions of this person, wherever they are.",
    schema={"type": "string", "enum": ["true", "false"], "default": "false"},
    parse=one_of("true", "false"),
    default="false",
)


async def show(request: web.Request) -> web.Response:
    """Who asks."""
    return answer(_who(request[WHO]))


async def sign_in(request: web.Request) -> web.Response:
    """A session, for a name and its password or for a one-time link."""
    _check_origin(request)
    body, _ = await read_model(request, SignInRequest, MAX_SMALL_BYTES)
    if body.token:
        position = await by_link(request, body.token)
        return await _signed_in(request, OPERATOR, "admin", position, "link")
    name, position = await by_password(request, body.name.lower(), body.password)
    return await _signed_in(request, name, None, position, "password")


async def sign_out(request: web.Request) -> web.Response:
    """End the session, or all of the person's."""
    access, who = request.app[ACCESS], request[WHO]
    everywhere = EVERYWHERE.of(request) == "true"
    if everywhere and who.kind == "person":
        await access.book.sign_out(who.actor, who.actor)
    if everywhere and who.kind == "link":
        await access.credentials.next_round()
    if who.token is not None:
        await access.sessions.end(who.token)
    response = web.Response(status=204)
    drop_cookie(request, response)
    return response


async def set_password(request: web.Request) -> web.Response:
    """A new password; whoever sets it is signed in by it, and nobody else of that name any more."""
    _check_origin(request)
    body, _ = await read_model(request, PasswordRequest, MAX_SMALL_BYTES)
    access = request.app[ACCESS]
    if body.token:
        name, encoded = await by_password_link(request, body.token, body.password)
    else:
        name = await _confirmed(request, body.current)
        encoded = await hashed(access, body.password)
    await access.credentials.set_person(name, encoded)
    await access.credentials.erase_link("password", name)  # whoever else has one: it is too late
    position = await access.book.password_set(name, name)
    return await _signed_in(request, name, None, position, "new_password")


async def _confirmed(request: web.Request, current: str) -> str:
    """The person who is signed in, and has just said their password again."""
    who = await request.app[GUARD].identify(request)
    if who.kind != "person":
        raise Problem("forbidden", "only a person who is signed in has a password")
    access = request.app[ACCESS]
    attempt(request, who.actor)
    if not await verified(access, await access.credentials.person(who.actor), current):
        raise refused(request, "password")
    access.throttle.succeeded(who.actor, address(request))
    return who.actor


async def _signed_in(
    request: web.Request, person: str, role: Role | None, position: int, how: str
) -> web.Response:
    access = request.app[ACCESS]
    known = access.book.access.people.get(person)
    now = role or (known.role if known else None)
    if now is None:  # removed in this very moment
        raise refused(request, "person")
    if before := session_token(request):
        await access.sessions.end(before)
    token, session = await access.sessions.make(person, role, position)
    count(request, how, person)
    who = Who(person, now, "link" if role else "person", session=session, token=token)
    response = answer(_who(who))
    put_cookie(request, response, token)
    return response


def _who(who: Who) -> SessionBody:
    session = who.session
    return SessionBody(
        person=who.actor,
        role=who.role,
        csrf=session.csrf if session else None,
        kind=who.kind,
        expires_at=rfc3339(session.expires_at) if session else None,
    )


def _check_origin(request: web.Request) -> None:
    """A page of somebody else must not sign its visitors in; programs send no ``Origin``."""
    if "Origin" in request.headers and not is_same_origin(request):
        raise Problem("forbidden", "the request does not come from this panel")


_COOKIE = {"Set-Cookie": "The session: `HttpOnly`, `SameSite=Strict`, over TLS `Secure`."}
_BODY = ("invalid", "request-timeout", "too-large", "unsupported-media-type")
_REFUSED = ("unauthorized", "forbidden", "too-many-requests")

ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/v1/session",
        handler=show,
        name="showSession",
        tag="Access",
        role="viewer",
        summary="Who asks, and what they may do",
        answers=(Answer(200, "Somebody who is known.", SessionBody),),
    ),
    Endpoint(
        method="POST",
        path="/api/v1/session",
        handler=sign_in,
        name="signIn",
        tag="Access",
        role=None,  # nobody is known before
        summary="Sign in, with a password or a one-time link",
        body=SignInRequest,
        answers=(Answer(200, "Signed in.", SessionBody, headers=_COOKIE),),
        problems=(*_BODY, *_REFUSED, *WRITES_LOG),
    ),
    Endpoint(
        method="DELETE",
        path="/api/v1/session",
        handler=sign_out,
        name="signOut",
        tag="Access",
        role="viewer",
        summary="Sign out, here or everywhere",
        description="A key has no session, and stays as it is.",
        params=(EVERYWHERE,),
        answers=(Answer(204, "Signed out."),),
        problems=("not-found", *WRITES_LOG),
        changes=True,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/password",
        handler=set_password,
        name="setPassword",
        tag="Access",
        role=None,  # the link that somebody new has got is all that they have
        summary="Set a password, with a one-time link or the password so far",
        description="With `current`, the request must carry the session as well.",
        body=PasswordRequest,
        answers=(
            Answer(200, "It is set, and its person signed in.", SessionBody, headers=_COOKIE),
        ),
        problems=(*_BODY, *_REFUSED, "not-found", *WRITES_LOG),
        changes=True,
    ),
)
