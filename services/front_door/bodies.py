"""Bodies at the front door: none is unpacked, and none is listened to without end."""

from aiohttp import hdrs, web

from services.front_door.connection import Connection


def is_packed(request: web.BaseRequest) -> bool:
    """Whether the request's body is compressed: nobody unpacks it, so it cannot be a bomb."""
    if hdrs.CONTENT_ENCODING not in request.headers:
        return False
    codings = request.headers.getall(hdrs.CONTENT_ENCODING)
    return any(coding.strip().lower() not in {"", "identity"} for coding in codings)


async def bound_leftover(request: web.Request, _response: web.StreamResponse) -> None:
    """Bound what comes of a body behind its answer; for aiohttp's ``on_response_prepare``."""
    if request.content.is_eof() or request.transport is None:
        return
    if isinstance(connection := request.transport.get_protocol(), Connection):
        connection.answered_early()
