"""``X-Prompt-Min-Position``: read what was just saved, from any replica."""

import asyncio

import pytest

from services.chat import min_position
from tests.services.chat.conftest import Serve, Service
from tests.services.chat.replicas import live_prompt
from tests.services.chat.scripted import ScriptedModel
from tests.waiting import until


async def test_a_position_that_is_applied_is_answered_at_once(chat: Service):
    for position in ("0", "57"):
        async with chat.completions(
            model="gpt", headers={"X-Prompt-Min-Position": position}
        ) as answer:
            assert answer.status == 200
    assert chat.replica.waiting == 0


async def test_a_request_waits_for_its_position_and_gets_the_new_prompt(
    chat: Service, model: ScriptedModel
):
    async def ask() -> tuple[int, str]:
        async with chat.completions(model="gpt", headers={"X-Prompt-Min-Position": "58"}) as answer:
            return answer.status, answer.headers["X-Prompt-Version"]

    asking = asyncio.ensure_future(ask())
    await until(lambda: chat.replica.waiting == 1, 5.0)
    assert not model.calls
    await chat.replica.apply(58, live_prompt("New.", version=42, revision=58))
    assert await asking == (200, "42")
    assert model.calls[0].body["messages"][0]["content"] == "New."


async def test_a_position_that_does_not_come_is_a_503(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(min_position, "WAIT_SECONDS", 0.02)
    chat = await serve()
    async with chat.completions(model="gpt", headers={"X-Prompt-Min-Position": "58"}) as answer:
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "1"
        assert answer.headers["X-Prompt-Version"] == "41"
        error = (await answer.json())["error"]
    assert error["code"] == "position_not_applied"
    assert "57" in error["message"]


async def test_a_rejected_position_is_a_503_at_once(chat: Service, model: ScriptedModel):
    chat.replica.rejections["system", 57] = "template: line 1, column 3"
    async with chat.completions(model="gpt", headers={"X-Prompt-Min-Position": "57"}) as answer:
        assert answer.status == 503
        error = (await answer.json())["error"]
    assert error["code"] == "prompt_rejected"
    assert "line 1, column 3" in error["message"]
    assert not model.calls


async def test_a_rejection_that_comes_while_waiting_is_told(chat: Service):
    async def ask() -> str:
        async with chat.completions(model="gpt", headers={"X-Prompt-Min-Position": "58"}) as answer:
            code: str = (await answer.json())["error"]["code"]
            return code

    asking = asyncio.ensure_future(ask())
    await until(lambda: chat.replica.waiting == 1, 5.0)
    chat.replica.rejections["system", 58] = "hash"
    await chat.replica.apply(58)
    assert await asking == "prompt_rejected"


async def test_the_rejection_of_another_event_is_no_matter(chat: Service):
    chat.replica.rejections["system", 56] = "hash"
    chat.replica.rejections["other", 57] = "hash"
    async with chat.completions(model="gpt", headers={"X-Prompt-Min-Position": "57"}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("wrong", ["", "-1", "1.5", "x", "0x10", "9" * 17, "١"])
async def test_what_is_no_position_is_a_400(chat: Service, wrong: str):
    async with chat.completions(model="gpt", headers={"X-Prompt-Min-Position": wrong}) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["param"] == "X-Prompt-Min-Position"


async def test_waiters_are_bounded(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(min_position, "MAX_WAITING", 2)
    chat = await serve()
    headers = {"X-Prompt-Min-Position": "58"}

    async def ask() -> int:
        async with chat.completions(model="gpt", headers=headers) as answer:
            status: int = answer.status
            return status

    waiting = [asyncio.ensure_future(ask()) for _ in range(2)]
    await until(lambda: chat.replica.waiting == 2, 5.0)
    async with chat.completions(model="gpt", headers=headers) as answer:
        assert answer.status == 503
        assert (await answer.json())["error"]["code"] == "too_many_waiting"
    async with chat.completions(model="gpt") as answer:
        assert answer.status == 200  # who does not wait is not in the way
    await chat.replica.apply(58)
    assert await asyncio.gather(*waiting) == [200, 200]


async def test_a_client_that_leaves_waits_no_more(chat: Service):
    asking = asyncio.ensure_future(
        chat.http.post("/chat", json={"message": "Hello?"}, headers={"X-Prompt-Min-Position": "58"})
    )
    await until(lambda: chat.replica.waiting == 1, 5.0)
    asking.cancel()
    await until(lambda: chat.replica.waiting == 0, 5.0)
