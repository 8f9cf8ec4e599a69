"""The manifests of deploy/kubernetes, rendered: valid, and true to each other and to the code."""

import re

import pytest
from prometheus_client import CollectorRegistry

from services import settings
from services.admin.routes import routes
from services.chat import main as chat_main
from services.chat.drain import CUT_OFF_SECONDS
from services.leaving import LEAVE_SECONDS
from tests.deploy import dockerfile
from tests.deploy.kube_schema import NEWEST, OLDEST, complaints
from tests.deploy.manifests import (
    FOLDER,
    OVERLAYS,
    Manifests,
    only_container,
    ports,
    rendered,
)
from tests.deploy.test_compose import ADMIN_ANSWERS_SECONDS

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(240)]
ADMIN, CHAT = "promptcast-admin", "promptcast-chat"
SERVICE: dict[str, settings.Service] = {ADMIN: "admin", CHAT: "chat"}
CUSTOM = {"PodMonitor"}
"""Kinds that Kubernetes itself has no schema of."""
KNOWN = {name for name, _, _ in settings.documented()}


@pytest.fixture(params=OVERLAYS)
def manifests(request) -> Manifests:
    return rendered(request.param)


def seconds_before_sigterm(pod: dict) -> float:
    """How long the preStop hook takes."""
    return float(only_container(pod)["lifecycle"]["preStop"]["sleep"]["seconds"])


# --- valid ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("name", ["base", *OVERLAYS])
def test_every_resource_is_valid_for_the_oldest_and_the_newest_kubernetes(name, version):
    resources = rendered(name).all
    kinds = {each["kind"] for each in resources}
    assert kinds >= {"StatefulSet", "Deployment", "HorizontalPodAutoscaler", "NetworkPolicy"}
    own = [each for each in resources if each["kind"] not in CUSTOM]
    assert [text for each in own for text in complaints(each, version)] == []


def test_a_field_that_kubernetes_does_not_know_is_found():
    (budget, _) = rendered("dev").of("PodDisruptionBudget").values()
    misspelt = {**budget, "spec": {**budget["spec"], "maxUnavailible": 1}}
    assert complaints(misspelt, NEWEST)


def test_everything_is_in_the_overlay_s_own_namespace_which_refuses_careless_pods(manifests):
    (space,) = manifests.of("Namespace").values()
    assert space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    others = [each for each in manifests.all if each["kind"] != "Namespace"]
    assert {each["metadata"]["namespace"] for each in others} == {space["metadata"]["name"]}


def test_every_pod_is_one_that_the_restricted_standard_lets_in(manifests):
    for name, pod in manifests.pods().items():
        spec, container = pod["spec"], only_container(pod)
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {kind for each in spec.get("volumes", ()) for kind in set(each) - {"name"}} <= {
            "emptyDir",
            "configMap",
        }
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        assert spec["automountServiceAccountToken"] is False
        assert "memory" in container["resources"]["limits"]
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])


def test_every_image_is_pinned(manifests):
    for name, pod in manifests.pods().items():
        assert re.search(r":\d+\.\d+[\w.-]*$", only_container(pod)["image"]), name


# --- selectors, ports, names ---------------------------------------------------------------------------


def test_selectors_find_the_pods_that_they_are_about_and_no_others(manifests):
    for name, each in manifests.workloads().items():
        assert manifests.selected(each["spec"]["selector"]) == [name]
        for spread in each["spec"]["template"]["spec"].get("topologySpreadConstraints", ()):
            assert manifests.selected(spread["labelSelector"]) == [name]
    for name, each in manifests.of("PodDisruptionBudget").items():
        assert manifests.selected(each["spec"]["selector"]) == [name]
    for name, each in manifests.of("Service").items():
        expected = ADMIN if name == "promptcast-admins" else name
        assert manifests.selected({"matchLabels": each["spec"]["selector"]}) == [expected]


def test_services_lead_to_ports_that_exist(manifests):
    for each in manifests.of("Service").values():
        (name,) = manifests.selected({"matchLabels": each["spec"]["selector"]})
        assert {port["targetPort"] for port in each["spec"]["ports"]} <= set(
            ports(manifests.pods()[name])
        )
    for each in manifests.of("StatefulSet").values():
        assert each["spec"]["serviceName"] in manifests.of("Service")
        headless = manifests.of("Service")[each["spec"]["serviceName"]]
        assert headless["spec"]["clusterIP"] == "None"


def test_what_a_pod_names_is_there(manifests):
    claims = {"promptcast-admin": ["state"], "promptcast-redis": ["data"]}
    for name, pod in manifests.pods().items():
        container = only_container(pod)
        volumes = [each["name"] for each in pod["spec"].get("volumes", ())] + claims.get(name, [])
        assert {each["name"] for each in container.get("volumeMounts", ())} == set(volumes)
        for each in pod["spec"].get("volumes", ()):
            if "configMap" in each:
                assert each["configMap"]["name"] in manifests.of("ConfigMap")
        manifests.environment(name)  # raises for a map or a secret that is not there


def test_the_autoscaler_has_the_replicas_to_itself_and_the_budgets_let_nodes_be_emptied(manifests):
    (scaler,) = manifests.of("HorizontalPodAutoscaler").values()
    target = scaler["spec"]["scaleTargetRef"]
    assert manifests.of(target["kind"])[target["name"]]["apiVersion"] == target["apiVersion"]
    assert "replicas" not in manifests.of("Deployment")[CHAT]["spec"]
    least = {CHAT: scaler["spec"]["minReplicas"]}
    least[ADMIN] = manifests.of("StatefulSet")[ADMIN]["spec"]["replicas"]
    assert set(manifests.of("PodDisruptionBudget")) == set(least)
    for name, budget in manifests.of("PodDisruptionBudget").items():
        assert 1 <= budget["spec"]["maxUnavailable"] < least[name], name


def test_no_replica_goes_before_its_successor_is_ready(manifests):
    rolling = manifests.of("Deployment")[CHAT]["spec"]["strategy"]["rollingUpdate"]
    assert rolling["maxUnavailable"] == 0
    assert rolling["maxSurge"]


def test_an_admin_has_a_journal_that_outlives_it(manifests):
    admin = manifests.of("StatefulSet")[ADMIN]["spec"]
    (claim,) = admin["volumeClaimTemplates"]
    (mount,) = [
        each
        for each in only_container(admin["template"])["volumeMounts"]
        if each["name"] == claim["metadata"]["name"]
    ]
    assert mount["mountPath"] == dockerfile.environment()["PROMPTCAST_STATE_DIR"]
    assert set(admin["persistentVolumeClaimRetentionPolicy"].values()) == {"Retain"}


# --- true to the code ----------------------------------------------------------------------------------


@pytest.mark.parametrize("workload", [ADMIN, CHAT])
def test_the_services_accept_their_settings(manifests, workload):
    env = manifests.environment(workload)
    assert {name for name in env if name.startswith("PROMPTCAST_")} <= KNOWN
    got = settings.load_settings(env, service=SERVICE[workload], default_replica_id="none")
    assert only_container(manifests.pods()[workload])["args"] == [SERVICE[workload]]
    assert got.port == ports(manifests.pods()[workload])["http"]
    assert manifests.pods()[workload]["spec"]["enableServiceLinks"] is False
    if workload == CHAT:
        assert got.chat_key is not None
        assert not got.chat_open
        assert got.replica_id.startswith(f"{CHAT}-")
        assert got.advertise_url == f"http://10.1.2.3:{got.port}"


def test_admins_and_replicas_agree_on_what_they_must_agree_on(manifests):
    admin, chat = (manifests.environment(name) for name in (ADMIN, CHAT))
    for name in ("NAMESPACE", "DURABILITY", "REAP_AFTER", "CHAT_KEY", "MODEL"):
        assert admin.get(f"PROMPTCAST_{name}") == chat.get(f"PROMPTCAST_{name}")
        assert name == "MODEL" or admin.get(f"PROMPTCAST_{name}")
    assert admin.get("PROMPTCAST_SIGNING_KEYS") == chat.get("PROMPTCAST_SIGNING_KEYS")


def test_what_a_replica_answers_to_the_grace_period_is_long_enough(manifests):
    pod = manifests.pods()[CHAT]
    drains = settings.load_settings(manifests.environment(CHAT), service="chat").drain_timeout
    taken = seconds_before_sigterm(pod) + drains + CUT_OFF_SECONDS + LEAVE_SECONDS
    assert pod["spec"]["terminationGracePeriodSeconds"] > taken
    pod = manifests.pods()[ADMIN]
    taken = seconds_before_sigterm(pod) + ADMIN_ANSWERS_SECONDS + LEAVE_SECONDS
    assert pod["spec"]["terminationGracePeriodSeconds"] > taken


async def test_probes_ask_for_routes_that_exist(manifests):
    got = settings.load_settings(manifests.environment(CHAT), service="chat")
    app = chat_main.build(got, CollectorRegistry()).app
    chat = {route.get_info().get("path") for route in app.router.routes() if route.method == "GET"}
    admin = {route.path for route in routes() if route.method == "GET"}
    for name, paths in ((CHAT, chat), (ADMIN, admin)):
        pod = manifests.pods()[name]
        container = only_container(pod)
        probes = {
            kind: container[f"{kind}Probe"]["httpGet"]
            for kind in ("startup", "liveness", "readiness")
        }
        assert {kind: probe["path"] for kind, probe in probes.items()} == {
            "startup": "/healthz",
            "liveness": "/healthz",
            "readiness": "/readyz",
        }
        assert {probe["path"] for probe in probes.values()} | {"/metrics"} <= paths
        assert {probe["port"] for probe in probes.values()} <= set(ports(pod))
        await_start = container["startupProbe"]
        assert await_start["periodSeconds"] * await_start["failureThreshold"] >= 120


def test_the_image_s_user_runs_and_owns_the_volumes(manifests):
    uid = int(dockerfile.the_only("USER").words.partition(":")[0])
    for name in (ADMIN, CHAT):
        context = manifests.pods()[name]["spec"]["securityContext"]
        assert context["runAsUser"] == context["fsGroup"] == uid


# --- the files themselves ------------------------------------------------------------------------------


def test_a_change_of_a_setting_or_a_secret_starts_the_pods_anew():
    """Their names end in a hash of what is in them, wherever they are named."""
    for overlay in OVERLAYS:
        manifests = rendered(overlay)
        for name in (*manifests.of("ConfigMap"), *manifests.of("Secret")):
            assert re.search(r"-[0-9a-z]{10}$", name)


def test_secrets_are_kept_out_of_the_repository_and_their_examples_are_not():
    lines = (FOLDER / "overlays" / ".gitignore").read_text().splitlines()
    assert lines[-2:] == ["*.env", "!*.example.env"]
