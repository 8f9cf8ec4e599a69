"""Who reaches whom in Kubernetes, from outside and inside, and who watches it."""

import pytest
import yaml

from tests.deploy.manifests import OVERLAYS, Manifests, matches, only_container, ports, rendered
from tests.system.process import ROOT

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(240)]
ADMIN, CHAT = "promptcast-admin", "promptcast-chat"
INGRESS = {"kubernetes.io/metadata.name": "ingress"}
MONITORING = {"kubernetes.io/metadata.name": "monitoring"}
STRANGER = {"kubernetes.io/metadata.name": "default"}


@pytest.fixture(params=OVERLAYS)
def manifests(request) -> Manifests:
    return rendered(request.param)


def test_nobody_reaches_anybody_but_by_a_policy_that_says_so_whatever_is_added(manifests):
    everything = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert everything in [each["spec"] for each in manifests.of("NetworkPolicy").values()]


def test_replicas_and_admins_are_reached_by_whom_they_must_and_by_nobody_else(manifests):
    for name in (CHAT, ADMIN):
        (port,) = ports(manifests.pods()[name]).values()
        assert manifests.lets(INGRESS, name, port)
        assert manifests.lets(MONITORING, name, port)
        assert not manifests.lets(STRANGER, name, port)
        assert not manifests.lets(INGRESS, name, port + 1)
    assert manifests.lets(ADMIN, CHAT, 8080)
    assert not manifests.lets(CHAT, ADMIN, 8081)
    assert not manifests.lets(CHAT, CHAT, 8080)


def test_policies_name_ports_that_exist(manifests):
    """A policy about a port that nobody has lets nobody in, and says nothing."""
    for policy in manifests.of("NetworkPolicy").values():
        spec = policy["spec"]
        about = manifests.selected(spec["podSelector"])
        assert about
        for rule in spec.get("ingress", ()):
            named = {each["port"] for each in rule["ports"]}
            assert all(named <= set(ports(manifests.pods()[name]).values()) for name in about)
        for rule in spec.get("egress", ()):
            for peer in rule["to"]:
                if "podSelector" in peer and "namespaceSelector" not in peer:
                    reached = manifests.selected(peer["podSelector"])
                    assert reached
                    for name in reached:
                        found = set(ports(manifests.pods()[name]).values())
                        assert {each["port"] for each in rule["ports"]} <= found


def test_both_services_may_ask_names_and_the_model_but_not_the_cloud_s_own_address(manifests):
    for name in (CHAT, ADMIN):
        rules = [rule for rule in manifests.rules("Egress", manifests.labels(name)) if rule]
        to = [
            (peer, each["port"]) for rule in rules for peer in rule["to"] for each in rule["ports"]
        ]
        assert any(port == 53 and "kube-dns" in str(peer) for peer, port in to)
        (world,) = [peer["ipBlock"] for peer, port in to if port == 443 and "0.0.0.0" in str(peer)]
        assert {"169.254.0.0/16", "10.0.0.0/8"} <= set(world["except"])


def test_redis_of_the_dev_overlay_is_reached_by_the_services_alone():
    manifests = rendered("dev")
    assert manifests.lets(CHAT, "promptcast-redis", 6379)
    assert manifests.lets(ADMIN, "promptcast-redis", 6379)
    assert not manifests.lets("promptcast-model", "promptcast-redis", 6379)
    for namespace in (INGRESS, MONITORING, STRANGER):
        assert not manifests.lets(namespace, "promptcast-redis", 6379)
    assert manifests.lets(CHAT, "promptcast-model", 8000)
    assert manifests.lets(ADMIN, "promptcast-model", 8000)


def test_the_way_to_redis_is_open_in_production():
    manifests = rendered("production")
    for name in (CHAT, ADMIN):
        rules = [rule for rule in manifests.rules("Egress", manifests.labels(name)) if rule]
        private = [
            rule for rule in rules if rule["to"][0].get("ipBlock", {}).get("cidr", "")[:3] == "10."
        ]
        (rule,) = private
        assert {each["port"] for each in rule["ports"]} == {6379, 26379}


def test_only_chat_passes_the_ingress_of_chat():
    manifests = rendered("production")
    for name, each in manifests.of("Ingress").items():
        (rule,) = each["spec"]["rules"]
        assert rule["host"] in [host for tls in each["spec"]["tls"] for host in tls["hosts"]]
        for path in rule["http"]["paths"]:
            service = path["backend"]["service"]
            offered = manifests.of("Service")[service["name"]]["spec"]["ports"]
            assert service["port"]["name"] in {port["name"] for port in offered}
            assert service["name"] == name
    (chat,) = manifests.of("Ingress")[CHAT]["spec"]["rules"]
    assert {(path["path"], path["pathType"]) for path in chat["http"]["paths"]} == {
        ("/v1/", "Prefix"),
        ("/chat", "Exact"),
    }


# --- being watched -------------------------------------------------------------------------------------


def test_pod_monitors_find_each_process_under_the_names_that_rules_and_dashboards_use():
    manifests = rendered("production")
    monitors = manifests.of("PodMonitor")
    assert set(monitors) == {CHAT, ADMIN}
    for name, each in monitors.items():
        assert manifests.selected(each["spec"]["selector"]) == [name]
        (endpoint,) = each["spec"]["podMetricsEndpoints"]
        assert endpoint["port"] in ports(manifests.pods()[name])
        assert endpoint["path"] == "/metrics"
        assert not endpoint.get("honorLabels")
        labels = {rule["targetLabel"]: rule for rule in endpoint["relabelings"]}
        assert labels["job"] == {"targetLabel": "job", "replacement": name}
        # the replica's name is its pod's; admins have a label of this name on their own metrics
        source = labels.get("replica", {}).get("sourceLabels")
        assert source == (["__meta_kubernetes_pod_name"] if name == CHAT else None)
    env = {each["name"]: each for each in only_container(manifests.pods()[CHAT])["env"]}
    field = env["PROMPTCAST_REPLICA_ID"]["valueFrom"]["fieldRef"]
    assert field == {"fieldPath": "metadata.name"}


def test_prometheus_without_the_operator_finds_the_same_pods():
    manifests = rendered("production")
    text = (ROOT / "deploy" / "prometheus" / "prometheus-kubernetes.yml").read_text()
    for job in yaml.safe_load(text)["scrape_configs"]:
        (discovery,) = job["kubernetes_sd_configs"]
        assert discovery["namespaces"]["names"] == list(manifests.of("Namespace"))
        (selector,) = discovery["selectors"]
        labels = dict(pair.split("=") for pair in selector["label"].split(","))
        assert manifests.selected({"matchLabels": labels}) == [job["job_name"]]
        (kept,) = [rule for rule in job["relabel_configs"] if rule.get("action") == "keep"]
        assert kept["regex"] in ports(manifests.pods()[job["job_name"]])


def test_matching_is_by_every_label():
    """The tests above stand on it."""
    labels = {"a": "1", "b": "2"}
    assert matches({}, labels)
    assert matches({"matchLabels": {"a": "1"}}, labels)
    assert not matches({"matchLabels": {"a": "1", "c": "3"}}, labels)
    assert not matches(
        {"matchExpressions": [{"key": "a", "operator": "In", "values": ["2"]}]}, labels
    )
