"""``POST /chat``."""

import json
from functools import partial
from typing import Any

from events.model import PromptConfig
from tests.services.chat.conftest import Serve, Service
from tests.services.chat.replicas import live_prompt
from tests.services.chat.scripted import OK_EVENTS, USAGE, Call, ScriptedModel, completion

DONE = {
    "reply": "Hello.",
    "conversation_id": "c-1",
    "response_id": "chatcmpl-1",
    "prompt": {"name": "system", "branch": "main", "version": 41, "revision": 57},
    "replica": "chat-1",
    "model": "scripted",
    "usage": USAGE,
}


def parse_events(body: str) -> list[tuple[str, Any]]:
    events = []
    for event in body.split("\n\n"):
        if event:
            name, data = event.split("\n")
            assert name.startswith("event: ")
            assert data.startswith("data: ")
            events.append((name[7:], json.loads(data[6:])))
    return events


async def test_a_reply_says_where_it_comes_from(chat: Service, model: ScriptedModel):
    async with chat.chat("Hello?", conversation_id="c-1", user_id="u-1") as answer:
        assert (answer.status, await answer.json()) == (200, DONE)
        assert answer.headers["X-Prompt-Version"] == "41"
    assert model.calls[0].body["messages"][1] == {"role": "user", "content": "Hello?"}
    assert sorted(model.calls[0].body) == ["messages", "model"]


async def test_a_streamed_reply_is_deltas_and_then_the_whole(chat: Service):
    async with chat.chat("Hello?", conversation_id="c-1", stream=True) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        events = parse_events(await answer.text())
    assert events == [("delta", {"text": "Hel"}), ("delta", {"text": "lo."}), ("done", DONE)]
    assert chat.metric("chat_tokens_total", prompt="system", version="41", kind="prompt") == 11


async def test_a_streamed_reply_that_breaks_ends_with_an_error(chat: Service, model: ScriptedModel):
    async def cut(call: Call) -> None:
        await call.send(OK_EVENTS)
        await call.say("Hel")
        call.writer.close()

    model.script = cut
    async with chat.chat("Hello?", stream=True) as answer:
        events = parse_events(await answer.text())
    assert [name for name, _ in events] == ["delta", "error"]
    assert events[-1][1]["error"]["code"] == "upstream_broke_off"


async def test_variables_fill_the_prompt_and_win_over_its_defaults(
    serve: Serve, model: ScriptedModel
):
    config = PromptConfig(variables={"who": "everybody", "tone": "kindly"})
    chat = await serve(live_prompt("Greet {{ who }} {{ tone }}.", config=config))
    async with chat.chat("Hello?", variables={"who": "Ada"}) as answer:
        assert answer.status == 200
    assert model.calls[0].body["messages"][0]["content"] == "Greet Ada kindly."


async def test_missing_variables_are_named(serve: Serve):
    chat = await serve(live_prompt("Greet {{ who }} {{ tone }}."))
    async with chat.chat("Hello?", variables={"who": "Ada"}, stream=True) as answer:
        assert answer.status == 400
        error = (await answer.json())["error"]
    assert error["code"] == "missing_variables"
    assert "tone" in error["message"]
    assert "who" not in error["message"]


async def test_unknown_fields_are_refused(chat: Service):
    async with chat.chat("Hello?", mesages=[]) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["param"] == "mesages"


async def test_a_refusal_of_the_model_is_the_reply(chat: Service, model: ScriptedModel):
    answer = completion("")
    answer["choices"][0]["message"] = {"content": None, "refusal": "I would rather not."}
    model.script = lambda call: call.answer(200, answer)
    async with chat.chat("Hello?") as got:
        assert (await got.json())["reply"] == "I would rather not."


async def test_an_answer_of_a_strange_shape_is_an_empty_reply_not_a_crash(
    chat: Service, model: ScriptedModel
):
    shapes: list[Any] = [[], [1], [{}], [{"message": 1}], [{"message": {"content": [1]}}]]
    for shape in shapes:
        strange = {"choices": shape, "usage": 3, "model": 4}
        model.script = partial(Call.answer, status=200, body=strange)
        async with chat.chat("Hello?") as got:
            assert got.status == 200
            body = await got.json()
            assert (body["reply"], body["usage"], body["response_id"]) == ("", None, None)


async def test_the_setting_names_the_model_when_the_prompt_does_not(
    serve: Serve, model: ScriptedModel
):
    chat = await serve(model="from-setting")
    async with chat.chat("Hello?"):
        pass
    assert model.calls[0].body["model"] == "from-setting"
