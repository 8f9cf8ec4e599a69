"""What is counted and logged of a turn: once each, and never its content."""

import asyncio

import structlog

from tests.services.chat.conftest import Serve, Service
from tests.services.chat.replicas import live_prompt
from tests.services.chat.scripted import OK_EVENTS, Call, ScriptedModel, delta
from tests.waiting import until


async def test_a_success_is_a_line_at_debug_and_a_failure_one_at_info(
    chat: Service, model: ScriptedModel
):
    with structlog.testing.capture_logs() as lines:
        async with chat.completions(model="gpt"):
            pass
        model.script = lambda call: call.answer(500, b"")
        async with chat.completions(model="gpt"):
            pass
    answered, failed = lines
    assert (answered["event"], answered["log_level"]) == ("chat_answered", "debug")
    assert (failed["event"], failed["log_level"]) == ("chat_failed", "info")
    assert {"replica": "chat-1", "prompt": "system", "version": "41"}.items() <= failed.items()
    assert (failed["outcome"], failed["code"]) == ("upstream_error", "upstream_error")


async def test_no_line_holds_what_was_said(serve: Serve, model: ScriptedModel):
    chat = await serve(live_prompt("A secret prompt {{ x }}."), chat_key="secret-key")
    model.script = lambda call: call.answer(400, {"error": {"message": "secret answer"}})
    with structlog.testing.capture_logs() as lines:
        for variables in ({}, {"x": "a secret value"}):
            async with chat.http.post(
                "/chat",
                json={"message": "a secret message", "variables": variables},
                headers={"Authorization": "Bearer secret-key"},
            ) as answer:
                assert answer.status == 400
    assert len(lines) == 2
    assert "secret" not in str(lines)


async def test_each_outcome_is_counted_once(chat: Service, model: ScriptedModel):
    async with chat.completions(messages=[]):
        pass
    async with chat.completions(model="gpt"):
        pass
    model.script = lambda call: call.answer(400, {"error": {"message": "no"}})
    async with chat.completions(model="gpt"):
        pass
    labels = {"prompt": "system", "version": "41"}
    assert chat.metric("chat_requests_total", **labels, outcome="ok") == 1
    assert chat.metric("chat_requests_total", **labels, outcome="refused") == 2
    assert chat.metric("chat_duration_seconds_count", prompt="system") == 1


async def test_tokens_of_a_plain_answer_are_counted(chat: Service):
    async with chat.completions(model="gpt"):
        pass
    for kind, tokens in (("prompt", 11), ("completion", 3)):
        labels = {"prompt": "system", "version": "41", "kind": kind}
        assert chat.metric("chat_tokens_total", **labels) == tokens


async def test_names_that_clients_make_up_are_no_labels(chat: Service):
    for name in ("made-up", "another"):
        async with chat.completions(headers={"X-Prompt-Name": name}):
            pass
    assert "made-up" not in str([family.samples for family in chat.registry.collect()])


async def test_a_fault_of_ours_is_a_500_without_details(
    chat: Service, model: ScriptedModel, monkeypatch
):
    def stumble(_body: bytes) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("services.chat.completions.find_usage", stumble)
    with structlog.testing.capture_logs() as lines:
        async with chat.completions(model="gpt") as answer:
            assert answer.status == 500
            assert (await answer.json())["error"]["code"] == "internal_error"
            assert "secret" not in await answer.text()
    assert [line["event"] for line in lines] == ["chat_failed", "request_failed"]
    labels = {"prompt": "system", "version": "41", "outcome": "failed"}
    assert chat.metric("chat_requests_total", **labels) == 1


async def test_first_token_and_tokens_are_measured(chat: Service, model: ScriptedModel):
    go_on = asyncio.Event()

    async def slow(call: Call) -> None:
        await call.send(OK_EVENTS)
        await call.event(delta({"role": "assistant", "content": ""}))
        await go_on.wait()
        await whole_tail(call)

    async def whole_tail(call: Call) -> None:
        await call.say("Hello.")
        usage = {"prompt_tokens": 5, "completion_tokens": 2}
        await call.event({**delta({}, "stop"), "choices": [], "usage": usage})
        await call.event(b"[DONE]")
        await call.end()

    model.script = slow
    async with chat.completions(model="gpt", stream=True) as answer:
        await answer.content.readany()
        assert chat.metric("chat_in_flight") == 1
        go_on.set()
        await answer.read()
    await until(lambda: chat.metric("chat_first_token_seconds_count", prompt="system") == 1, 5.0)
    first = chat.metric("chat_first_token_seconds_sum", prompt="system")
    assert 0 < first <= chat.metric("chat_duration_seconds_sum", prompt="system")
    for kind, count in (("prompt", 5), ("completion", 2)):
        assert chat.metric("chat_tokens_total", prompt="system", version="41", kind=kind) == count
