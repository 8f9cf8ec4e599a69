"""The boundary: whatever a handler raises becomes a problem, in one place; and headers of all answers."""

import uuid
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from events.errors import PromptcastError
from services.admin.problems import Problem, problem_of
from services.front_door.bodies import is_packed

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_log = structlog.stdlib.get_logger(__name__)


@web.middleware
async def boundary(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error as a problem; an unexpected one is logged under the id that it shows."""
    if is_packed(request):
        headers = {"Accept-Encoding": "identity"}
        detail = "the body must be sent uncompressed"
        return Problem("unsupported-media-type", detail, headers=headers).answer()
    try:
        return await handler(request)
    except (PromptcastError, web.HTTPException) as error:
        return problem_of(error).answer()
    except Exception:  # noqa: BLE001  the last resort: the log gets all of it, the client an id
        request_id = uuid.uuid4().hex
        _log.exception(
            "request_failed", method=request.method, path=request.path[:200], request_id=request_id
        )
        detail = f"something went wrong here; look for {request_id} in the log of the service"
        return Problem("internal", detail, request_id=request_id).answer()


async def stamp(_request: web.Request, response: web.StreamResponse) -> None:
    """Headers of every answer: nothing is stored, sniffed or referred to, and no server is named."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers.popall("Server", None)
