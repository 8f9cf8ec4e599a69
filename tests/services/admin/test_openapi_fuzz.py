"""Schemathesis reads the OpenAPI document, and throws what it allows, and what it does not, at the
edit API: every answer must be one that the document knows, and none a 500."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.services.admin.conftest import STAGES
from tests.services.admin.stage import KEY

CONFIG = Path(__file__).with_name("schemathesis.toml")
HOOKS = "tests.services.admin.schemathesis_hooks"
EXAMPLES = 10
"""For each call."""

pytestmark = [pytest.mark.schemathesis, pytest.mark.soak, pytest.mark.timeout(300)]


async def fuzz(stage, directory, *options):
    """What schemathesis finds: its exit status and its report."""
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": HOOKS, "FUZZ_KEY": KEY}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()",
        "--config-file", str(CONFIG),
        "run", str(stage.client.make_url("/api/v1/openapi.json")),
        "--exclude-path", "/api/v1/updates",  # a stream never ends
        "--exclude-path", "/api/v1/logs/import",  # no JSON: test_mending.py
        "--exclude-path", "/api/v1/logs/fill",  # neither: test_trimming.py
        "--max-examples", str(EXAMPLES), "--generation-deterministic", "--no-color", *options,
        cwd=directory, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    return process.returncode, output.decode()


@pytest.mark.parametrize("stage", ["memory"], indirect=True)
async def test_the_document_is_true_for_an_empty_log(stage, tmp_path):
    status, report = await fuzz(stage, tmp_path)
    assert status == 0, report


@pytest.mark.parametrize("stage", STAGES[1:], indirect=True)
async def test_the_document_is_true_for_prompts_that_are_there(stage, tmp_path):
    await stage.saved("one")
    await stage.saved("two", on=2)
    await stage.report("chat-1", 1_000_000)  # it has whatever is saved, so that nobody waits
    status, report = await fuzz(stage, tmp_path, "--header", "If-Match: *")
    assert status == 0, report
    assert stage.core.head_position > 10  # it did get through to the log
