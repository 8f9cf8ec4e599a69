"""Access in memory, for a stage without a server: the real book over a log in memory, and stand-ins
for what Redis keeps beside it."""

import secrets
from dataclasses import dataclass, field, replace
from time import monotonic

from argon2 import Parameters, Type

from events.memory import MemoryFeed, MemoryLog
from events.signing import KeyRing
from projections.pace import Pace
from services.admin.access.book import make_book
from services.admin.access.parts import AccessParts
from services.admin.access.secrets import Secrets
from services.admin.access.sessions import Session
from services.admin.access.throttle import Throttle

CHEAP = Parameters(
    type=Type.ID, version=19, salt_len=16, hash_len=32,
    time_cost=1, memory_cost=8, parallelism=1,
)  # fmt: skip
"""Nobody guesses here."""


def access_in_memory() -> AccessParts:
    """All parts, nobody added yet."""
    log = MemoryLog()
    book = make_book(
        log,
        MemoryFeed(log, 1.0),
        KeyRing(),
        "/promptcast/test/access",
        Pace(rebuild_after=None),
    )
    credentials = MemoryCredentials()
    return AccessParts(
        book=book,
        secrets=Secrets(cost=CHEAP),
        credentials=credentials,  # type: ignore[arg-type]  # all of it that is used
        sessions=MemorySessions(),  # type: ignore[arg-type]  # likewise
        links=MemoryLinks(credentials),  # type: ignore[arg-type]  # likewise
        throttle=Throttle(monotonic),
    )


@dataclass
class MemoryCredentials:
    """See :class:`~services.admin.access.credentials.Credentials`."""

    kept: dict[str, str] = field(default_factory=dict)

    async def person(self, name):
        return self.kept.get(f"person:{name}")

    async def set_person(self, name, encoded):
        self.kept[f"person:{name}"] = encoded

    async def key(self, id):
        return self.kept.get(f"key:{id}")

    async def set_key(self, id, digest):
        self.kept[f"key:{id}"] = digest

    async def erase_person(self, name):
        for each in (f"person:{name}", f"link:sign-in:{name}", f"link:password:{name}"):
            self.kept.pop(each, None)

    async def erase_link(self, kind, name):
        self.kept.pop(f"link:{kind}:{name}", None)

    async def round(self):
        return int(self.kept.get("round", "0"))

    async def next_round(self):
        self.kept["round"] = str(await self.round() + 1)

    async def erase_key(self, id):
        self.kept.pop(f"key:{id}", None)

    async def missing(self, names):
        return [name for name in names if name not in self.kept]


@dataclass
class MemorySessions:
    """See :class:`~services.admin.access.sessions.Sessions`; the clock stands still."""

    kept: dict[str, Session] = field(default_factory=dict)

    async def make(self, person, role, position):
        token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        made = Session(person, role, csrf, 1, 28_800_000_001, position)
        self.kept[token] = made
        return token, replace(made)

    async def find(self, token):
        return self.kept.get(token)

    async def lasts(self, token):
        return token in self.kept

    async def end(self, token):
        self.kept.pop(token, None)


@dataclass
class MemoryLinks:
    """See :class:`~services.admin.access.sessions.Links`; none is ever too old."""

    credentials: MemoryCredentials
    kept: dict[str, tuple[str, str]] = field(default_factory=dict)

    async def make(self, kind, person, seconds):
        assert seconds > 0
        token = secrets.token_urlsafe(32)
        self.kept[token] = (kind, person)
        self.credentials.kept[f"link:{kind}:{person}"] = token
        return token

    async def take(self, kind, token):
        found = self.kept.get(token)
        if found is None or found[0] != kind:
            return None
        del self.kept[token]
        latest = self.credentials.kept.get(f"link:{kind}:{found[1]}")
        return found[1] if latest == token else None
