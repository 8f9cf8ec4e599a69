"""The image, as its Dockerfile says it is made: what can be read off without making it."""

import re

import pytest

from services import settings
from tests.deploy import dockerfile
from tests.deploy.linters import content
from tests.system.process import ROOT

KNOWN = {name for name, _, _ in settings.documented()}


def test_the_dockerfile_has_nothing_that_hadolint_complains_of():
    content("hadolint", "--failure-threshold", "style", str(dockerfile.DOCKERFILE))


def test_the_image_s_user_is_a_number_and_not_root():
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", dockerfile.the_only("USER").words)


def test_what_it_writes_to_is_a_volume_and_its_user_s():
    (volume,) = dockerfile.the_only("VOLUME").strings()
    uid, _, gid = dockerfile.the_only("USER").words.partition(":")
    assert dockerfile.environment()["PROMPTCAST_STATE_DIR"] == volume
    made = [step.words for step in dockerfile.stages()[-1] if step.name == "RUN"]
    assert f"install -d -o {uid} -g {gid} -m 0700 {volume}" in made


def test_it_becomes_the_service_itself_and_not_a_shell_around_it():
    assert dockerfile.the_only("ENTRYPOINT").strings() == ["promptcast"]
    assert dockerfile.the_only("STOPSIGNAL").words == "SIGTERM"


def test_both_stages_are_of_the_same_image_which_is_pinned():
    assert [stage[0].words.split()[0] for stage in dockerfile.stages()] == ["${PYTHON_IMAGE}"] * 2
    (base,) = re.findall(
        r"^ARG PYTHON_IMAGE=(.+)$", dockerfile.DOCKERFILE.read_text(), re.MULTILINE
    )
    assert re.search(r":3\.\d+-slim-\w+", base)
    project = (ROOT / "pyproject.toml").read_text()
    (version,) = re.findall(r'^version = "(.+)"', project, re.MULTILINE)
    assert f"ARG VERSION={version}\n" in dockerfile.DOCKERFILE.read_text()


@pytest.mark.parametrize(
    "path",
    [
        *(".env", "deploy/container/.env", "services/.env", ".git/config", ".promptcast/admin-key"),
        *("events/__pycache__/log.cpython-313.pyc", "tests/conftest.py", ".venv/bin/python"),
    ],
)
def test_neither_secrets_nor_caches_get_to_the_builder(path):
    assert not dockerfile.reaches_the_builder(path)


def test_settings_of_the_image_are_settings():
    names = {name for name in dockerfile.environment() if name.startswith("PROMPTCAST_")}
    assert names
    assert names <= KNOWN
