"""The first way in: a one-time sign-in link, made beside the service by whoever can reach its Redis.

Sessions and credentials stand there, unsigned: who can write to it could let themselves in anyway, also
where events are signed. So this gives nobody what they did not have.
"""

import asyncio
from typing import Final

import structlog

from events.streams.keys import Keys
from events.streams.link import Link, connector
from projections.access import OPERATOR
from services.admin.access.book import Book
from services.admin.access.links import sign_in_url
from services.admin.access.sessions import SIGN_IN_SECONDS, Links
from services.settings import Settings

LOOK_SECONDS: Final = 0.2
_REMEDY: Final = (
    "run 'promptcast admin --bootstrap' for a sign-in link, or set PROMPTCAST_ADMIN_KEY"
)


async def sign_in_link(settings: Settings, origin: str) -> str:
    """The link; one that was made before is worth nothing any more. Raises ``LogUnavailable``."""
    link = Link(connector(settings.redis_url))
    try:
        token = await Links(link, Keys(settings.namespace)).make(
            "sign-in", OPERATOR, SIGN_IN_SECONDS
        )
    finally:
        await link.close()
    return sign_in_url(origin, token)


async def tell_if_locked_out(book: Book) -> None:
    """Say so, once, when there is nobody who could sign in; for a service without a key of its own.

    Never ends by itself.
    """
    while book.state != "current":  # noqa: ASYNC110  it is looked at once in a lifetime
        await asyncio.sleep(LOOK_SECONDS)
    if not book.access.people and not book.access.keys:
        structlog.get_logger().warning("nobody_can_sign_in", remedy=_REMEDY)
    await asyncio.Event().wait()
