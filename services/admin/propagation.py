"""``GET /api/v1/propagation/{position}``: who has an event."""

from aiohttp import web

from projections.refusals import NotFound
from services.admin import bodies, showing
from services.admin.answers import answer
from services.admin.context import CORE
from services.admin.endpoint import READS_LOG, Answer, Endpoint
from services.admin.params import counted
from services.admin.waiting import MOST_SECONDS, WAITING, seconds_to_wait

HIGHEST = 2**53 - 1
POSITION = counted("position", "The event's position.", highest=HIGHEST)


async def show_propagation(request: web.Request) -> web.Response:
    """What each member has made of the event at a position of the log."""
    core, position, wait = request.app[CORE], POSITION.of(request), seconds_to_wait(request)
    if position > core.head_position:
        await core.history()  # another instance may have written it a moment ago
    if position > core.head_position:
        raise NotFound(f"the log ends at position {core.head_position}")
    return answer(showing.spread(await core.propagation(position, wait)))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/v1/propagation/{position}",
        handler=show_propagation,
        name="showPropagation",
        tag="Fleet",
        role="viewer",
        summary="Who has an event",
        params=(POSITION, *WAITING),
        answers=(Answer(200, "What each member has made of it.", bodies.PropagationBody),),
        problems=("not-found", "invalid", *READS_LOG),
        seconds=MOST_SECONDS + 15.0,
    ),
)
