"""Watchers: the clients that follow the updates, how many there may be, and their common end."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Gauge

from services.admin.problems import Problem

MOST = 200
"""Clients that may watch one instance; each costs a connection and a queue."""


class Watchers:
    """Counts those who watch; ``closing`` ends them all at once."""

    def __init__(self, gauge: Gauge, most: int = MOST) -> None:
        self.closing = asyncio.Event()
        self._gauge = gauge
        self._most = most
        self._count = 0

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """A place for one client; raises 429 when there is none."""
        if self._count >= self._most:
            raise Problem("too-many-requests", f"{self._most} clients are watching already")
        self._count += 1
        self._gauge.set(self._count)
        try:
            yield
        finally:
            self._count -= 1
            self._gauge.set(self._count)
