"""The server's time, told from this process: one clock for all lags, whatever the local ones say."""

import time
from collections.abc import Callable
from dataclasses import dataclass


def _monotonic_us() -> int:
    return time.monotonic_ns() // 1000


def _wall_us() -> int:
    return time.time_ns() // 1000


@dataclass(slots=True)
class ServerClock:
    """An estimate of the server's TIME, in µs, kept on the local monotonic clock.

    A sample says that the server's time was ``server`` at some moment between sending and receiving,
    so it is right to half a round trip. It replaces the estimate when it is sharper, or when it
    proves the estimate wrong (drift, another server, a clock that was set).
    """

    monotonic: Callable[[], int] = _monotonic_us
    wall: Callable[[], int] = _wall_us
    _ahead: int | None = None
    _error: int = 0

    def observe(self, server: int, sent: int, received: int) -> None:
        """Take in a sample; ``sent`` and ``received`` are readings of ``monotonic``."""
        error = (received - sent + 1) // 2
        ahead = server - (sent + received) // 2
        if self._ahead is None or error <= self._error or abs(ahead - self._ahead) > error:
            self._ahead, self._error = ahead, error

    def now(self) -> int:
        """The server's time in µs since the epoch; the local wall clock before the first sample."""
        return self.wall() if self._ahead is None else self.monotonic() + self._ahead

    @property
    def offset_seconds(self) -> float:
        """How far the server's clock is ahead of the local wall clock."""
        return (self.now() - self.wall()) / 1e6
