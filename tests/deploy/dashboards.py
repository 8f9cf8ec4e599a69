"""The committed dashboards, and the questions that they ask Prometheus."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards"
SERVICES = {"promptcast-chat": "replica", "promptcast-admin": "admin"}
"""Which of the two services a scrape job is of, as `services.metrics` calls them."""
_PICKED_ALL = re.compile(r'=~"\$\w+"')
_PICKED_ONE = re.compile(r'="\$prompt"')


def committed() -> dict[str, dict[str, Any]]:
    """Each committed dashboard, parsed, by its file's name without the ending."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def panels(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every panel but the rows; also those inside of closed rows."""
    for panel in dashboard["panels"]:
        yield from panel.get("panels", ()) if panel["type"] == "row" else (panel,)


def asked(dashboard: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every expression as it is written, and where: of panels, and of the marks on their graphs."""
    title = dashboard["title"]
    found = [
        (f"{title} / {panel['title']} / {target['refId']}", target["expr"])
        for panel in panels(dashboard)
        for target in panel["targets"]
    ]
    marks = dashboard["annotations"]["list"]
    return found + [(f"{title} / mark: {mark['name']}", mark["expr"]) for mark in marks]


def expressions(
    dashboard: Mapping[str, Any], window: str = "1m", shown: str = "1h", prompt: str = "system"
) -> list[tuple[str, str]]:
    """Every expression, and where it stands, as Grafana would send it to Prometheus.

    ``window`` is its ``$__rate_interval`` (four scrapes), ``shown`` the time that the dashboard
    shows. All replicas and all prompts are picked; where only one can be, it is ``prompt``.
    """
    return [(where, _sent(expr, window, shown, prompt)) for where, expr in asked(dashboard)]


def selected(expr: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Every selector of an expression: its metric, and the values asked for by label."""
    for name, matchers in re.findall(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}", expr):
        yield name, dict(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"', matchers))


def _sent(expr: str, window: str, shown: str, prompt: str) -> str:
    expr = expr.replace("$__rate_interval", window).replace("$__range", shown)
    return _PICKED_ONE.sub(f'="{prompt}"', _PICKED_ALL.sub('=~".*"', expr))
