"""How metrics are declared: in one registry, each noted down for the README as it is made."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from typing import ClassVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)


@dataclass(frozen=True, slots=True)
class Documented:
    """One metric as the README lists it. ``name`` is the one that is seen in Prometheus."""

    service: str
    name: str
    kind: str
    labels: tuple[str, ...]
    description: str


class Declared:
    """Makes metrics in one registry, the process metrics first, and remembers what it made."""

    service: ClassVar[str]

    def __init__(self, registry: CollectorRegistry) -> None:
        # A `_created` series beside each counter would nearly double what is scraped and say
        # nothing that anybody asks. The library has one switch for the whole process.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library left it so
        self.documented: list[Documented] = []
        self._registry = registry
        ProcessCollector(registry=registry)
        self.build_info = Info("promptcast_build", "What is running", registry=registry)
        self.build_info.info({"version": _version(), "python": python_version()})
        self._document("promptcast_build_info", "info", ("version", "python"), "What is running")

    def _counter(self, name: str, description: str, *labels: str) -> Counter:
        self._document(f"promptcast_{name}_total", "counter", labels, description)
        return Counter(f"promptcast_{name}", description, labels, registry=self._registry)

    def _gauge(self, name: str, description: str, *labels: str) -> Gauge:
        self._document(f"promptcast_{name}", "gauge", labels, description)
        return Gauge(f"promptcast_{name}", description, labels, registry=self._registry)

    def _histogram(
        self, name: str, description: str, buckets: Iterable[float], *labels: str
    ) -> Histogram:
        self._document(f"promptcast_{name}", "histogram", labels, description)
        return Histogram(
            f"promptcast_{name}",
            description,
            labels,
            registry=self._registry,
            buckets=tuple(buckets),
        )

    def _document(self, name: str, kind: str, labels: tuple[str, ...], description: str) -> None:
        self.documented.append(Documented(self.service, name, kind, labels, description))


def _version() -> str:
    try:
        return version("promptcast")
    except PackageNotFoundError:  # run from its source, not installed
        return "source"
