"""The SDK is imported late, and nothing waits for it but questions."""

import asyncio
import subprocess
import sys

from pydantic import SecretStr

from services.chat.sdk import UpstreamOptions
from services.chat.upstream import Upstream
from services.settings import Settings
from tests.services.chat.scripted import ScriptedModel


def test_importing_the_service_does_not_import_the_sdk():
    code = "import sys, services.chat.app; sys.exit('openai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_settings_say_where_the_model_is_and_how_long_it_may_take():
    settings = Settings(
        openai_api_key=SecretStr("sk-1"),
        openai_base_url="http://model/v1",
        chat_concurrency=7,
        upstream_timeout=9,
        upstream_first_byte_timeout=3,
    )
    options = UpstreamOptions.of(settings)
    assert options == UpstreamOptions("http://model/v1", "sk-1", 7, first_byte=3, answer=9)
    assert (options.silence(stream=True), options.silence(stream=False)) == (3, 9)


def test_no_silence_is_longer_than_the_whole():
    assert UpstreamOptions(first_byte=60, answer=5).silence(stream=True) == 5


async def test_the_first_question_opens_the_client_if_nobody_has(model: ScriptedModel):
    upstream = Upstream(UpstreamOptions(base_url=model.url))
    async with upstream.ask({"messages": [], "model": "m"}, stream=False) as answer:
        assert b"Hello." in await answer.read()
    await upstream.close()


async def test_a_keyless_model_gets_a_key_that_is_none(model: ScriptedModel, monkeypatch):
    """And not the one that some other program left in the environment."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    upstream = Upstream(UpstreamOptions(base_url=model.url))
    upstream.open()
    async with upstream.ask({"messages": [], "model": "m"}, stream=False) as answer:
        assert b"Hello." in await answer.read()
    await upstream.close()
    assert model.calls[0].headers["authorization"] == "Bearer keyless"


async def test_closing_before_the_import_is_done_waits_for_it(model: ScriptedModel):
    upstream = Upstream(UpstreamOptions(base_url=model.url))
    upstream.open()
    async with asyncio.timeout(20):
        await upstream.close()
