"""``GET /api/v1/fleet``: every member, and what it serves."""

from aiohttp import web

from services.admin import bodies, showing
from services.admin.answers import answer
from services.admin.context import CORE
from services.admin.endpoint import Answer, Endpoint


async def show_fleet(request: web.Request) -> web.Response:
    """As known here and now; nobody is asked."""
    return answer(showing.fleet(request.app[CORE].fleet()))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/v1/fleet",
        handler=show_fleet,
        name="showFleet",
        tag="Fleet",
        role="viewer",
        summary="Every member: its state, how far it is, what it serves and what it rejected",
        answers=(Answer(200, "The members, by id.", bodies.FleetPage),),
        problems=("invalid",),
    ),
)
