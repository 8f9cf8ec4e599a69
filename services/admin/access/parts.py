"""What access is made of in one admin instance: the book, and what is kept beside it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from events.signing import KeyRing
from events.streams.keys import Keys
from events.streams.link import Link
from services.admin.access.book import Book, build_book
from services.admin.access.credentials import Credentials
from services.admin.access.secrets import Secrets
from services.admin.access.sessions import Links, Sessions
from services.admin.access.throttle import Throttle
from services.admin.healing.gate import Gate
from services.metrics import AdminMetrics
from services.settings import Settings


@dataclass(slots=True)
class AccessParts:
    """All of it; built in one place, and handed to the guard and to the calls about people."""

    book: Book
    secrets: Secrets
    credentials: Credentials
    sessions: Sessions
    links: Links
    throttle: Throttle
    _was_current: bool = field(default=False, init=False)

    async def close(self) -> None:
        """Close what is open; behind the end of the book's run."""
        await self.book.close()
        await self.credentials.link.close()

    @property
    def is_in_reach(self) -> bool:
        """Whether the book tells who may do what: it is followed, or was until a moment ago.

        Until it is followed for the first time it may know people who were removed since.
        """
        state = self.book.state
        self._was_current = self._was_current or state == "current"
        return state == "current" or (state == "catching_up" and self._was_current)


def build_access(
    settings: Settings,
    connect: Callable[[], Any],
    keys: Keys,
    ring: KeyRing,
    now: Callable[[], float],
    metrics: AdminMetrics,
    gate: Gate,
) -> AccessParts:
    """The parts over one server; nothing is connected or started. ``now`` is monotonic seconds.

    Sessions, links and credentials share a connection: their calls are short, and take turns.
    """
    link = Link(connect)
    return AccessParts(
        book=build_book(settings, connect, keys, ring, metrics, gate),
        secrets=Secrets(),
        credentials=Credentials(link, keys),
        sessions=Sessions(link, keys),
        links=Links(link, keys),
        throttle=Throttle(now),
    )


ACCESS: Final = web.AppKey("access", AccessParts)
