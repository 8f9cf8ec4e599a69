"""The client's side of a stream: Server-Sent Events that somebody may stop reading."""

import asyncio
from typing import Final

from aiohttp import HttpVersion11, web

STUCK_SECONDS: Final = 30.0
"""How long a client may leave unread what was sent, before it counts as gone."""

_HEADERS: Final = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "X-Accel-Buffering": "no",  # nginx would hold events back
}


class EventStream:
    """An answer that begins with the first bytes sent: until then an error can have a status."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self.response = web.StreamResponse(headers=_HEADERS)
        if request.version < HttpVersion11:  # no chunks: only the connection's end ends the stream
            self.response.force_close()

    @property
    def begun(self) -> bool:
        """Whether the status has been sent."""
        return self.response.prepared

    async def send(self, data: bytes) -> None:
        """Send whole events. Raises ``ConnectionError`` when the client is gone, or as good as."""
        if not self.response.prepared:
            await self.response.prepare(self._request)
        transport = self._request.transport
        if transport is None or not transport.get_write_buffer_size():
            await self.response.write(data)
            return
        try:
            async with asyncio.timeout(STUCK_SECONDS):
                await self.response.write(data)
        except TimeoutError:
            transport.abort()
            raise ConnectionResetError("the client does not read its answer") from None

    async def end(self) -> None:
        """Send the end of the stream."""
        await self.response.write_eof()
