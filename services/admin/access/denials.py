"""Denials: counted all, and told in the log, but no faster than somebody could read."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import structlog
from aiohttp import web
from prometheus_client import Counter

LINE_SECONDS: Final = 1.0
"""Between two lines about one address."""
MOST_ADDRESSES: Final = 1_000
"""Remembered at a time; who was silent for longest is forgotten first."""
_log = structlog.stdlib.get_logger(__name__)


class Denials:
    """Tells of requests that were turned away; ``now`` is monotonic seconds."""

    def __init__(self, counter: Counter, now: Callable[[], float]) -> None:
        self._counter = counter
        self._now = now
        self._addresses: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def tell(self, event: str, *, reason: str, address: str, path: str, **more: object) -> None:
        """Count one, and leave a line unless this address has had one within the last second.

        ``reason`` is a label: one of a few words. The next line says how many were left out.
        """
        self._counter.labels(reason).inc()
        told_at, left_out = self._addresses.pop(address, (float("-inf"), 0))
        if self._now() - told_at < LINE_SECONDS:
            self._remember(address, told_at, left_out + 1)
            return
        self._remember(address, self._now(), 0)
        if left_out:
            more["left_out"] = left_out
        _log.warning(event, reason=reason, remote=address, path=path[:200], **more)

    def _remember(self, address: str, told_at: float, left_out: int) -> None:
        self._addresses[address] = (told_at, left_out)
        if len(self._addresses) > MOST_ADDRESSES:
            self._addresses.popitem(last=False)


DENIALS: Final = web.AppKey("denials", Denials)
