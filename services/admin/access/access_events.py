"""``GET /api/v1/access``: who changed who may do what; the access log as stored."""

from aiohttp import web

from services.admin.access.parts import ACCESS
from services.admin.endpoint import READS_LOG, Answer, Endpoint
from services.admin.log_bodies import LogPage
from services.admin.log_events import CURSOR, LIMIT, page


async def list_access_events(request: web.Request) -> web.Response:
    """A page of the access log, oldest first; ``next`` is null at its end."""
    book, cursor, limit = request.app[ACCESS].book, CURSOR.of(request), LIMIT.of(request)
    return await page(await book.events(cursor, limit), cursor, limit, book.head_position)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/v1/access",
        handler=list_access_events,
        name="listAccessEvents",
        tag="Access",
        role="admin",
        summary="The log of people and keys as stored, oldest first",
        params=(CURSOR, LIMIT),
        answers=(Answer(200, "A page of the log.", LogPage),),
        problems=("invalid", *READS_LOG),
    ),
)
