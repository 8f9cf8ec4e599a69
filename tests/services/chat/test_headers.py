"""Every answer says who gave it and from which prompt, errors and streams alike."""

import pytest

from tests.services.chat.conftest import Serve, Service
from tests.services.chat.replicas import live_prompt
from tests.services.chat.scripted import ScriptedModel


def of_prompt(answer) -> tuple[str | None, ...]:
    names = ("X-Prompt-Name", "X-Prompt-Version", "X-Prompt-Revision")
    return tuple(answer.headers.get(name) for name in names)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_names_its_prompt_version_revision_and_replica(chat: Service, stream: bool):
    async with chat.completions(model="gpt", stream=stream) as answer:
        assert of_prompt(answer) == ("system", "41", "57")
        assert answer.headers["X-Replica"] == "chat-1"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "X-Prompt-Stale" not in answer.headers


async def test_a_stale_replica_says_for_how_long(chat: Service):
    chat.replica.state, chat.replica.stale = "stale", 12.7
    async with chat.completions(model="gpt", stream=True) as answer:
        assert answer.headers["X-Prompt-Stale"] == "12"


async def test_the_header_picks_the_prompt(chat: Service, model: ScriptedModel):
    chat.replica.put(live_prompt("Other.", name="other", version=3, revision=60))
    async with chat.completions(model="gpt", headers={"X-Prompt-Name": "other"}) as answer:
        assert of_prompt(answer) == ("other", "3", "60")
    assert model.calls[0].body["messages"][0]["content"] == "Other."


async def test_errors_carry_what_is_known(chat: Service, model: ScriptedModel):
    async with chat.completions(messages=[]) as answer:
        assert answer.status == 400
        assert of_prompt(answer) == ("system", "41", "57")
    model.script = lambda call: call.answer(500, b"")
    async with chat.completions(model="gpt") as answer:
        assert answer.status == 502
        assert of_prompt(answer) == ("system", "41", "57")
    async with chat.completions(headers={"X-Prompt-Name": "unknown"}) as answer:
        assert answer.status == 404
        assert of_prompt(answer) == ("unknown", None, None)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/prompt", "/nowhere"])
async def test_no_answer_may_be_stored(chat: Service, path: str):
    async with chat.http.get(path) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Replica"] == "chat-1"


async def test_an_unknown_or_archived_prompt_is_a_404(chat: Service):
    chat.replica.archive("system")
    async with chat.completions(model="gpt") as answer:
        assert answer.status == 404
        assert (await answer.json())["error"]["code"] == "prompt_not_found"
    labels = {"prompt": "", "version": "", "outcome": "refused"}
    assert chat.metric("chat_requests_total", **labels) == 1


@pytest.mark.parametrize("name", ["", "No", "../x", "a" * 65, "ü", "a b"])
async def test_what_is_no_name_is_a_400(chat: Service, name: str):
    async with chat.completions(model="gpt", headers={"X-Prompt-Name": name}) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["param"] == "X-Prompt-Name"
        assert "X-Prompt-Name" not in answer.headers


async def test_a_replica_without_state_asks_to_come_back(serve: Serve):
    chat = await serve()
    chat.replica.archive("system")
    chat.replica.serving = False
    async with chat.completions(model="gpt") as answer:
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "1"
        assert (await answer.json())["error"]["code"] == "starting"
