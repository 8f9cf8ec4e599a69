"""Marks on every graph: when somebody saved or restored, when the log was healed, who was paged.

Grafana marks each moment at which an expression is above zero, so none of them filters: an
expression that always answers can be tried, and one that never does is a mistake that shows.
"""

from dataclasses import dataclass
from typing import Any, Final

from deploy.grafana.queries import ADMIN, CHAT, WINDOW, grown
from deploy.grafana.targets import DATASOURCE


@dataclass(frozen=True, slots=True)
class Mark:
    """One kind of mark. ``is_time``: the value is itself the moment, in milliseconds."""

    name: str
    colour: str
    expr: str
    title: str
    text: str = ""
    shown: bool = True
    is_time: bool = False

    def to_json(self) -> dict[str, Any]:
        """As Grafana's Prometheus data source reads it, which adds keys of its own to the rest."""
        return {
            "name": self.name,
            "datasource": DATASOURCE.to_json(),
            "enable": self.shown,
            "hide": False,
            "iconColor": self.colour,
            "expr": self.expr,
            "step": "10s",
            "titleFormat": self.title,
            "textFormat": self.text,
            "tagKeys": "action",
            "useValueForTime": self.is_time,
        }


def _done(actions: str) -> str:
    return grown(
        "promptcast_changes_total", f'{ADMIN},action=~"{actions}",outcome="done"', "action"
    )


_FIRING = 'ALERTS{alertname=~"Promptcast.*",alertstate="firing",severity="page"}'

MARKS: Final = (
    Mark("Saves", "blue", _done("save"), "{{action}}", "a new version went live"),
    Mark(
        "Restores and archives",
        "orange",
        _done("restore|archive"),
        "{{action}}",
        "an older version is live again, or a prompt is served no more",
    ),
    Mark(
        "Log healed",
        "purple",
        f"sum by (log) (increase(promptcast_log_healed_total{{{ADMIN}}}[{WINDOW}]))",
        "log healed",
        "the server had lost events, and they were put back: {{log}}",
    ),
    Mark(
        "Pages",
        "red",
        # Without an alert there is no series at all: zero stands for it, and marks nothing.
        f"max by (alertname) ({_FIRING}) or vector(0)",
        "{{alertname}}",
        "somebody was paged",
    ),
    Mark(
        "In force everywhere",
        "green",
        f"1000 * max(promptcast_last_reload_timestamp_seconds{{{CHAT}}})",
        "in force",
        "the last replica swapped it in at this very moment",
        shown=False,
        is_time=True,
    ),
)
