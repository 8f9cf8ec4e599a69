"""The front door: how many connections each address has open, and which of them must go.

aiohttp bounds a request's body and an idle connection; it waits without end for the rest of a head,
and for a client that does not read its answer. All open connections are looked at once a second: no
connection has a timer of its own, and a request costs next to nothing.
"""

import asyncio
from collections import Counter

from prometheus_client import Counter as Counted

from services.front_door.connection import Connection
from services.front_door.limits import Limits


class FrontDoor:
    """The open connections of one service; ``per_address`` is how many each address may have.

    ``refused`` counts those that were closed unanswered, by reason: ``address``, one too many;
    ``header_deadline``; ``header_size``; ``malformed``, which is no HTTP; ``stalled``, which does not
    read its answer.
    """

    def __init__(self, per_address: int, refused: Counted, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._per_address = per_address
        self._refused = refused
        self._open: set[Connection] = set()
        self._by_address: Counter[str] = Counter()
        self._look: asyncio.TimerHandle | None = None

    @property
    def open(self) -> int:
        """How many connections are inside."""
        return len(self._open)

    def now(self) -> float:
        """The event loop's clock."""
        return asyncio.get_running_loop().time()

    def admit(self, connection: Connection) -> bool:
        """Let a connection in; False when its address has as many as it may."""
        if self._by_address[connection.address] >= self._per_address:
            self.count("address")
            return False
        self._by_address[connection.address] += 1
        self._open.add(connection)
        if self._look is None:
            self._look_later()
        return True

    def leave(self, connection: Connection) -> None:
        """Let one out that was let in."""
        self._open.remove(connection)
        self._by_address[connection.address] -= 1
        if not self._by_address[connection.address]:
            del self._by_address[connection.address]

    def count(self, reason: str) -> None:
        """Count a connection that was closed unanswered."""
        self._refused.labels(reason).inc()

    def _look_later(self) -> None:
        self._look = asyncio.get_running_loop().call_later(self.limits.look, self._look_around)

    def _look_around(self) -> None:
        now = self.now()
        for connection in tuple(self._open):
            if (reason := connection.overdue(now, self.limits)) is not None:
                self.count(reason)
                connection.cut()
        self._look = None
        if self._open:
            self._look_later()
