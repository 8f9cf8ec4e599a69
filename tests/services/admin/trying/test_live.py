"""What is live is tried on real chat services: whatever goes wrong with one stands in its row."""

import asyncio

import pytest

from events.model import PromptConfig
from services.chat import min_position
from tests.services.admin.stage import PROMPTS
from tests.services.chat.replicas import live_prompt
from tests.services.chat.scripted import completion
from tests.waiting import until

DEAD = "http://127.0.0.1:9"


async def test_a_replica_answers_and_the_row_says_from_which_version(scene, serve, model):
    await scene.member("chat-1", (await serve(live_prompt("You are kind."))).url)
    row = await scene.row(message="Who are you?")
    seconds = row.pop("seconds")
    assert 0 < seconds < 30
    assert row == {
        "source": "live", "replica": "chat-1", "version": 41, "revision": 57, "reply": "Hello.",
        "cut": False, "model": "scripted", "problem": None,
        "usage": {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14},
    }  # fmt: skip
    assert model.calls[0].body["messages"] == [
        {"role": "system", "content": "You are kind."},
        {"role": "user", "content": "Who are you?"},
    ]


async def test_the_answer_is_never_an_older_prompts(scene, serve, model):
    """The replica has not applied the newest revision when it is asked: it waits until it has."""
    chat = await serve(live_prompt("old", version=1, revision=1))
    chat.replica.applied_position = 1
    await scene.member("chat-1", chat.url, position=1)
    asked = asyncio.create_task(scene.row())
    await until(lambda: chat.replica.waiting)
    await chat.replica.apply(2, live_prompt("You are kind.", version=1, revision=2))
    assert (await asked)["revision"] == 2
    assert model.calls[0].body["messages"][0]["content"] == "You are kind."


async def test_a_replica_that_does_not_get_there_says_where_it_is(scene, serve, monkeypatch):
    monkeypatch.setattr(min_position, "WAIT_SECONDS", 0.01)
    chat = await serve(live_prompt(version=7, revision=1))
    chat.replica.applied_position = 1
    await scene.member("chat-1", chat.url, position=1)
    row = await scene.row()
    assert row["problem"]["code"] == "position_not_applied"
    assert (row["version"], row["revision"]) == (7, 1)


async def test_another_prompt_is_tried_by_its_name(scene, serve):
    await scene.stage.saved("Support.", name="support")
    await scene.member("chat-1", (await serve(live_prompt(name="support", version=3))).url)
    assert (await scene.row(prompt="support"))["version"] == 3
    assert await scene.problem() == "prompt_not_found"  # it is not live there yet


async def test_variables_go_along(scene, serve, model):
    await scene.member("chat-1", (await serve(live_prompt("You are {{ bot }}."))).url)
    await scene.row(variables={"bot": "Ada"})
    assert model.calls[0].body["messages"][0]["content"] == "You are Ada."
    assert await scene.problem() == "missing_variables"


async def test_every_replica_is_asked_side_by_side(scene, serve, model):
    """All questions are at the model before the first is answered."""

    async def together(call):
        await model.call(2)
        await call.answer(200, completion())

    model.script = together
    for number, version in ((1, 41), (2, 42)):
        chat = await serve(live_prompt(version=version), replica_id=f"chat-{number}")
        await scene.member(chat.replica.id, chat.url)
    rows = await scene.rows(all=True)
    assert [(row["replica"], row["version"]) for row in rows] == [("chat-1", 41), ("chat-2", 42)]


async def test_one_that_fails_is_a_problem_in_its_own_row(scene, serve):
    await scene.member("chat-1", (await serve()).url)
    await scene.member("chat-2", DEAD)
    await scene.member("chat-3", None)
    await scene.member("chat-4", DEAD, globs=("support-*",))
    rows = await scene.rows(all=True)
    assert [(row["replica"], (row["problem"] or {}).get("code")) for row in rows] == [
        ("chat-1", None),
        ("chat-2", "replica_unreachable"),
        ("chat-3", "replica_unheard"),
        ("chat-4", "prompt_not_held"),
    ]


async def test_one_replica_is_asked_by_name(scene, serve, fake):
    chat = await serve(replica_id="chat-2")
    await scene.member("chat-2", chat.url)
    assert (await scene.row(replica="chat-2"))["reply"] == "Hello."
    assert fake.requests == []
    assert await scene.problem(replica="chat-9") == "replica_unknown"


async def test_when_any_will_do_one_that_has_the_prompt_and_can_be_reached_is_asked(scene, serve):
    await scene.member("chat-1", DEAD, globs=("support-*",))
    await scene.member("chat-3", DEAD)  # it has just died
    chat = await serve(replica_id="chat-4")
    await scene.member("chat-4", chat.url)
    assert (await scene.row())["replica"] == "chat-4"


async def test_who_has_applied_the_revision_is_asked_before_who_is_behind(scene, serve, fake):
    await scene.member("chat-1", fake.url, position=1)
    await scene.member("chat-2", (await serve(replica_id="chat-2")).url, position=2)
    assert (await scene.row())["replica"] == "chat-2"
    assert fake.requests == []


async def test_without_a_replica_the_row_says_so(scene):
    assert await scene.problem() == "no_replica"
    assert await scene.problem(all=True) == "no_replica"
    await scene.member("chat-1", DEAD)
    assert await scene.problem() == "replica_unreachable"


async def test_a_replica_that_cannot_reach_the_model_says_so(scene, serve, model):
    await scene.member("chat-1", (await serve()).url)
    model.script = lambda call: call.answer(401, {"error": {"message": "bad key sk-123"}})
    row = await scene.row()
    assert row["problem"]["code"] == "upstream_unauthorized"
    assert "sk-123" not in str(row)


async def test_the_url_of_several_replicas_is_told_from_one_of_its_own(scene, serve):
    await scene.member("chat-7", (await serve()).url)  # where chat-1 answers
    assert await scene.problem() == "another_replica"


async def test_what_is_not_live_is_not_found(scene):
    await scene.ask(404, prompt="unknown")
    await scene.stage.archive()
    told = await scene.ask(404)
    assert (told["type"], told["current_revision"]) == ("/problems/not-found", 3)
    await scene.ask(404, prompt="No-Name")


async def test_nothing_is_appended(scene, serve):
    await scene.member("chat-1", (await serve()).url)
    before = await scene.stage.get("/api/v1/events")
    await scene.rows(all=True, draft={"template": "Be bold."})
    assert await scene.stage.get("/api/v1/events") == before
    assert await scene.stage.get(f"{PROMPTS}/system/versions/2", status=404)


async def test_the_models_name_is_that_of_the_prompts_config(scene, serve, model):
    chat = await serve(live_prompt(config=PromptConfig(model="clever")))
    await scene.member("chat-1", chat.url)
    await scene.row()
    assert model.calls[0].body["model"] == "clever"


@pytest.mark.parametrize("stage", ["memory"], indirect=True)
async def test_only_so_many_replicas_are_asked(scene, fake, monkeypatch):
    monkeypatch.setattr("services.admin.trying.trials.MOST_ASKED", 1)
    await scene.member("chat-2", fake.url)
    rows = await scene.rows(all=True)
    assert [(row["problem"] or {}).get("code") for row in rows] == [None, "not_asked"]
    assert len(fake.requests) == 1
