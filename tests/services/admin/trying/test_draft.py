"""A draft is asked as a replica would ask it, and refused as its save would be."""

import asyncio
import subprocess
import sys

import pytest

from events.model import PromptConfig
from services.admin.trying.drafting import Drafting
from services.settings import Settings
from tests.services.admin.stage import PROMPTS, in_memory
from tests.services.chat.replicas import live_prompt
from tests.services.chat.scripted import completion

TEMPLATE = "You are {{ bot }}."
CONFIG = {"parameters": {"temperature": 0.2}, "variables": {"bot": "Ada"}}


async def test_the_model_is_asked_and_nothing_is_saved(scene, model):
    scene.use_model(model.url)
    row = await scene.row(draft={"template": "Be bold."}, message="Hello?")
    assert 0 < row.pop("seconds") < 30
    assert row == {
        "source": "draft", "replica": None, "version": None, "revision": None, "reply": "Hello.",
        "cut": False, "model": "scripted", "problem": None,
        "usage": {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14},
    }  # fmt: skip
    assert (await scene.stage.get(f"{PROMPTS}/system"))["version"] == 1


@pytest.mark.parametrize("name", ["clever", None])
async def test_a_draft_is_asked_word_for_word_as_a_replica_asks_it_once_it_is_saved(
    scene, serve, model, name
):
    config = {**CONFIG, "model": name}
    scene.use_model(model.url, model="fallback")
    live = live_prompt(TEMPLATE, config=PromptConfig.model_validate(config))
    await scene.member("chat-1", (await serve(live, model="fallback")).url)
    question = {"message": "Hé?", "variables": {"unused": "x"}}
    await scene.rows(draft={"template": TEMPLATE, "config": config}, **question)
    await scene.rows(**question)
    draft, saved = (call.body for call in model.calls)
    assert draft == saved
    assert draft["messages"][0] == {"role": "system", "content": "You are Ada."}
    assert (draft["model"], draft["temperature"]) == (name or "fallback", 0.2)


async def test_the_draft_and_what_is_live_are_answered_side_by_side(scene, serve, model):
    scene.use_model(model.url)
    await scene.member("chat-1", (await serve()).url)
    for whom in ({"all": True}, {"replica": "chat-1"}):
        rows = await scene.rows(draft={"template": "Be bold."}, **whom)
        assert [(row["source"], row["replica"]) for row in rows] == [
            ("draft", None),
            ("live", "chat-1"),
        ]


async def test_the_prompt_need_not_exist(scene, model):
    scene.use_model(model.url)
    assert (await scene.row(prompt="new", draft={"template": "Be bold."}))["reply"] == "Hello."
    await scene.ask(404, prompt="new", draft={"template": "Be bold."}, all=True)
    await scene.ask(422, prompt="No-Name", draft={"template": "Be bold."})


@pytest.mark.parametrize(
    "content",
    [
        {"template": ""}, {"template": "{{ 7*7 }}"}, {"template": "one\n{{ two"},
        {"template": "x" * 262_145}, {"template": "\0"}, {"template": "é\ud800"},
        {"template": "x", "config": {"parameters": {"messages": []}}},
        {"template": "x", "config": {"model": 7, "variables": {"a b": "c"}}},
        {"template": "x", "config": {"parameters": {"x": "y" * 40_000}}},
    ],
)  # fmt: skip
async def test_what_a_save_refuses_is_refused_alike_at_its_place_in_the_draft(
    scene, model, content
):
    scene.use_model(model.url)
    refused = await scene.stage.save(on="*", body=content)
    assert refused.status == 422
    by_save = (await refused.json(content_type=None))["errors"]
    for mistake in by_save:
        if mistake["pointer"]:
            mistake["pointer"] = f"/draft{mistake['pointer']}"
    by_try = (await scene.ask(422, draft=content))["errors"]
    if "\ud800" not in content["template"]:  # no JSON: both say where, in bodies that differ
        assert by_try == by_save
    assert not model.calls


@pytest.mark.parametrize("draft", [{}, {"template": 7}, {"template": "x", "note": ""}, [], "x", 7])
async def test_a_draft_of_another_shape_is_refused(scene, draft):
    errors = (await scene.ask(422, draft=draft))["errors"]
    assert all(error["pointer"].startswith("/draft") for error in errors)


async def test_what_is_missing_is_told_as_a_replica_tells_it(scene, model):
    scene.use_model(model.url)
    assert await scene.problem(draft={"template": TEMPLATE}) == "missing_variables"
    row = await scene.row(draft={"template": TEMPLATE}, variables={"bot": "Ada"})
    assert row["reply"] == "Hello."


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "upstream_unauthorized"), (429, "rate_limited"), (400, "upstream_refused"),
     (500, "upstream_error")],
)  # fmt: skip
async def test_what_the_model_refuses_is_a_problem_of_the_row(scene, model, status, code):
    scene.use_model(model.url, openai_api_key="sk-secret")
    model.script = lambda call: call.answer(status, {"error": {"message": "no: sk-secret"}})
    row = await scene.row(draft={"template": "Be bold."})
    assert row["problem"]["code"] == code
    if status in (401, 500):
        assert "sk-secret" not in str(row)


async def test_a_model_that_is_not_there_is_a_problem_of_the_row(scene):
    scene.use_model("http://127.0.0.1:9/v1")
    assert await scene.problem(draft={"template": "Be bold."}) == "upstream_unreachable"


async def test_without_a_model_in_its_settings_the_admin_service_asks_nobody(scene):
    assert await scene.problem(draft={"template": "Be bold."}) == "model_not_configured"


async def test_a_model_that_takes_too_long_is_given_up(scene, model):
    async def silent(call):
        await call.left.wait()

    model.script = silent
    settings = Settings(openai_base_url=model.url)
    scene.use_model(model.url)
    scene._trials._drafting = Drafting(settings, 4, seconds=0.05)
    scene._trials._drafting._upstream.open()
    await scene._trials._drafting._upstream._opened()  # importing it takes longer than that
    assert await scene.problem(draft={"template": "Be bold."}) == "upstream_timeout"
    async with asyncio.timeout(5):
        await (await model.call()).left.wait()


@pytest.mark.parametrize(
    "told",
    [
        {"usage": {"x": float("nan")}}, {"usage": {"x": 10**3000}}, {"usage": {"x": "\ud800"}},
        {"usage": {"x": "y" * 5000}}, {"usage": {"x": [[[]]]}}, {"usage": 7}, {"model": "\ud800"},
        {"model": "m" * 10_000}, {"id": "\ud800"},
        {"choices": [{"message": {"content": "a\ud800b"}}]}, {"choices": [7]}, {"choices": []},
    ],
)  # fmt: skip
async def test_whatever_the_model_says_there_is_a_row(scene, model, told):
    scene.use_model(model.url)
    model.script = lambda call: call.answer(200, {**completion(), **told})
    row = await scene.row(draft={"template": "Be bold."})
    assert row["problem"] is None
    assert len(str(row)) < 6_000


async def test_a_long_reply_is_cut_between_two_characters_and_marked(scene, model):
    scene.use_model(model.url)
    model.script = lambda call: call.answer(200, completion("é" * 32_768 + "!"))
    row = await scene.row(draft={"template": "Be bold."})
    assert (row["reply"], row["cut"]) == ("é" * 32_768, True)
    model.script = lambda call: call.answer(200, completion("x" + "é" * 32_768))
    row = await scene.row(draft={"template": "Be bold."})
    assert (row["reply"], row["cut"]) == ("x" + "é" * 32_767, True)
    model.script = lambda call: call.answer(200, completion("é" * 32_768))
    assert (await scene.row(draft={"template": "Be bold."}))["cut"] is False


def test_the_clients_library_is_not_imported_before_the_first_draft():
    program = (
        "import sys, services.admin.main, services.admin.trying.drafting as drafting;"
        "from services.settings import Settings;"
        "drafting.Drafting(Settings(openai_base_url='http://127.0.0.1:9'), 4);"
        "sys.exit('openai' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, timeout=50)
    assert done.returncode == 0


async def test_a_new_stage_knows_no_model_of_the_environment(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    async with in_memory() as stage:
        response = await stage.call(
            "POST", f"{PROMPTS}/system/try", json={"message": "x", "draft": {"template": "x"}}
        )
        (row,) = (await response.json())["answers"]
    assert row["problem"]["code"] == "model_not_configured"
