"""The dashboards leave nothing out, and agree with the alerts and with what Grafana is told of them."""

import re
from pathlib import Path

import pytest
import yaml

from deploy.grafana import objectives
from services.metrics import documented
from tests.deploy.dashboards import FOLDER, SERVICES, asked, committed, panels, selected

GRAFANA = FOLDER.parent
RULES = GRAFANA.parent / "prometheus" / "rules"
DASHBOARDS = committed()
ALERTS = [
    rule
    for path in sorted(RULES.glob("*.yml"))
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
]


def test_every_metric_is_on_a_dashboard():
    shown = {
        (matchers.get("job"), name.removesuffix("_bucket"))
        for dashboard in DASHBOARDS.values()
        for _, expr in asked(dashboard)
        for name, matchers in selected(expr)
    }
    jobs = {service: job for job, service in SERVICES.items()}
    promised = {(jobs[each.service], each.name) for each in documented()}
    assert promised - shown == set()


def test_the_provisioned_prometheus_is_the_one_that_the_dashboards_begin_with():
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    assert source["type"] == "prometheus"
    for dashboard in DASHBOARDS.values():
        (variable,) = [v for v in dashboard["templating"]["list"] if v["type"] == "datasource"]
        assert variable["current"]["value"] == source["uid"]


def test_grafana_is_told_to_take_the_dashboards_from_files_that_it_may_not_change():
    told = yaml.safe_load((GRAFANA / "provisioning/dashboards/promptcast.yml").read_text())
    (provider,) = told["providers"]
    assert provider["type"] == "file"
    assert provider["allowUiUpdates"] is False
    assert Path(provider["options"]["path"]).name == "promptcast"


def test_every_alert_has_a_panel_that_links_to_its_remedy_and_no_link_goes_nowhere():
    assert ALERTS
    remedies = {
        link["url"]
        for dashboard in DASHBOARDS.values()
        for panel in panels(dashboard)
        for link in panel.get("links", ())
    }
    assert remedies == {f"${{runbook}}#{rule['alert'].lower()}" for rule in ALERTS}


def test_the_runbook_is_that_of_the_alerts():
    pages = {rule["annotations"]["runbook_url"].partition("#")[0] for rule in ALERTS}
    for dashboard in DASHBOARDS.values():
        (variable,) = [v for v in dashboard["templating"]["list"] if v["type"] == "constant"]
        assert {variable["query"]} == pages


@pytest.mark.parametrize(
    ("alert", "bound"),
    [
        ("PromptcastPropagationSlow", f"> {objectives.PROPAGATION_SECONDS}"),
        ("PromptcastChatErrors", f"> {objectives.BURN_FAST} * {objectives.FAILED_SHARE}"),
        ("PromptcastChatErrors", f"> {objectives.BURN_SLOW} * {objectives.FAILED_SHARE}"),
        ("PromptcastModelErrors", f"> {objectives.MODEL_SHARE}"),
        ("PromptcastServerMemory", f"> {objectives.MEMORY_TICKET}"),
        ("PromptcastServerMemory", f"> {objectives.MEMORY_PAGE}"),
    ],
)
def test_a_line_on_a_panel_is_where_its_alert_fires(alert, bound):
    told = " ".join(rule["expr"] for rule in ALERTS if rule["alert"] == alert)
    assert re.search(rf"{re.escape(bound)}(?![\d.])", told)


def test_an_answer_is_slow_from_where_on_the_rules_count_it_as_slow():
    rules = (RULES / "recording.yml").read_text()
    assert set(re.findall(r'chat_duration_seconds_bucket\{[^}]*le="([\d.]+)"', rules)) == {
        f"{objectives.ANSWER_SECONDS:.1f}"
    }


def test_grafana_s_scrape_interval_is_that_of_prometheus():
    """Else `$__rate_interval` is too short, and graphs have gaps."""
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    prometheus = yaml.safe_load((GRAFANA.parent / "prometheus" / "prometheus.yml").read_text())
    assert source["jsonData"]["timeInterval"] == prometheus["global"]["scrape_interval"]
