"""The dashboards are what the code makes, ask for what there is, and say what they show."""

import re

import pytest

from deploy.grafana.__main__ import documents
from services.metrics import documented
from tests.deploy.dashboards import (
    FOLDER,
    SERVICES,
    asked,
    committed,
    expressions,
    panels,
    selected,
)

GRAFANA = FOLDER.parent
DASHBOARDS = committed()
EACH = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)
PROMISED = documented()
TARGET_LABELS = {
    "promptcast-chat": {"job", "instance", "replica"},
    "promptcast-admin": {"job", "instance"},
}
BUILT_IN = {"__rate_interval", "__range"}
# Grafana's own, of which it has hundreds; a wrong one is shown as text behind the number.
UNITS = {
    "s",
    "short",
    "none",
    "percentunit",
    "bytes",
    "reqps",
    "cps",
    "bool",
    "bool_yes_no",
    "dateTimeFromNow",
}
NEEDED = {
    "stat": {"reduceOptions", "colorMode", "graphMode", "textMode", "justifyMode", "orientation"},
    "timeseries": {"legend", "tooltip"},
    "heatmap": {"calculate", "color", "yAxis", "cellGap", "filterValues", "tooltip", "legend"},
    "state-timeline": {"mergeValues", "showValue", "rowHeight", "alignValue", "legend", "tooltip"},
    "status-history": {"showValue", "rowHeight", "colWidth", "legend", "tooltip"},
    "table": {"showHeader", "cellHeight", "footer"},
}


def metric(name, job):
    """The documented metric behind a name in an expression, and whether it is one of its buckets."""
    for each in PROMISED:
        if each.service != SERVICES[job]:
            continue
        if each.name == name:
            return each, False
        if each.kind == "histogram" and name == f"{each.name}_bucket":
            return each, True
    raise LookupError(f"{job} has no metric {name}")


def labels_of(name, job):
    """The labels that a metric has, by its own or by its target's word."""
    if name == "ALERTS":
        return {"alertname", "alertstate", "severity"}
    labels = TARGET_LABELS[job]
    if name.startswith("promptcast_"):
        found, is_bucket = metric(name, job)
        labels = labels | set(found.labels) | ({"le"} if is_bucket else set())
    return labels


def counted(expr):
    """The labels that `count_values` makes."""
    return set(re.findall(r'count_values(?: by \([^)]*\) )?\("(\w+)",', expr))


def labels_made(expr):
    """The labels that an answer can have: those that are grouped by, and those that are made."""
    grouped = re.findall(r"\bby \(([^)]*)\)", expr)
    return {label.strip() for each in grouped for label in each.split(",")} | counted(expr)


def test_the_committed_files_are_what_the_code_makes():
    """Else run `python -m deploy.grafana`, and commit what it writes."""
    made = documents()
    assert {path.name for path in FOLDER.iterdir()} == set(made)
    assert {name: (FOLDER / name).read_text() for name in made} == made
    assert documents() == made


def test_there_are_the_three_dashboards_each_under_its_own_uid():
    assert {name: each["uid"] for name, each in DASHBOARDS.items()} == {
        "propagation": "promptcast-propagation",
        "chat": "promptcast-chat",
        "log": "promptcast-log",
    }


@EACH
def test_a_dashboard_has_the_form_that_grafana_11_reads(dashboard):
    assert 39 <= dashboard["schemaVersion"] <= 41
    assert dashboard["description"]
    assert dashboard["refresh"]
    assert "id" not in dashboard  # the number is Grafana's to give; ours would be somebody else's
    links = {link["title"]: link for link in dashboard["links"]}
    assert links["Promptcast"]["tags"] == dashboard["tags"] == ["promptcast"]
    assert links["Runbook"]["url"] == "${runbook}"


@EACH
def test_no_two_panels_have_the_same_id_or_the_same_place(dashboard):
    every = [
        *dashboard["panels"],
        *(p for row in dashboard["panels"] for p in row.get("panels", ())),
    ]
    ids = [panel["id"] for panel in every]
    assert sorted(ids) == sorted(set(ids))
    assert all(ids)
    taken: dict[tuple[int, int], str] = {}
    for panel in every:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for cell in [(x, y) for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])]:  # fmt: skip
            assert cell not in taken, f"{panel['title']} lies over {taken.get(cell)}"
            taken[cell] = panel["title"]


@EACH
def test_a_panel_says_what_it_shows_and_when_to_worry(dashboard):
    for panel in panels(dashboard):
        assert panel["title"]
        assert len(panel["description"]) > 60, panel["title"]
        assert re.search(r"\b[Ww]orry\b", panel["description"]), panel["title"]


@EACH
def test_a_panel_has_questions_a_unit_and_the_options_of_its_kind(dashboard):
    for panel in panels(dashboard):
        title = panel["title"]
        targets = [target["refId"] for target in panel["targets"]]
        assert targets, title
        assert len(set(targets)) == len(targets), title
        unit = panel["fieldConfig"]["defaults"].get("unit", "")
        assert unit in UNITS or re.fullmatch(r"(suffix|prefix):\S.*", unit), title
        assert panel["options"].keys() >= NEEDED[panel["type"]], title
        assert panel["pluginVersion"] == "11.6.0", title
        for asker in [panel, *panel["targets"]]:
            assert asker["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, title


@EACH
def test_one_number_or_a_table_is_asked_for_now_and_the_rest_over_time(dashboard):
    formats = {"table": "table", "heatmap": "heatmap"}
    for panel in panels(dashboard):
        instant = panel["type"] in ("stat", "table")
        for each in panel["targets"]:
            assert (each["instant"], each["range"]) == (instant, not instant), panel["title"]
            assert each.get("format") == formats.get(panel["type"]), panel["title"]


@EACH
def test_a_number_in_a_tile_says_by_its_colour_whether_it_is_good(dashboard):
    for panel in panels(dashboard):
        defaults = panel["fieldConfig"]["defaults"]
        if panel["type"] in ("stat", "status-history"):
            assert defaults["thresholds"]["steps"][0]["value"] is None, panel["title"]
            assert defaults["color"] == {"mode": "thresholds"}, panel["title"]


@EACH
def test_expressions_ask_for_metrics_and_labels_that_there_are(dashboard):
    for where, expr in asked(dashboard):
        selectors = list(selected(expr))
        named = re.findall(r"\bpromptcast_\w+", expr)
        # Each is selected by its job: two services have metrics of the same name.
        assert sorted(named) == sorted(n for n, _ in selectors if n in named), where
        known = set()
        for name, matchers in selectors:
            allowed = labels_of(name, matchers.get("job"))
            assert matchers.keys() <= allowed, where
            known |= allowed
        assert labels_made(expr) <= known | counted(expr), where


@EACH
def test_a_legend_names_only_labels_that_its_series_have(dashboard):
    for panel in panels(dashboard):
        for target in panel["targets"]:
            legend = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert legend <= labels_made(target["expr"]), panel["title"]


@EACH
def test_every_variable_that_is_used_is_declared_and_the_other_way_round(dashboard):
    declared = {each["name"] for each in dashboard["templating"]["list"]}
    text = (FOLDER / f"{dashboard['uid'].removeprefix('promptcast-')}.json").read_text()
    used = set(re.findall(r"\$\{?(\w+)", text))
    used |= {panel["repeat"] for panel in panels(dashboard) if "repeat" in panel}
    assert used - BUILT_IN - {"__all"} == declared
    for where, expr in expressions(dashboard):
        assert "$" not in expr, where


@EACH
def test_the_values_of_a_variable_come_from_a_label_that_there_is(dashboard):
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            asks = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"])
            assert asks, variable["query"]
            expr, label = asks.groups()
            ((name, matchers),) = selected(expr)
            job = matchers["job"]
            own = set() if name == "up" else set(metric(name, job)[0].labels)
            assert label in TARGET_LABELS[job] | own


@EACH
def test_marks_are_told_apart_and_answer_with_nothing_filtered_away(dashboard):
    marks = dashboard["annotations"]["list"]
    assert len({mark["name"] for mark in marks}) == len({mark["iconColor"] for mark in marks}) == 5
    assert {"Saves", "Restores and archives", "Log healed", "Pages"} < {m["name"] for m in marks}
    for mark in marks:
        assert not re.search(r"[<>]", mark["expr"])
        assert set(re.findall(r"\{\{(\w+)\}\}", mark["titleFormat"])) <= labels_made(mark["expr"])
