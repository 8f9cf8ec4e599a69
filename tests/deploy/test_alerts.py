"""The alerts and recording rules as they are committed: read here, and run by promtool below."""

import re
import subprocess
from itertools import chain

import pytest
import yaml

from services.metrics import documented
from tests.deploy.prometheus import program
from tests.deploy.relabelled import relabelled
from tests.deploy.rule_files import (
    CONFIGS,
    HOME,
    RULES,
    UNIT_TESTS,
    alerts,
    asked,
    grouped,
    load,
    recorded,
    rules,
    tried,
)
from tests.system.process import ROOT

RUNBOOK = "https://github.com/promptcast/promptcast/blob/main/deploy/alerts.md"
SERVICES = {"promptcast-chat": "replica", "promptcast-admin": "admin"}
OF_TARGETS = {"job", "instance", "replica"}
"""Labels that Prometheus itself puts on what it scrapes."""
PROMETHEUS_OWN = {"up", "ALERTS", "process_start_time_seconds"}
EVERY = [pytest.param(rule, id="-".join(key)) for key, rule in alerts().items()]
EXPRESSIONS = [rule["expr"] for rule in rules()]


def metrics() -> dict[str, dict[str, set[str]]]:
    """Of each name that Prometheus can have from us: its labels, by the service that tells it."""
    found: dict[str, dict[str, set[str]]] = {}
    for each in documented():
        names = {each.name: set(each.labels)}
        if each.kind == "histogram":
            names = {f"{each.name}_{end}": set(each.labels) for end in ("count", "sum")}
            names[f"{each.name}_bucket"] = {*each.labels, "le"}
        for name, labels in names.items():
            found.setdefault(name, {})[each.service] = labels
    return found


# --- what they say --------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", EVERY)
def test_an_alert_says_how_urgent_it_is_what_is_the_matter_and_where_to_read_on(rule):
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"{RUNBOOK}#{rule['alert'].lower()}"
    assert re.fullmatch(r"Promptcast[A-Z]\w+", rule["alert"])
    assert len(rule["annotations"]["summary"]) <= 120, "it stands in a subject or on a telephone"


@pytest.mark.parametrize("name", sorted({name for name, _ in alerts()}))
def test_an_alert_has_a_heading_in_the_runbook(name):
    runbook = (ROOT / "deploy" / "alerts.md").read_text()
    assert re.search(rf"^### {name}$", runbook, re.MULTILINE)


@pytest.mark.parametrize("rule", EVERY)
def test_an_alert_is_seen_to_fire_and_not_to_fire(rule):
    severity = rule["labels"]["severity"]
    looks = [firing for name, firing in tried() if name == rule["alert"]]
    assert any(severity in firing for firing in looks), "in no unit test it fires"
    assert any(severity not in firing for firing in looks), "in no unit test it does not"


def test_a_page_comes_within_a_few_minutes():
    """But for burn rates, whose windows decide."""
    waits = [
        rule.get("for", "0s") for (_, severity), rule in alerts().items() if severity == "page"
    ]
    assert set(waits) <= {"0s", "30s", "1m", "2m", "5m"}
    assert alerts()["PromptcastReplicaBehind", "page"]["for"] == "30s"


# --- what they ask --------------------------------------------------------------------------------


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_what_is_asked_for_is_what_the_services_tell(expr):
    known = metrics()
    for metric in asked(expr):
        if ":" in metric.name:
            assert metric.name in recorded(), metric.name
            continue
        assert metric.name in known, f"no service tells {metric.name}"
        jobs = [job for job in SERVICES if re.fullmatch(metric.labels.get("job", ""), job)]
        assert jobs, f"{metric.name} is asked for without its job"
        for job in jobs:
            told = known[metric.name].get(SERVICES[job])
            assert told is not None, f"{job} does not tell {metric.name}"
            assert metric.labels.keys() <= told | OF_TARGETS, f"{metric.name} has no such label"


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_what_is_grouped_and_joined_by_are_labels_that_there_are(expr):
    labels = set(chain.from_iterable(each.labels for each in documented())) | OF_TARGETS | {"le"}
    assert grouped(expr) <= labels


def test_every_name_in_the_rules_is_looked_at():
    """What the two tests above do not recognise, they would not check."""
    for expr in EXPRESSIONS:
        bare = re.sub(r'"[^"]*"', "", expr)
        names = set(re.findall(r"(?<![\w:])promptcast_\w+|\b[a-z]+:\w+:\w+", bare))
        assert names == {metric.name for metric in asked(expr)}
        others = set(re.findall(r"(?<![\w:])(?:up|ALERTS|[a-z]+_seconds)(?=\{)", bare))
        assert others <= PROMETHEUS_OWN


def test_recorded_names_say_level_metric_and_operation():
    for name, expr in recorded().items():
        level, metric, operation = name.split(":")
        assert level in ("fleet", "replica", "prompt", "log")
        assert operation
        assert metric.startswith("promptcast_")
        window = re.search(r"(?:p99_|rate|increase)(\d+[smhd])$", operation)
        assert set(re.findall(r"\[(\w+)\]", expr)) == ({window[1]} if window else set()), name


def test_what_is_recorded_is_asked_for_somewhere():
    dashboards = (ROOT / "deploy" / "grafana" / "dashboards").glob("*.json")
    texts = [*EXPRESSIONS, *(path.read_text() for path in dashboards)]
    used = {metric.name for text in texts for metric in asked(text)}
    for_dashboards = {
        "replica:promptcast_reload_lag_seconds:p99_5m",
        "fleet:promptcast_chat_answered:rate1m",
    }
    assert recorded().keys() - used <= for_dashboards


# --- what is scraped ------------------------------------------------------------------------------

FOUND = {
    "prometheus-dns.yml": {"__meta_dns_srv_record_target": "chat-2.example.internal."},
    "prometheus-kubernetes.yml": {
        "__meta_kubernetes_pod_name": "chat-2",
        "__meta_kubernetes_pod_node_name": "node-1",
        "__meta_kubernetes_pod_phase": "Running",
        "__meta_kubernetes_pod_container_port_name": "http",
    },
}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_a_replica_is_known_by_its_own_id_and_an_admin_by_none(path):
    """An admin's own label `replica` says whom it speaks of, and must not be overwritten."""
    jobs = {job["job_name"]: job for job in load(path)["scrape_configs"]}
    assert list(jobs) == list(SERVICES)
    assert not any(job.get("honor_labels") for job in jobs.values())
    found = FOUND.get(path.name)
    for name, job in jobs.items():
        if found:
            targets = [relabelled(job.get("relabel_configs", ()), found)]
        else:
            targets = [each.get("labels", {}) for each in job["static_configs"]]
        known = {(target or {}).get("replica") for target in targets}
        assert known == {None} if name == "promptcast-admin" else "chat-2" in known


@pytest.mark.parametrize("job", [0, 1])
@pytest.mark.parametrize(
    "more",
    [
        {"__meta_kubernetes_pod_phase": "Succeeded"},
        {"__meta_kubernetes_pod_container_port_name": "other"},
    ],
)
def test_pods_that_are_over_and_ports_without_metrics_are_not_scraped(job, more):
    config = load(HOME / "prometheus-kubernetes.yml")["scrape_configs"][job]
    found = FOUND["prometheus-kubernetes.yml"]
    assert relabelled(config["relabel_configs"], found) is not None
    assert relabelled(config["relabel_configs"], found | more) is None


# --- promtool -------------------------------------------------------------------------------------


def promtool(*words: str) -> str:
    """What it says; fails unless it is content."""
    done = subprocess.run(
        [program("promtool"), *words], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.deploy
def test_promtool_takes_the_rules():
    promtool("check", "rules", *(str(path) for path in RULES.glob("*.yml")))


@pytest.mark.deploy
@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_promtool_takes_the_configuration(path, tmp_path):
    """Debian's build knows no Kubernetes: there what finds the pods is left out, the rest is tried."""
    config = load(path)
    for job in config["scrape_configs"]:
        job.pop("kubernetes_sd_configs", None)
    config["rule_files"] = [str(HOME / each) for each in config["rule_files"]]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    said = promtool("check", "config", str(tmp_path / "prometheus.yml"))
    assert f"{len(list(RULES.glob('*.yml')))} rule files found" in said


@pytest.mark.deploy
@pytest.mark.parametrize("path", sorted(UNIT_TESTS.glob("*.yml")), ids=lambda path: path.stem)
def test_every_alert_does_as_its_unit_tests_say(path):
    promtool("test", "rules", str(path))
