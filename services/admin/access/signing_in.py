"""Signing in: from what somebody has sent to who they are, without telling anybody else anything.

The same answer, after the same work, for a name that is not known, one without a password, and a
wrong password. The position of the access log is taken first and the password looked at after: if it
is changed meanwhile, the session is older than the change, and ends with it.
"""

import math
from typing import Final

import structlog
from aiohttp import web
from prometheus_client import Counter

from projections.access import OPERATOR
from services.admin.access.denials import DENIALS
from services.admin.access.parts import ACCESS, AccessParts
from services.admin.access.secrets import Busy
from services.admin.access.transport import address
from services.admin.problems import Problem

WRONG: Final = "name and password do not belong together, or the link was used or is too old"
SIGN_INS: Final = web.AppKey("sign_ins", Counter)
_log = structlog.stdlib.get_logger(__name__)


async def by_password(request: web.Request, name: str, password: str) -> tuple[str, int]:
    """The person's name, and the position of the access log before the password was looked at."""
    access = request.app[ACCESS]
    # before the attempt is counted: nobody has failed while the book is out of reach
    position = await access.book.confirm()
    attempt(request, name)
    known = access.book.access.people.get(name)
    encoded = await access.credentials.person(name)  # for a name that is not known, too: same work
    if not await verified(access, encoded if known else None, password) or encoded is None:
        raise refused(request, "password")
    access.throttle.succeeded(name, address(request))
    if access.secrets.needs_rehash(encoded):
        await access.credentials.set_person(name, await hashed(access, password))
    return name, position


async def by_link(request: web.Request, token: str) -> int:
    """The round that the session is of; the link stands for whoever runs this service."""
    access = request.app[ACCESS]
    attempt(request, None)
    present = await access.credentials.round()
    if await access.links.take("sign-in", token) != OPERATOR:
        raise refused(request, "link")
    access.throttle.succeeded(None, address(request))
    return present


async def by_password_link(request: web.Request, token: str, password: str) -> tuple[str, str]:
    """The name of the person who may set a password with this link, which is used up by it, and the
    encoding of ``password``."""
    access = request.app[ACCESS]
    await access.book.confirm()
    attempt(request, None)  # before any work: who has no link must not keep us busy with passwords
    encoded = await hashed(access, password)  # then this: a link is not used up for nothing
    name = await access.links.take("password", token)
    if name is None or name not in access.book.access.people:
        raise refused(request, "link")
    access.throttle.succeeded(None, address(request))
    return name, encoded


def attempt(request: web.Request, account: str | None) -> None:
    """Count an attempt, or raise a 429 when it comes too early."""
    throttle, where = request.app[ACCESS].throttle, address(request)
    wait = throttle.seconds_to_wait(account, where)
    if wait > 0:
        count(request, "throttled")
        raise Problem(
            "too-many-requests",
            "too many failed attempts; try again later",
            headers={"Retry-After": str(math.ceil(wait))},
        )
    throttle.failed(account, where)


def count(request: web.Request, outcome: str, person: str | None = None) -> None:
    """Count a sign-in by its outcome; one that succeeded leaves a line."""
    request.app[SIGN_INS].labels(outcome).inc()
    if person is not None:
        _log.info("signed_in", person=person, by=outcome, remote=address(request))


def refused(request: web.Request, reason: str) -> Problem:
    """The 401, the same whatever was wrong; counted, and told in the log."""
    count(request, "refused")
    request.app[DENIALS].tell(
        "sign_in_refused", reason=reason, address=address(request), path=request.path
    )
    return Problem("unauthorized", WRONG, headers={"WWW-Authenticate": "Bearer"})


async def verified(access: AccessParts, encoded: str | None, password: str) -> bool:
    """Whether it is the password; a 429 when too many are being looked at."""
    try:
        return await access.secrets.verify_password(encoded, password)
    except Busy as error:
        raise _busy(error) from None


async def hashed(access: AccessParts, password: str) -> str:
    """The encoding of a new password; a 429 when too many are being worked on."""
    try:
        return await access.secrets.hash_password(password)
    except Busy as error:
        raise _busy(error) from None


def _busy(error: Busy) -> Problem:
    return Problem("too-many-requests", str(error), headers={"Retry-After": "1"})
