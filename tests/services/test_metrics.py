import re
import sys

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from services.fading import KEPT_SECONDS
from services.metrics import (
    CHANGE_OUTCOMES,
    CHANGES,
    MEMBER_STATES,
    REPLICA_STATES,
    AdminMetrics,
    ReplicaMetrics,
    documented,
    exposition,
)

# The table that dashboards rely on. A name that is missing here or there is a broken promise.
REPLICA = """
reload_lag_seconds reloads_total{prompt,outcome} prompt_version{prompt,branch} applied_position
log_head_position lag_events last_reload_timestamp_seconds log_connected clock_offset_seconds
replica_state{state} chat_requests_total{prompt,version,outcome} chat_duration_seconds{prompt}
chat_first_token_seconds{prompt} chat_tokens_total{prompt,version,kind} chat_in_flight
quarantined_events state_errors_total{what} connections_refused_total{reason}
build_info{version,python}
"""
ADMIN = """
changes_total{action,outcome} append_seconds propagation_seconds replicas{state}
replica_lag_events{replica} replica_applied_position{replica} log_head_position log_connected
sse_clients
admin_denials_total{reason} sign_ins_total{outcome} connections_refused_total{reason}
log_writable{log} log_healed_total{log} log_healed_events_total{log} members_missed_total forks_kept
journal_position{log} journal_seconds journal_errors_total{log} appends_not_durable_total
replicas_reaped_total server_findings{check} server_memory_bytes server_memory_limit_bytes
groups_without_replica credentials_lost journal_lacks{log} log_begins log_trimmed
build_info{version,python}
"""


def names(service):
    return {
        metric.name + ("{" + ",".join(metric.labels) + "}" if metric.labels else "")
        for metric in documented()
        if metric.service == service
    }


@pytest.mark.parametrize(("service", "table"), [("replica", REPLICA), ("admin", ADMIN)])
def test_every_promised_metric_is_declared_and_no_other(service, table):
    assert names(service) == {f"promptcast_{name}" for name in table.split()}
    assert all(metric.description for metric in documented())


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def replica(registry, clock):
    return ReplicaMetrics(registry, clock)


def seen(registry):
    families = text_string_to_metric_families(exposition(registry).decode())
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def test_what_is_documented_is_what_prometheus_sees(registry, replica):
    """Each metric is used once; its series then carry the documented name, type and labels."""
    used = [value for value in vars(replica).values() if hasattr(value, "labels")]
    assert len(used) == 19
    for metric in used:
        labelled = getattr(metric, "_metric", metric)
        if labelled._labelnames and metric is not replica.build_info:
            metric.labels(*("x" for _ in labelled._labelnames))
    text = exposition(registry).decode()
    for metric in replica.documented:
        kind = "gauge" if metric.kind == "info" else metric.kind
        assert f"# TYPE {metric.name} {kind}\n" in text
        labels = ".*".join(f'{label}="' for label in sorted(metric.labels))
        series = metric.name + ("_count" if kind == "histogram" else "")
        assert re.search(f"^{series}" + (rf"\{{.*{labels}" if labels else " "), text, re.MULTILINE)


def test_reload_lag_is_told_apart_from_half_a_millisecond_to_a_minute(registry, replica):
    replica.reload_lag.observe(0.0004)
    bounds = [
        float(dict(key[1:])["le"])
        for key in seen(registry)
        if key[0] == "promptcast_reload_lag_seconds_bucket"
    ]
    assert (min(bounds), sorted(bounds)[-2]) == (0.0005, 60.0)


def test_exactly_one_state_is_present(registry, replica):
    for state in REPLICA_STATES:
        replica.set_state(state)
        shown = {
            dict(key[1:])["state"]: value
            for key, value in seen(registry).items()
            if key[0] == "promptcast_replica_state"
        }
        assert shown == {each: float(each == state) for each in REPLICA_STATES}


def test_old_versions_are_forgotten_and_live_ones_are_not(registry, replica, clock):
    for version in (1, 2):
        replica.chat_requests.labels("system", version, "ok").inc()
        replica.chat_tokens.labels("system", version, "prompt").inc(7)
    replica.chat_duration.labels("system").observe(0.1)
    replica.prompt_version.labels("archived", "main").set(3)
    replica.reloads.labels("archived", "applied").inc()
    clock.now += KEPT_SECONDS
    assert replica.forget({"system": 2}) == 4
    text = exposition(registry).decode()
    assert 'version="1"' not in text
    assert 'version="2"' in text
    assert "archived" not in text
    assert "promptcast_chat_duration_seconds_count" in text


def test_the_members_are_counted_in_every_state(registry):
    admin = AdminMetrics(registry)
    admin.set_replicas(["current", "current", "gone"])
    shown = {
        dict(key[1:])["state"]: value
        for key, value in seen(registry).items()
        if key[0] == "promptcast_replicas"
    }
    assert shown == dict.fromkeys(MEMBER_STATES, 0.0) | {"current": 2.0, "gone": 1.0}


def test_every_outcome_of_a_change_is_counted_from_nought_on(registry):
    AdminMetrics(registry)
    counted = {key: value for key, value in seen(registry).items() if "changes_total" in key[0]}
    assert (len(counted), set(counted.values())) == (len(CHANGES) * len(CHANGE_OUTCOMES), {0.0})


def test_a_member_that_left_takes_its_series_along(registry):
    admin = AdminMetrics(registry)
    for replica in ("chat-1", "chat-2"):
        admin.replica_lag_events.labels(replica).set(0)
        admin.replica_applied_position.labels(replica).set(57)
    admin.forget_replica("chat-1")
    admin.forget_replica("never-seen")
    text = exposition(registry).decode()
    assert "chat-1" not in text
    assert text.count('replica="chat-2"') == 2


def test_counters_have_no_second_series_for_their_time_of_birth(registry, replica):
    replica.chat_requests.labels("system", 1, "ok").inc()
    assert "_created" not in exposition(registry).decode()


@pytest.mark.skipif(sys.platform != "linux", reason="the process metrics come from /proc")
def test_the_process_metrics_are_there(registry, replica):
    names = {key[0] for key in seen(registry)}
    assert {"process_resident_memory_bytes", "process_open_fds"} <= names


def test_build_info_names_the_version_and_the_python(registry, replica):
    (labels,) = [dict(key[1:]) for key in seen(registry) if key[0] == "promptcast_build_info"]
    assert labels["version"]
    assert labels["python"].startswith(f"{sys.version_info.major}.")


def test_two_replicas_in_one_process_do_not_mix():
    one, two = CollectorRegistry(), CollectorRegistry()
    ReplicaMetrics(one).chat_in_flight.inc()
    ReplicaMetrics(two)
    assert seen(two)["promptcast_chat_in_flight",] == 0.0
