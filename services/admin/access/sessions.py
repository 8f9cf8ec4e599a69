"""Sessions and one-time links, as Redis keeps them: under the SHA-256 of a token, never the token.

Whoever reads the database can therefore use none of them. A token is 256 random bits. Every method
raises ``LogUnavailable`` when Redis does not answer; times are the server's, so all admins agree.
"""

import secrets
from dataclasses import dataclass, field
from typing import Final, cast

from events.streams.keys import Keys
from events.streams.link import Link, Script
from projections.access import Role
from services.admin.access.credentials import Kind, link_field
from services.admin.access.secrets import digest, same

IDLE_SECONDS: Final = 8 * 3600.0
ABSOLUTE_SECONDS: Final = 7 * 86400.0
TOUCH_SECONDS: Final = 60.0
"""A session in use is written to once in so long, not at every request."""
SIGN_IN_SECONDS: Final = 3600.0
PASSWORD_SECONDS: Final = 3 * 86400.0
_TOKEN_LENGTH: Final = 43  # 32 bytes in base64url
_MAKE, _FIND = Script.load("session_make"), Script.load("session_find")
_MAKE_LINK, _TAKE_LINK = Script.load("link_make"), Script.load("link_take")


@dataclass(frozen=True, slots=True)
class Session:
    """Who signed in, when (µs), and at which position of the access log.

    ``role`` is set for a session that a sign-in link gave, and that stands for no person of the log.
    ``expires_at`` (µs) is when it ends if it is not used any more.
    """

    person: str
    role: Role | None
    csrf: str = field(repr=False)
    made_at: int
    expires_at: int
    position: int

    def confirms(self, csrf: str) -> bool:
        """Whether a request that came with ``csrf`` was made by the page that has this session."""
        return same(csrf, self.csrf)


@dataclass(slots=True)
class Sessions:
    """The sessions of one namespace.

    A session ends when nobody used it for ``idle_seconds``, ``absolute_seconds`` after it was made
    whoever uses it, and by :meth:`end`. Whether its person may still come in is the access log's to
    say; ``position`` is there to compare with.
    """

    link: Link = field(repr=False)
    keys: Keys
    idle_seconds: float = IDLE_SECONDS
    absolute_seconds: float = ABSOLUTE_SECONDS

    async def make(self, person: str, role: Role | None, position: int) -> tuple[str, Session]:
        """A new session and its token, which is nowhere else and goes into the cookie."""
        token, csrf = _new_token(), _new_token()
        most = round(min(self.idle_seconds, self.absolute_seconds) * 1000)
        made_at = int(
            await self.link.run(_MAKE, [self._key(token)], most, person, role or "", csrf, position)
        )
        return token, Session(person, role, csrf, made_at, made_at + most * 1000, position)

    async def find(self, token: str) -> Session | None:
        """The session of a token; None when there is none, or when it has ended. Finding is using."""
        if len(token) != _TOKEN_LENGTH:
            return None
        touch = min(TOUCH_SECONDS, self.idle_seconds / 2)
        limits = (round(1000 * s) for s in (self.idle_seconds, self.absolute_seconds, touch))
        found = await self.link.run(_FIND, [self._key(token)], *limits)
        if found is None:
            return None
        person, role, csrf, position, made_at, expires_at = (part.decode() for part in found)
        return Session(
            person, cast("Role", role) if role else None, csrf,
            int(made_at), int(expires_at), int(position),
        )  # fmt: skip

    async def lasts(self, token: str) -> bool:
        """Whether the session of a token is there still; asking is not using."""
        return bool(await self.link.call("EXISTS", self._key(token)))

    async def end(self, token: str) -> None:
        """End a session; one that has ended is no error."""
        await self.link.call("DEL", self._key(token))

    def _key(self, token: str) -> str:
        return self.keys.session(digest(token))


@dataclass(slots=True)
class Links:
    """One-time links: each is taken once, and only the latest of its kind and person is worth anything.

    What a link is good for is its ``kind``. Erasing a person's credentials ends theirs.
    """

    link: Link = field(repr=False)
    keys: Keys

    async def make(self, kind: Kind, person: str, seconds: float) -> str:
        """The token of a new link that can be taken for ``seconds``."""
        token = _new_token()
        hashed = digest(token)
        names = [self.keys.link(hashed), self.keys.credentials]
        milliseconds, latest = round(seconds * 1000), link_field(kind, person)
        await self.link.run(_MAKE_LINK, names, milliseconds, kind, person, latest, hashed)
        return token

    async def take(self, kind: Kind, token: str) -> str | None:
        """The person of a link, to one caller alone; None when there is no such link, or no more.

        A link of another kind is left as it is. When the reply is lost it may have been taken.
        """
        if len(token) != _TOKEN_LENGTH:
            return None
        hashed = digest(token)
        names = [self.keys.link(hashed), self.keys.credentials]
        found: bytes | None = await self.link.run(_TAKE_LINK, names, kind, hashed)
        return None if found is None else found.decode()


def _new_token() -> str:
    return secrets.token_urlsafe(32)
