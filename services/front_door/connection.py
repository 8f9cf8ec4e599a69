"""A connection: aiohttp's own handler of it, and what the front door must know of it beside that."""

import asyncio
from typing import TYPE_CHECKING, Final, cast

from aiohttp import web

from services.front_door.limits import MAX_HEAD_BYTES, MAX_LEFTOVER_BYTES, TAKEN_BYTES, Limits

if TYPE_CHECKING:
    from services.front_door.door import FrontDoor

_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"Connection: close\r\nContent-Length: 0\r\n\r\n"
)


def awaits_request(handler: "web.RequestHandler") -> bool:
    """Whether no request is under way, and none complete enough to begin with.

    The one look into aiohttp's inside; it has no name for this. When that changes, connections fail
    loudly, and so do the tests of the deadline for heads.
    """
    waiter = handler._waiter  # noqa: SLF001  see above
    return waiter is not None and not waiter.done()


class Connection(asyncio.Protocol):
    """Stands between a transport and aiohttp's handler, which is made once the door has let it in."""

    __slots__ = (
        "_door", "_handler", "_head_bytes", "_head_since", "_leftover", "_server", "_taken_at",
        "_transport", "_unsent", "address",
    )  # fmt: skip

    def __init__(self, door: "FrontDoor", server: web.Server) -> None:
        self._door = door
        self._server = server
        self._handler: web.RequestHandler | None = None
        self._head_since: float | None = None
        self._head_bytes = 0
        self._leftover: int | None = None
        self._unsent = 0
        self._taken_at = 0.0
        self.address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Come in, unless too many of this address are inside."""
        self._transport = transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if isinstance(peer, tuple) else "unix"
        if not self._door.admit(self):
            transport.abort()
            return
        self._head_since = self._door.now()
        self._handler = self._server()
        self._handler.connection_made(transport)

    def connection_lost(self, error: BaseException | None) -> None:
        """Leave, if it ever was inside."""
        if (handler := self._handler) is not None:
            self._handler = None
            self._door.leave(self)
            handler.connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """Hand bytes on, and note whether a request's head is still incomplete."""
        if (handler := self._handler) is None:
            return
        if self._leftover is not None and self._is_too_much(data, handler):
            self.cut()
            return
        handler.data_received(data)
        if not awaits_request(handler):
            self._head_since = None
            self._head_bytes = 0
            return
        if self._head_since is None:
            self._head_since = self._door.now()
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._door.count("header_size")
            self._transport.write(_TOO_LARGE)
            self._transport.close()

    def eof_received(self) -> None:
        """Hand on that nothing more will come; the transport then closes, for aiohttp says so."""
        if self._handler is not None:
            self._handler.eof_received()

    def pause_writing(self) -> None:
        """Hand on that the client reads more slowly than it is answered."""
        if self._handler is not None:
            self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Hand on that there is room again."""
        if self._handler is not None:
            self._handler.resume_writing()

    def cut(self) -> None:
        """Close it at once, whatever has not been sent."""
        self._transport.abort()

    def answered_early(self) -> None:
        """Its request is being answered though its body is still coming: bound what comes of it."""
        self._leftover = MAX_LEFTOVER_BYTES

    def overdue(self, now: float, limits: Limits) -> str | None:
        """Which deadline has passed, if any; to be asked at every look."""
        if self._head_since is not None and now - self._head_since > limits.head:
            return "header_deadline"
        unsent = self._transport.get_write_buffer_size()
        if not unsent:
            self._unsent = 0
        elif not self._unsent or self._unsent - unsent >= TAKEN_BYTES:
            self._unsent, self._taken_at = unsent, now
        elif now - self._taken_at > limits.stalled:
            return "stalled"
        else:
            self._unsent = max(self._unsent, unsent)
        return None

    def _is_too_much(self, data: bytes, handler: "web.RequestHandler") -> bool:
        if self._leftover is None or awaits_request(handler):  # it came to its end after all
            self._leftover = None
            return False
        self._leftover -= len(data)
        return self._leftover < 0
