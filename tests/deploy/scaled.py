"""The committed rules at another pace: every span of time in them times one factor.

So a test need not wait for minutes, and nothing else differs: not a name, a label or a threshold.
"""

import re
from copy import deepcopy
from typing import Any

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_DURATION = re.compile(r"(\d+)(ms|[smhdwy])")
_SPANS = re.compile(r"\[[^\]]+\]|\boffset\s+\S+")
LEAST_SECONDS = 1.0
"""What is shorter than a scrape sees nothing."""


def seconds(duration: str) -> float:
    """Of a duration as Prometheus writes it, such as ``1h30m``."""
    found = _DURATION.findall(duration)
    if "".join(number + unit for number, unit in found) != duration:
        raise ValueError(f"{duration!r} is no duration")
    return sum(int(number) * _SECONDS[unit] for number, unit in found)


def span(duration: str, factor: float, least: float = LEAST_SECONDS) -> str:
    """The duration times ``factor``, in milliseconds, but not less than ``least`` seconds."""
    return f"{round(max(seconds(duration) * factor, least) * 1000)}ms"


def expression(expr: str, factor: float, scrape: float) -> str:
    """``expr`` with its ranges and offsets scaled; a range holds at least four scrapes."""

    def scaled(found: re.Match[str]) -> str:
        whole = re.compile(r"(?:\d+(?:ms|[smhdwy]))+")
        return whole.sub(lambda each: span(each[0], factor, 4 * scrape), found[0])

    return _SPANS.sub(scaled, expr)


def scaled(rules: dict[str, Any], factor: float, scrape: float = LEAST_SECONDS) -> dict[str, Any]:
    """A copy of a rule file's contents, with all of its times scaled."""
    made = deepcopy(rules)
    for group in made["groups"]:
        if "interval" in group:
            group["interval"] = span(group["interval"], factor, scrape)
        for rule in group["rules"]:
            rule["expr"] = expression(rule["expr"], factor, scrape)
            for key in {"for", "keep_firing_for"} & rule.keys():
                rule[key] = span(rule[key], factor, scrape)
    return made
