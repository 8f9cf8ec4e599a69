"""The runner of both services: aiohttp's, with every connection coming in by the front door."""

import logging
from typing import Any, Final, cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from services.front_door.bodies import bound_leftover
from services.front_door.connection import Connection
from services.front_door.door import FrontDoor
from services.front_door.limits import MAX_FIELD_BYTES, MAX_FIELDS, MAX_LINE_BYTES

FRONT_DOOR: Final = web.AppKey("front_door", FrontDoor)


class GuardedRunner(web.AppRunner):
    """Runs ``app`` behind its ``FRONT_DOOR``, whose ``limits`` hold. Bodies are never unpacked."""

    def __init__(
        self, app: web.Application, *, handler_cancellation: bool, shutdown_seconds: float
    ) -> None:
        self._door = app[FRONT_DOOR]
        super().__init__(
            app,
            access_log=None,
            handler_cancellation=handler_cancellation,
            shutdown_timeout=shutdown_seconds,
            keepalive_timeout=self._door.limits.idle,
            lingering_time=self._door.limits.leftover,
            auto_decompress=False,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_FIELD_BYTES,
            max_headers=MAX_FIELDS,
            logger=_Complaints(self._door),
        )

    @property
    def server(self) -> web.Server | None:
        """What sites listen with: they call it for each connection."""
        server = super().server
        return None if server is None else cast("web.Server", _Guarded(server, self._door))


class _Guarded:
    """A server as it is, but for its connections, which come in by the door."""

    def __init__(self, server: web.Server, door: FrontDoor) -> None:
        self._server = server
        self._door = door

    def __call__(self) -> Connection:
        return Connection(self._door, self._server)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)


class _Complaints(logging.LoggerAdapter[logging.Logger]):
    """aiohttp's log, without what clients can cause: anybody could fill a disk with tracebacks.

    Bad requests are counted; whoever cares for a client that left hears of it by the handler.
    """

    def __init__(self, door: FrontDoor) -> None:
        super().__init__(logging.getLogger("aiohttp.server"), {})
        self._door = door

    def log(self, level: int, msg: object, *args: object, **how: Any) -> None:
        error = how.get("exc_info")
        if isinstance(error, HttpProcessingError):
            self._door.count("malformed")
        elif not isinstance(error, ConnectionError):
            super().log(level, msg, *args, **how)


def guard(app: web.Application, door: FrontDoor) -> None:
    """Put ``door`` before ``app``; to be called once, while it is built."""
    app[FRONT_DOOR] = door
    app.on_response_prepare.append(bound_leftover)
