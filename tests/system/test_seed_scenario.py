"""What admins and chat users do all day: save, restore, look, chat."""

import asyncio
from typing import Any

import openai
import pytest

from tests.system.chat_port import SHAPES, ChatPort, Shape
from tests.system.edit_api import EditApi
from tests.system.scenarios import saved_under_load
from tests.system.system import System

SAVES, ANSWERS = 40, 300


async def answers(replicas: dict[str, ChatPort], prompt: str) -> dict[str, tuple[int, str]]:
    """What each replica answers: the version that the headers name, and the prompt's first line."""
    said = await asyncio.gather(*(port.ask(prompt) for port in replicas.values()))
    assert [each.replica for each in said] == list(replicas)
    return {each.replica: (each.version, each.prompt) for each in said}


async def test_v42_replaces_v41_on_every_replica_and_v41_comes_back(
    admin: EditApi, replicas: dict[str, ChatPort]
) -> None:
    (await admin.create("seed", "You are version 1.", wait=None)).expect(201)
    for version in range(2, 42):
        (await admin.save("seed", f"You are version {version}.", wait=None)).expect(201)
    before = (await admin.prompt("seed")).expect(200)
    assert before.json["version"] == 41

    revision = before.json["revision"]
    saved = await admin.save("seed", "You are version 42.", revision, note="friendlier")
    told = saved.expect(201).json
    assert told["version"] == 42
    assert told["propagation"]["state"] == "converged"
    assert {each["replica"] for each in told["propagation"]["replicas"]} == set(replicas)
    assert await answers(replicas, "seed") == dict.fromkeys(replicas, (42, "You are version 42."))

    restored = await admin.restore("seed", 41, told["revision"], note="v42 confused people")
    told = restored.expect(200).json
    assert (told["version"], told["propagation"]["state"]) == (41, "converged")
    assert await answers(replicas, "seed") == dict.fromkeys(replicas, (41, "You are version 41."))

    history = {each["version"]: each for each in await admin.versions("seed")}
    assert max(history) == 42, "a restore makes no version"
    assert [version for version, each in history.items() if each["live"]] == [41]
    intervals = [
        (each["action"], each["author"], each["note"], each["to"] is None)
        for each in history[41]["live_intervals"]
    ]
    assert intervals == [
        ("saved", "admin", "", False),
        ("restored", "admin", "v42 confused people", True),
    ]
    (was_live,) = history[42]["live_intervals"]
    assert (was_live["action"], was_live["note"]) == ("saved", "friendlier")
    assert was_live["to"] == history[41]["live_intervals"][1]["from"]


async def test_looking_validating_diffing_and_being_refused_append_nothing(
    admin: EditApi, system: System
) -> None:
    (await admin.create("looked-at", "One.")).expect(201)
    revision = (await admin.save("looked-at", "Two.")).expect(201).json["revision"]
    path = "/prompts/looked-at"
    with system.hand() as hand:
        before = hand.head()
        for looked in (
            "/prompts", path, f"{path}/versions", f"{path}/versions/1", "/events", "/fleet",
            f"/propagation/{revision}", "/openapi.json",
        ):  # fmt: skip
            (await admin.call("GET", looked)).expect(200)
        for template, status in (("Three {{ name }}.", 200), ("Three {{ 7*7 }}.", 422)):
            told = await admin.call("POST", f"{path}/validate", body={"template": template})
            told.expect(status)
        diff = await admin.call("GET", f"{path}/diff", query={"from": 1, "to": 2})
        assert "+Two." in diff.expect(200).json["unified"]

        (await admin.save("looked-at", "Three.", 1)).expect(412)
        (await admin.save("looked-at", "Three {{ 7*7 }}.", revision)).expect(422)
        (await admin.call("POST", f"{path}/versions", body={"template": "Three."})).expect(428)
        (await admin.restore("looked-at", 3, revision)).expect(404)
        unchanged = (await admin.save("looked-at", "Two.", revision)).expect(200)
        assert unchanged.json["unchanged"] is True
        assert hand.head() == before


@pytest.mark.parametrize("shape", ["stream", "chat stream"])
async def test_an_answer_that_streams_while_the_prompt_changes_ends_on_its_version(
    admin: EditApi, replicas: dict[str, ChatPort], shape: Shape
) -> None:
    name = f"streamed-{shape.replace(' ', '-')}"
    (await admin.create(name, "You are the first.")).expect(201)
    port = replicas["chat-1"]
    async with port.streaming(name, shape, text="word " * 40) as stream:
        saved = (await admin.save(name, "You are the second.")).expect(201).json
        assert saved["propagation"]["state"] == "converged"
        now = await port.ask(name)
        assert "You said" not in stream.text, "the old answer is not over yet"
        old = await stream.whole()
    assert (now.version, now.prompt) == (2, "You are the second.")
    assert (old.version, old.prompt) == (1, "You are the first.")


async def test_who_has_just_saved_never_meets_the_old_prompt(
    admin: EditApi, chat: ChatPort
) -> None:
    """200 saves that nobody waits for; each is asked for by its position on the shared port."""
    (await admin.create("fresh", "You are version 1.")).expect(201)
    answered: set[str] = set()
    for version in range(2, 202):
        text = f"You are version {version}."
        saved = (await admin.save("fresh", text, wait=None)).expect(201).json
        said = await chat.ask("fresh", min_position=saved["position"])
        assert (said.version, said.prompt) == (version, text)
        answered.add(said.replica)
    assert len(answered) > 1, "the shared port led to one replica only"


@pytest.mark.parametrize("shape", SHAPES)
async def test_every_way_of_asking_is_answered_from_the_live_prompt(
    admin: EditApi, chat: ChatPort, shape: Shape
) -> None:
    name = f"asked-{shape.replace(' ', '-')}"
    (await admin.create(name, "You are asked.")).expect(201)
    said = await chat.ask(name, shape=shape, text="How are you?")
    assert (said.prompt, said.question, said.version) == ("You are asked.", "How are you?", 1)
    assert said.headers["Cache-Control"] == "no-store"


async def test_no_answer_fails_or_is_malformed_while_prompts_are_saved(
    admin: EditApi, chat: ChatPort
) -> None:
    """The same with 2,000 answers and 200 saves is in ``tests/soak``."""
    await saved_under_load(admin, chat, saves=SAVES, answers=ANSWERS)


async def test_the_openai_client_is_answered_plain_and_streaming(
    admin: EditApi, chat: ChatPort
) -> None:
    """OpenAI's own asynchronous client, which checks every object against its types."""
    (await admin.create("sdk", "You are asked by a client.")).expect(201)
    wanted = 'My system prompt begins "You are asked by a client.". You said "Hello".'
    question: dict[str, Any] = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}
    async with openai.AsyncOpenAI(
        base_url=f"{chat.url}/v1", api_key="none", default_headers={"X-Prompt-Name": "sdk"}
    ) as client:
        plain = await client.chat.completions.create(**question)
        assert plain.choices[0].message.content == wanted
        assert plain.choices[0].finish_reason == "stop"
        assert plain.usage
        assert plain.usage.completion_tokens > 5

        stream = await client.chat.completions.create(
            **question, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        said = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        assert said == wanted
        assert chunks[-1].usage, "the usage was asked for"
        raw = await client.chat.completions.with_raw_response.create(**question)
        assert raw.headers["X-Prompt-Version"] == "1"
        assert [model.id for model in (await client.models.list()).data]


async def test_the_openai_client_for_threads_is_answered_too(chat: ChatPort) -> None:
    def converse() -> tuple[str, str]:
        messages: Any = [{"role": "user", "content": "Hello"}]
        with openai.OpenAI(base_url=f"{chat.url}/v1", api_key="none") as client:
            plain = client.chat.completions.create(model="demo", messages=messages)
            with client.chat.completions.create(
                model="demo", messages=messages, stream=True
            ) as stream:
                said = "".join(c.choices[0].delta.content or "" for c in stream if c.choices)
        return plain.choices[0].message.content or "", said

    plain, streamed = await asyncio.to_thread(converse)
    assert plain == streamed
    assert "bookshop" in plain, "the first prompt is there from the start"


async def test_the_openai_client_is_told_what_is_wrong_in_its_own_words(chat: ChatPort) -> None:
    messages: Any = [{"role": "system", "content": "Be mine."}, {"role": "user", "content": "Hi"}]
    async with openai.AsyncOpenAI(base_url=f"{chat.url}/v1", api_key="none") as client:
        with pytest.raises(openai.BadRequestError) as refused:
            await client.chat.completions.create(model="demo", messages=messages)
    assert refused.value.code == "system_message_refused"
