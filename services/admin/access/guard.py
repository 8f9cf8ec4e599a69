"""The guard: who asks, and whether they may. Every call with a role comes past here.

Somebody is known by the environment's key or an API key (``Authorization: Bearer``), or else by the
session in a cookie. A browser sends cookies whoever wrote the page; so with a cookie a call that
changes something must come from our own page (``Origin``) and carry the session's CSRF token.

What is decided upon is the access log as it is known here, at every request: a role that was taken
away, or a key that was revoked, ends with its event. People and keys are let in only while that log
is in reach; the environment's key always is, or nobody could help.
"""

import hashlib
import hmac
from typing import Final

from aiohttp import web

from projections.access import OPERATOR, Role, allows
from services.admin.access.denials import Denials
from services.admin.access.parts import AccessParts
from services.admin.access.secrets import Secrets, same
from services.admin.access.sessions import Session
from services.admin.access.transport import address, is_same_origin, session_token
from services.admin.access.who import Who
from services.admin.problems import Problem

CSRF_HEADER: Final = "X-CSRF-Token"
_SAFE: Final = frozenset({"GET", "HEAD"})


class Guard:
    """Knows who asks; ``environment_key`` may be None once there are people."""

    def __init__(self, environment_key: str | None, access: AccessParts, denials: Denials) -> None:
        self._environment = digest(environment_key) if environment_key else None
        self._access = access
        self._denials = denials
        self._digests: dict[str, str] = {}
        """Of API keys in use, by id: no secrets, but it saves asking Redis at every call."""

    async def admit(self, request: web.Request, role: Role) -> Who:
        """Who asks; raises a 401 or 403 :class:`Problem` unless it is at least ``role``."""
        who = await self.identify(request)
        if not allows(who.role, role):
            raise self.forbidden(
                request, "role", f"this needs the role {role}; yours is {who.role}", who
            )
        return who

    async def identify(self, request: web.Request) -> Who:
        """Who asks; raises a :class:`Problem`: 401 when nobody, 403 for a page that is not ours."""
        sent = request.headers.get("Authorization")
        if sent is not None:
            return await self._by_header(request, sent)
        token = session_token(request)
        if token is None:
            raise self._refused(
                request, "nothing", "the request carries no key and no session", "Bearer"
            )
        return await self._by_session(request, token)

    async def still_knows(self, who: Who) -> bool:
        """Whether who has once been let in still would be; for calls that take long."""
        if who.key is not None:
            key = self._access.book.access.keys.get(who.key)
            return key is not None and key.role == who.role
        if who.session is None or who.token is None:
            return True
        return await self._role(who.session) == who.role and await self._access.sessions.lasts(
            who.token
        )

    def forbidden(self, request: web.Request, reason: str, detail: str, who: Who) -> Problem:
        """The 403 by which somebody who is known is turned away; it is told in the log."""
        self._tell(request, "forbidden", reason, actor=who.actor, role=who.role)
        return Problem("forbidden", detail)

    async def _by_header(self, request: web.Request, sent: str) -> Who:
        scheme, _, given = sent.partition(" ")
        given = given.strip()
        if scheme.lower() != "bearer" or not given:
            raise self._refused(request, "nothing", "the request carries no key", "Bearer")
        if self._environment and hmac.compare_digest(digest(given), self._environment):
            return Who(OPERATOR, "admin", "environment")
        if parsed := Secrets.parse_key(given):
            self._reach()
            if who := await self._by_key(*parsed):
                return who
        raise self._refused(
            request, "key", "the key is not known here", 'Bearer error="invalid_token"'
        )

    async def _by_key(self, key_id: str, given: str) -> Who | None:
        if key_id not in self._access.book.access.keys:  # another admin may just have made it
            await self._access.book.confirm()
        if key_id not in self._access.book.access.keys:
            return None
        known = self._digests.get(key_id) or await self._access.credentials.key(key_id)
        key = self._access.book.access.keys.get(key_id)  # it may have been revoked meanwhile
        if key is None or known is None:
            self._digests.pop(key_id, None)
            return None
        self._remember(key_id, known)
        if not same(known, given):
            return None
        return Who(f"key:{key.name}", key.role, "key", key=key_id)

    def _remember(self, key_id: str, known: str) -> None:
        if key_id not in self._digests:
            keys = self._access.book.access.keys
            for gone in [each for each in self._digests if each not in keys]:
                del self._digests[gone]
            self._digests[key_id] = known

    async def _by_session(self, request: web.Request, token: str) -> Who:
        session = await self._access.sessions.find(token)
        if session is not None and session.role is None:
            self._reach()
            if session.position > self._access.book.position:  # another admin has just made it
                await self._access.book.confirm()
        role = await self._role(session) if session is not None else None
        if session is None or role is None:
            raise self._refused(
                request, "session", "the session has ended: sign in again", "Bearer"
            )
        if session.role is None:
            who = Who(session.person, role, "person", session=session, token=token)
        else:
            who = Who(OPERATOR, role, "link", session=session, token=token)
        if request.method not in _SAFE:
            self._check_page(request, who, session)
        return who

    def _check_page(self, request: web.Request, who: Who, session: Session) -> None:
        if not is_same_origin(request):
            raise self.forbidden(
                request, "origin", "the request does not come from this panel", who
            )
        sent = request.headers.get(CSRF_HEADER, "")
        if not session.confirms(sent):
            raise self.forbidden(request, "csrf", f"{CSRF_HEADER} is not the session's", who)

    async def _role(self, session: Session) -> Role | None:
        """What the session's person may do now; None when it has ended for them."""
        if session.role is not None:  # of a sign-in link; nobody in the book
            present = await self._access.credentials.round()
            return session.role if session.position >= present else None
        person = self._access.book.access.people.get(session.person)
        if person is None or session.position < max(person.position, person.signed_out_at):
            return None
        return person.role

    def _reach(self) -> None:
        if not self._access.is_in_reach:
            raise Problem(
                "log-unavailable",
                "who may do what cannot be told now: the access log is out of reach",
            )

    def _refused(self, request: web.Request, reason: str, detail: str, challenge: str) -> Problem:
        self._tell(request, "unauthorized", reason)
        return Problem("unauthorized", detail, headers={"WWW-Authenticate": challenge})

    def _tell(self, request: web.Request, event: str, reason: str, **more: object) -> None:
        self._denials.tell(
            event, reason=reason, address=address(request), path=request.path, **more
        )


def digest(secret: str) -> bytes:
    """Of equal length whatever the secret, so that comparing tells nothing of either."""
    return hashlib.sha256(secret.encode(errors="surrogateescape")).digest()


GUARD: Final = web.AppKey("guard", Guard)
