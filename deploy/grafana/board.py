"""What the three dashboards have in common: variables, marks of what was done, links, and their JSON."""

import json
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from deploy.grafana.marks import MARKS
from deploy.grafana.targets import DATASOURCE

PLUGIN_VERSION: Final = "11.6.0"
"""The Grafana that the panels' options are those of: a later one lifts them, none guesses."""

RUNBOOK: Final = "https://github.com/promptcast/promptcast/blob/main/deploy/alerts.md"
"""Where the runbook is read; a dashboard's links take it from its variable of that name."""


def board(uid: str, title: str, description: str) -> dashboard.Dashboard:
    """An empty dashboard with all that each of ours has. ``uid`` is part of every link to it."""
    return (
        dashboard.Dashboard(f"Promptcast: {title}")
        .uid(uid)
        .description(description)
        .tags(["promptcast"])
        .editable()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .time("now-1h", "now")
        .refresh("10s")
        .timezone("browser")
        .with_variable(_datasource())
        .with_variable(dashboard.ConstantVariable("runbook").value(RUNBOOK))
        .link(_others())
        .link(dashboard.DashboardLink("Runbook").url("${runbook}").icon("doc").target_blank(True))
    )


def with_replicas(built: dashboard.Dashboard) -> dashboard.Dashboard:
    """Let the reader pick replicas. From ``up``: one that does not answer can be picked, too."""
    return built.with_variable(
        _picked("replica", 'label_values(up{job="promptcast-chat"}, replica)')
        .label("Replica")
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(models.VariableOption(selected=True, text="All", value="$__all"))
    )


def with_prompt(built: dashboard.Dashboard) -> dashboard.Dashboard:
    """Let the reader pick one prompt."""
    current = models.VariableOption(selected=True, text="system", value="system")
    return built.with_variable(_prompt().current(current))


def with_prompts(built: dashboard.Dashboard) -> dashboard.Dashboard:
    """Let the reader pick prompts. All of them: also requests that came to none (an empty name)."""
    return built.with_variable(
        _prompt()
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(models.VariableOption(selected=True, text="All", value="$__all"))
    )


def remedies(*alerts: str) -> list[Builder[models.DashboardLink]]:
    """A panel's links to what the runbook says of alerts."""
    return [
        dashboard.DashboardLink(f"Runbook: {alert}")
        .type(models.DashboardLinkType.LINK)
        .url(f"${{runbook}}#{alert.lower()}")
        .target_blank(True)
        for alert in alerts
    ]


def document(built: dashboard.Dashboard) -> str:
    """The dashboard as Grafana reads it: the same text whenever it is asked for."""
    model = built.build()
    for number, panel in enumerate(_panels(model.panels or []), 1):
        panel.id_val = number
        if isinstance(panel, models.Panel):
            panel.plugin_version = PLUGIN_VERSION
    payload: dict[str, Any] = json.loads(JSONEncoder().encode(model))
    payload["annotations"] = {"list": [mark.to_json() for mark in MARKS]}
    return json.dumps(payload, indent=2, ensure_ascii=False) + "\n"


def _panels(panels: list[Any]) -> list[models.Panel | models.RowPanel]:
    """The panels and rows, in order, with those that a closed row holds."""
    found: list[models.Panel | models.RowPanel] = []
    for panel in panels:
        found.append(panel)
        if isinstance(panel, models.RowPanel):
            found += panel.panels
    return found


def _datasource() -> dashboard.DatasourceVariable:
    current = models.VariableOption(selected=True, text="Prometheus", value="prometheus")
    found = dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
    return found.current(current)


def _prompt() -> dashboard.QueryVariable:
    names = 'label_values(promptcast_prompt_version{job="promptcast-chat"}, prompt)'
    return _picked("prompt", names).label("Prompt")


def _picked(name: str, values: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .query(values)
        .datasource(DATASOURCE)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.NATURAL_ASC)
    )


def _others() -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink("Promptcast")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags(["promptcast"])
        .include_vars(True)
        .keep_time(True)
    )
