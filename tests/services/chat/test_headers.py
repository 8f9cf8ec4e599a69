"""Every answer says who gave it and from which prompt, errors and streams alike."""

import asyncio

import pytest

from tests.services.chat.conftest import Serve, Service
from tests.services.chat.replicas import live_prompt
from tests.services.chat.scripted import Call, ScriptedModel, polite
from tests.waiting import until


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


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_is_stale_if_its_version_was_taken_while_outdated(
    chat: Service, model: ScriptedModel, stream: bool
):
    """The replica is fresh again by the time that the headers go out; the version is as old as ever."""

    async def caught_up(call: Call) -> None:
        chat.replica.state, chat.replica.stale = "current", None
        await polite(call)

    model.script = caught_up
    chat.replica.state, chat.replica.stale = "stale", 12.7
    async with chat.completions(model="gpt", stream=stream) as answer:
        assert answer.status == 200
        assert answer.headers["X-Prompt-Stale"] == "12"
    async with chat.completions(model="gpt", stream=stream) as answer:
        assert "X-Prompt-Stale" not in answer.headers


async def test_how_old_it_is_by_now_is_said_rather_than_how_old_it_was(
    chat: Service, model: ScriptedModel
):
    async def older(call: Call) -> None:
        chat.replica.stale = 15.2
        await polite(call)

    model.script = older
    chat.replica.state, chat.replica.stale = "stale", 12.7
    async with chat.completions(model="gpt") as answer:
        assert answer.headers["X-Prompt-Stale"] == "15"


@pytest.mark.parametrize(("then", "stale"), [(None, None), (6.5, "6")])
async def test_what_waited_for_a_position_is_as_old_as_what_it_took_hold_of_then(
    chat: Service, model: ScriptedModel, then: float | None, stale: str | None
):
    async def caught_up(call: Call) -> None:
        chat.replica.stale = None
        await polite(call)

    async def ask() -> tuple[str, str | None]:
        async with chat.completions(model="gpt", headers={"X-Prompt-Min-Position": "58"}) as answer:
            return answer.headers["X-Prompt-Version"], answer.headers.get("X-Prompt-Stale")

    model.script = caught_up
    chat.replica.state, chat.replica.stale = "stale", 12.7
    asking = asyncio.ensure_future(ask())
    await until(lambda: chat.replica.waiting == 1, 5.0)
    chat.replica.stale = then
    await chat.replica.apply(58, live_prompt("New.", version=42, revision=58))
    assert await asking == ("42", stale)


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
