"""Metrics whose label sets go when nobody has used them for a while, so that memory stays flat.

Every save makes a new version, and a version is a label: without this, a replica that lives long
would keep, and be scraped for, a series for each version that there ever was.
"""

from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar

from prometheus_client.metrics import MetricWrapperBase

KEPT_SECONDS: Final = 600.0
"""How long a label set outlives its last use: long enough for several scrapes to see its end."""

M_co = TypeVar("M_co", bound=MetricWrapperBase, covariant=True)


class Fading(Generic[M_co]):
    """One labelled metric that notes when each label set was last asked for.

    Ask with `labels` each time, and do not keep what it returns: a kept one may be out of the
    registry already. ``clock`` is monotonic seconds. All calls come from one thread.
    """

    def __init__(self, metric: M_co, clock: Callable[[], float]) -> None:
        self._metric = metric
        self._names: tuple[str, ...] = tuple(metric._labelnames)  # noqa: SLF001  has no public name
        self._clock = clock
        self._used: dict[tuple[str, ...], float] = {}

    def labels(self, *values: object, **named: object) -> M_co:
        """The series of these label values, in order or by name; raises `ValueError` as theirs."""
        series = self._metric.labels(*values, **named)
        key = values or tuple(named[name] for name in self._names)
        self._used[tuple(map(str, key))] = self._clock()
        return series

    def remove(self, *values: object) -> None:
        """Remove a series at once, used or not."""
        self._metric.remove(*values)
        self._used.pop(tuple(map(str, values)), None)

    def forget(self, keep: Callable[[Mapping[str, str]], bool]) -> int:
        """Remove what was last used `KEPT_SECONDS` ago or earlier and is not to be kept.

        ``keep`` is asked with the labels by name. Returns how many were removed.
        """
        limit = self._clock() - KEPT_SECONDS
        old = [
            values
            for values, used in self._used.items()
            if used <= limit and not keep(dict(zip(self._names, values, strict=True)))
        ]
        for values in old:
            self.remove(*values)
        return len(old)
