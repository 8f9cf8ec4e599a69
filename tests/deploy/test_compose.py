"""compose.yaml: what it promises, to whom it starts and to the files of the other folders."""

import re
import shutil
import subprocess

import pytest
import yaml

from services import settings
from services.chat.drain import CUT_OFF_SECONDS
from services.leaving import LEAVE_SECONDS
from tests.deploy import dockerfile
from tests.deploy.compose import FOLDER, Missing, compose, env_file, variables
from tests.deploy.linters import content
from tests.system.process import ROOT

SECRETS = env_file(FOLDER / ".env.example")
GIVEN = {name: value or f"{name.lower()}-0123456789abcdef" for name, value in SECRETS.items()}
WHOLE = compose(GIVEN)
SERVICES = WHOLE["services"]
OURS = {name: each for name, each in SERVICES.items() if each["image"].startswith("promptcast:")}
KNOWN = {name for name, _, _ in settings.documented()}
LISTENS = {"chat": 8080, "admin": 8081}
ADMIN_ANSWERS_SECONDS = 5.0
"""For those under way at an admin that stops: its runner's `shutdown_seconds`."""


def of(kind: str) -> dict[str, dict]:
    """The admins, or the replicas."""
    return {name: each for name, each in OURS.items() if each.get("command") == [kind]}


def seconds(text: str) -> float:
    """A duration as Compose has it."""
    assert re.fullmatch(r"\d+s", text)
    return float(text[:-1])


def test_compose_yaml_is_one():
    content(
        "check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(FOLDER / "compose.yaml")
    )


def test_there_is_what_the_system_is_made_of():
    assert set(of("admin")) == {"admin-1", "admin-2"}
    assert set(of("chat")) == {"chat-1", "chat-2", "chat-3"}
    assert {"redis", "haproxy", "prometheus", "grafana"} <= set(SERVICES)


def test_each_file_that_is_mounted_is_there():
    mounts = [volume for each in SERVICES.values() for volume in each.get("volumes", ())]
    files = [mount.split(":") for mount in mounts if mount.startswith(".")]
    assert len(files) >= 7
    for source, _, mode in files:
        assert (FOLDER / source).exists(), source
        assert mode == "ro"


def test_each_volume_is_declared_and_no_two_services_share_one():
    mounts = [volume for each in SERVICES.values() for volume in each.get("volumes", ())]
    named = [mount.split(":")[0] for mount in mounts if not mount.startswith(".")]
    assert sorted(named) == sorted(WHOLE["volumes"])


def test_admins_and_replicas_keep_their_state_where_the_image_has_it():
    (state,) = dockerfile.the_only("VOLUME").strings()
    for each in (*of("admin").values(), *of("chat").values()):
        assert [volume.split(":")[1] for volume in each["volumes"]] == [state]


def test_every_setting_is_one_that_the_service_knows():
    for name, each in OURS.items():
        told = {key for key in each["environment"] if key.startswith("PROMPTCAST_")}
        assert told, name
        assert told <= KNOWN, name
    for name, file in [
        ("haproxy", "deploy/haproxy/haproxy.cfg"),
        ("grafana", "deploy/grafana/provisioning/datasources/prometheus.yml"),
    ]:
        named = [key for key in SERVICES[name]["environment"] if key.startswith("PROMPTCAST_")]
        text = (ROOT / file).read_text()
        assert named
        assert [key for key in named if f"${{{key}}}" not in text] == []


@pytest.mark.parametrize("name", [*of("admin"), *of("chat")])
def test_admins_and_replicas_accept_their_settings(name):
    kind = OURS[name]["command"][0]
    env = {**dockerfile.environment(), **SERVICES[name]["environment"]}
    got = settings.load_settings(env, service=kind, default_replica_id="none")
    assert got.port == LISTENS[kind]
    if kind == "chat":
        assert got.replica_id == name
        assert got.advertise_url == f"http://{name}:{got.port}"
        assert not got.chat_open


def test_what_must_be_the_same_everywhere_is():
    environments = [each["environment"] for kind in LISTENS for each in of(kind).values()]
    for name in ("NAMESPACE", "SIGNING_KEYS", "DURABILITY", "REAP_AFTER", "CHAT_KEY", "MODEL"):
        said = {env.get(f"PROMPTCAST_{name}") for env in environments}
        assert len(said) == 1, name


def test_what_is_built_is_the_dockerfile_s_default_and_this_version():
    text = dockerfile.DOCKERFILE.read_text()
    assert f"ARG PYTHON_IMAGE={WHOLE['x-ours']['build']['args']['PYTHON_IMAGE']}\n" in text
    (version,) = re.findall(r"^ARG VERSION=(.+)$", text, re.MULTILINE)
    assert {each["image"] for each in OURS.values()} == {f"promptcast:{version}"}


def test_every_image_is_pinned():
    for name, each in SERVICES.items():
        assert re.search(r":v?\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?$", each["image"]), name


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_shut_in(name):
    each = SERVICES[name]
    assert each["read_only"] is True
    assert each["cap_drop"] == ["ALL"]
    assert each["security_opt"] == ["no-new-privileges:true"]
    assert each["restart"] == "unless-stopped"
    assert set(each["deploy"]["resources"]["limits"]) >= {"memory", "pids"}
    assert not {"privileged", "cap_add", "pid", "network_mode", "devices"} & set(each)


def test_only_the_balancer_and_grafana_are_published_and_to_this_machine():
    published = {name: each["ports"] for name, each in SERVICES.items() if "ports" in each}
    assert set(published) == {"haproxy", "grafana"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_redis_is_where_nobody_else_is_and_nothing_leads_out():
    assert SERVICES["redis"]["networks"] == ["data"]
    assert WHOLE["networks"]["data"] == {"internal": True}
    inside = {name for name, each in SERVICES.items() if "data" in each["networks"]}
    assert inside == {"redis", *of("admin"), *of("chat")}


def test_everybody_gets_longer_to_stop_than_they_take():
    for name, each in of("chat").items():
        env = {**dockerfile.environment(), **each["environment"]}
        drains = settings.load_settings(env, service="chat").drain_timeout
        grace = seconds(each["stop_grace_period"])
        assert grace > drains + CUT_OFF_SECONDS + LEAVE_SECONDS, name
    for name, each in of("admin").items():
        assert seconds(each["stop_grace_period"]) > ADMIN_ANSWERS_SECONDS + LEAVE_SECONDS, name


def test_services_log_in_as_users_of_the_server_that_are_on():
    acl = (ROOT / "deploy" / "redis" / "users.acl").read_text()
    for kind, user in (("admin", "admin"), ("chat", "replica")):
        for each in of(kind).values():
            assert each["environment"]["REDIS_URL"].startswith(f"redis://{user}:")
        assert re.search(rf"^user {user} on #\$\{{{user.upper()}_SHA256\}} ", acl, re.MULTILINE)
    asks = SERVICES["redis"]["healthcheck"]["test"][1]
    assert re.search(r"^user exporter on .*\+ping", acl, re.MULTILINE)
    assert "$REDIS_EXPORTER_PASSWORD redis-cli --user exporter" in asks


def test_the_balancer_has_the_addresses_that_the_services_have():
    env = SERVICES["haproxy"]["environment"]
    for kind, port in LISTENS.items():
        for name, each in of(kind).items():
            at = each["networks"]["front"]["ipv4_address"]
            assert env[f"PROMPTCAST_{name.upper().replace('-', '_')}"] == f"{at}:{port}"
    assert set(SERVICES["haproxy"]["depends_on"]) == {*of("admin"), *of("chat")}


def test_prometheus_finds_them_by_the_names_they_have():
    told = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    jobs = {each["job_name"]: each["static_configs"] for each in told["scrape_configs"]}
    for kind, port in LISTENS.items():
        found = {at for group in jobs[f"promptcast-{kind}"] for at in group["targets"]}
        assert found == {f"{name}:{port}" for name in of(kind)}
        assert all("watch" in each["networks"] for each in of(kind).values())
    for group in jobs["promptcast-chat"]:
        (at,) = group["targets"]
        named = SERVICES[at.partition(":")[0]]["environment"]["PROMPTCAST_REPLICA_ID"]
        assert group["labels"]["replica"] == named
    assert (
        SERVICES["grafana"]["environment"]["PROMPTCAST_PROMETHEUS_URL"] == "http://prometheus:9090"
    )


# --- .env ---------------------------------------------------------------------------------------------


def test_what_must_be_set_is_what_the_example_leaves_empty():
    asked = {name for name, how in variables().items() if how == ":?"}
    assert asked == {name for name, value in SECRETS.items() if not value}


def test_the_example_names_everything_that_can_be_set():
    text = (FOLDER / ".env.example").read_text()
    named = set(re.findall(r"^#?([A-Z_]+)=", text, re.MULTILINE))
    assert named == {*variables(), "COMPOSE_PROFILES"}


@pytest.mark.parametrize("name", [name for name, value in SECRETS.items() if not value])
def test_nothing_starts_without_each_secret(name):
    with pytest.raises(Missing, match=name):
        compose({**GIVEN, name: ""})


def test_the_readme_s_command_makes_a_secret_of_its_own_for_each(tmp_path):
    folder = tmp_path / "deploy" / "container"
    folder.mkdir(parents=True)
    shutil.copy(FOLDER / ".env.example", folder)
    (command,) = re.findall(
        r"^```sh\n(.+?)^```", (FOLDER / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    subprocess.run(["sh", "-eu", "-c", command], cwd=tmp_path, check=True, timeout=30)
    made = env_file(folder / ".env")
    assert (folder / ".env").stat().st_mode & 0o077 == 0
    fresh = [made[name] for name, value in SECRETS.items() if not value]
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in fresh)
    assert len(set(fresh)) == len(fresh)
    assert {name: value for name, value in made.items() if SECRETS[name]} == {
        name: value for name, value in SECRETS.items() if value
    }
    compose(made)


def test_the_example_is_in_the_repository_and_a_filled_one_is_not():
    lines = (ROOT / ".gitignore").read_text().splitlines()
    assert lines.index(".env.*") < lines.index("!.env.example")
    assert ".env" in lines
