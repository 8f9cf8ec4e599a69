"""``?wait=all&timeout=5``: how long an answer waits for every member's report."""

from aiohttp import web

from services.admin.params import Param, number, one_of

MOST_SECONDS = 30.0
WAIT: Param[str | None] = Param(
    name="wait",
    description="`all`: answer when every member has reported, or one has rejected it.",
    schema={"type": "string", "enum": ["all"]},
    parse=one_of("all"),
)
TIMEOUT = number("timeout", "How many seconds to wait at most.", highest=MOST_SECONDS, default=5.0)
WAITING = (WAIT, TIMEOUT)


def seconds_to_wait(request: web.Request) -> float:
    """How long to wait; 0 when nobody asked for it. Raises ``Invalid`` for wrong values."""
    wait, seconds = WAIT.of(request), TIMEOUT.of(request)
    return seconds if wait else 0.0
