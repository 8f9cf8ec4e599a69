"""The boundary: whatever a handler raises becomes an answer in OpenAI's shape, in one place."""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import web

from services.chat.cors import Cors
from services.chat.errors import ChatError
from services.front_door.bodies import is_packed

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
_log = structlog.stdlib.get_logger(__name__)


def make_boundary(cors: Cors) -> Any:
    """The one middleware of the chat service."""

    @web.middleware
    async def boundary(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method == "OPTIONS" and (answer := cors.preflight(request)) is not None:
            return answer
        if is_packed(request):
            return answered(_packed())
        try:
            return await handler(request)
        except ChatError as error:
            return answered(error)
        except web.HTTPException as error:
            return answered(_translated(error))
        except ConnectionError:
            raise
        except Exception:  # noqa: BLE001  the last resort: the log gets all of it, the client nothing
            _log.exception("request_failed", method=request.method, path=request.path)
            return answered(ChatError("internal_error", "this service failed"))

    return boundary


def answered(error: ChatError) -> web.Response:
    """The error as an answer."""
    return web.Response(
        body=error.body(),
        status=error.status,
        headers=error.headers,
        content_type="application/json",
    )


def _packed() -> ChatError:
    headers = {"Accept-Encoding": "identity"}
    return ChatError("unsupported_media_type", "send the body uncompressed", headers=headers)


def _translated(error: web.HTTPException) -> ChatError:
    allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
    code = _CODES.get(error.status, "invalid_request")
    return ChatError(code, error.reason.lower(), status=error.status, headers=allow)
