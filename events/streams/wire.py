"""A wire: commands out and replies in, over a connection that redis-py has made.

redis-py connects, shakes hands and authenticates; then it stands aside. Its own way from the socket to
a reply (a stream, a parser, five coroutines, a timeout each) costs a multiple of what hiredis and one
future cost, and a replica's whole reload is not much more than a few replies.
"""

import asyncio
from collections import deque
from typing import Any, Protocol

from hiredis import PushNotification, Reader
from redis._parsers import BaseParser  # it has no public name, and names the server's errors
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import InvalidResponse, RedisError, ResponseError


class Wire(Protocol):
    """What a link speaks over. After any exception it must not be used again."""

    @property
    def is_lost(self) -> bool:
        """Whether the connection is known to be gone, so that nothing that is sent now would arrive."""
        ...

    def send(self, packed: bytes) -> None:
        """Send; raises ``OSError`` when the connection is known to be gone."""
        ...

    async def receive(self, count: int, deadline: float) -> list[Any]:
        """The next ``count`` replies; the server's errors are among them, as values.

        Raises ``TimeoutError`` at ``deadline`` (the loop's time), ``OSError`` or ``RedisError`` when
        the connection is broken.
        """
        ...

    def close(self) -> None:
        """Let go of what it holds, but for the connection."""
        ...


def wire(connection: AbstractConnection) -> Wire:
    """The wire over a connection that is made; what has no socket goes redis-py's own way."""
    stream = connection._writer  # noqa: SLF001  redis-py shows its transport to nobody
    transport = getattr(stream, "transport", None)
    if isinstance(transport, asyncio.Transport):
        return Direct(transport)
    return Detour(connection)


_NOTHING = object()


class Direct(asyncio.Protocol):
    """Replies go from the socket into hiredis, and wake the caller once, when all are there.

    One timer is kept and moved now and then, since a timer a reply would cost as much as the reply.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._parser = Reader(
            protocolError=InvalidResponse,
            replyError=BaseParser.parse_error,
            notEnoughData=_NOTHING,
        )
        self._replies: deque[Any] = deque()
        self._wanted = 0
        self._waiter: asyncio.Future[None] | None = None
        self._lost: Exception | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        transport.set_protocol(self)

    @property
    def is_lost(self) -> bool:
        """See :class:`Wire`."""
        return self._lost is not None or self._transport.is_closing()

    def send(self, packed: bytes) -> None:
        """See :class:`Wire`. What the socket does not take at once is kept until it does."""
        if self._lost is not None:
            raise self._lost
        self._transport.write(packed)

    async def receive(self, count: int, deadline: float) -> list[Any]:
        """See :class:`Wire`. For one caller at a time."""
        if len(self._replies) < count:
            if self._lost is not None:
                raise self._lost
            loop = asyncio.get_running_loop()
            self._wanted, self._waiter = count, loop.create_future()
            self._watch(loop, deadline)
            try:
                await self._waiter
            finally:
                self._waiter = None
        return [self._replies.popleft() for _ in range(count)]

    def close(self) -> None:
        """See :class:`Wire`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def data_received(self, data: bytes) -> None:
        """From the transport."""
        try:
            self._parser.feed(data)
            while (reply := self._parser.gets()) is not _NOTHING:
                if not isinstance(reply, PushNotification):  # nobody here has asked for one
                    self._replies.append(reply)
        except RedisError as error:
            self._fail(error)
            self._transport.abort()
            return
        if len(self._replies) >= self._wanted and self._is_awaited():
            self._waiter.set_result(None)  # type: ignore[union-attr]  # it was looked at just now

    def connection_lost(self, error: Exception | None) -> None:
        """From the transport."""
        self._fail(error or ConnectionResetError("the server closed it"))

    def _fail(self, error: Exception) -> None:
        self._lost = self._lost or error
        if self._is_awaited():
            self._waiter.set_exception(error)  # type: ignore[union-attr]  # it was looked at just now

    def _is_awaited(self) -> bool:
        return self._waiter is not None and not self._waiter.done()

    def _watch(self, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        self._deadline = deadline
        if self._timer is not None and self._timer.when() > deadline:
            self.close()
        if self._timer is None:
            self._timer = loop.call_at(deadline, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if not self._is_awaited():
            return  # the next one who waits sets the timer again
        if loop.time() < self._deadline:
            self._watch(loop, self._deadline)
        else:
            self._waiter.set_exception(TimeoutError())  # type: ignore[union-attr]  # looked at just now


class Detour:
    """redis-py's own way, for connections without a socket (there are such in tests)."""

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
        self._packed = b""

    @property
    def is_lost(self) -> bool:
        """See :class:`Wire`; here it shows with the next command."""
        return False

    def send(self, packed: bytes) -> None:
        """See :class:`Wire`; it goes out with the next :meth:`receive`."""
        self._packed += packed

    async def receive(self, count: int, deadline: float) -> list[Any]:
        """See :class:`Wire`."""
        packed, self._packed = self._packed, b""
        async with asyncio.timeout_at(deadline):
            await self._connection.send_packed_command(packed, check_health=False)
            return [await self._reply() for _ in range(count)]

    async def _reply(self) -> Any:
        try:
            return await self._connection.read_response(disconnect_on_error=False)
        except ResponseError as error:
            return error

    def close(self) -> None:
        """See :class:`Wire`."""
