"""PromQL, in pieces: whom to ask, and the shapes that questions have.

What every admin knows alike (the head, the members) is aggregated by ``max``: the one who knows it
best; what each counts for itself by ``sum``.
"""

from typing import Final

CHAT: Final = 'job="promptcast-chat"'
ADMIN: Final = 'job="promptcast-admin"'
PICKED: Final = 'replica=~"$replica"'
SHOWN: Final = f"{CHAT},{PICKED}"
"""The replicas that the dashboard's variable picks."""

WINDOW: Final = "$__rate_interval"
"""Four scrapes, or one step of the graph where that is longer: never a gap, never a miss."""
RANGE: Final = "$__range"
"""All that the dashboard shows."""


def per_second(counter: str, where: str, *by: str) -> str:
    """How fast a counter grows, summed over what is not in ``by``."""
    return f"sum{_by(by)} (rate({counter}{{{where}}}[{WINDOW}]))"


def grown(counter: str, where: str, *by: str, window: str = WINDOW) -> str:
    """By how much a counter grew, summed over what is not in ``by``."""
    return f"sum{_by(by)} (increase({counter}{{{where}}}[{window}]))"


def quantile(share: float, histogram: str, where: str, *by: str, window: str = WINDOW) -> str:
    """The seconds within which ``share`` of what a histogram saw was done."""
    buckets = f"rate({histogram}_bucket{{{where}}}[{window}])"
    return f"histogram_quantile({share}, sum{_by(('le', *by))} ({buckets}))"


def buckets(histogram: str, where: str) -> str:
    """How many fell into each bucket of a histogram, for a heatmap."""
    return grown(f"{histogram}_bucket", where, "le")


def or_zero(expr: str) -> str:
    """The expression, or zero while there is nothing: a counter that never counted has no series."""
    return f"{expr} or on () vector(0)"


def _by(labels: tuple[str, ...]) -> str:
    return f" by ({', '.join(labels)})" if labels else ""
