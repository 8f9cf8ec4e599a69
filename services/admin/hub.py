"""The hub: what happens, told to everybody who listens (the server-sent events)."""

import asyncio
from dataclasses import dataclass, field
from types import TracebackType

from services.admin.views import Update

QUEUE_LENGTH = 1_000
"""Updates that a listener may be behind before it is cut off: it will connect again and start anew."""


class Listener:
    """One listener's queue; see :class:`~services.admin.port.Subscription`."""

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._queue: asyncio.Queue[Update | None] = asyncio.Queue(QUEUE_LENGTH + 1)
        self._ended = False

    def put(self, update: Update) -> None:
        """Queue an update, or cut the listener off."""
        if self._queue.qsize() >= QUEUE_LENGTH:
            self.end()
        elif not self._ended:
            self._queue.put_nowait(update)

    def end(self) -> None:
        """No more updates after those that are queued."""
        if not self._ended:
            self._ended = True
            self._queue.put_nowait(None)

    def __aiter__(self) -> "Listener":
        return self

    async def __anext__(self) -> Update:
        update = await self._queue.get()
        if update is None:
            self._queue.put_nowait(None)
            raise StopAsyncIteration
        return update

    async def __aenter__(self) -> "Listener":
        self._hub.listeners.add(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._hub.listeners.discard(self)


@dataclass(slots=True)
class Hub:
    """All listeners of this process."""

    listeners: set[Listener] = field(default_factory=set)

    def tell(self, update: Update) -> None:
        """Tell everybody; never waits."""
        for listener in tuple(self.listeners):
            listener.put(update)

    def subscribe(self) -> Listener:
        """A listener that hears of everything once it is entered."""
        return Listener(self)

    def close(self) -> None:
        """The service stops: nobody is told anything more."""
        for listener in tuple(self.listeners):
            listener.end()
