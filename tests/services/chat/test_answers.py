"""Answers are counted by version; the counts go into heartbeats, and never into acknowledgements."""

from prometheus_client import CollectorRegistry

from projections.reports import Report
from services.chat.answers import MAX_PROMPTS, MAX_VERSIONS, Answers
from services.chat.main import build
from services.settings import Settings
from services.vouching import is_vouched
from tests.services.chat.conftest import Service
from tests.services.chat.scripted import ScriptedModel


def counted(*given: tuple[str, int], **limits: int) -> dict[str, dict[int, int]]:
    answers = Answers(**limits)
    for prompt, version in given:
        answers.count(prompt, version)
    return answers.told()


def test_answers_are_counted_by_prompt_and_version():
    told = counted(("system", 1), ("system", 2), ("other", 1), ("system", 1))
    assert told == {"system": {1: 2, 2: 1}, "other": {1: 1}}


def test_the_version_that_was_used_longest_ago_is_forgotten_first():
    assert counted(("a", 1), ("a", 2), ("a", 1), ("a", 3), versions=2) == {"a": {1: 2, 3: 1}}


def test_the_prompt_that_was_used_longest_ago_is_forgotten_first():
    assert counted(("a", 1), ("b", 1), ("a", 1), ("c", 1), prompts=2) == {"a": {1: 2}, "c": {1: 1}}


async def test_as_much_as_there_may_be_fits_into_a_report():
    replica = built()
    for prompt in range(MAX_PROMPTS + 1):
        for version in range(MAX_VERSIONS + 1):
            for _ in range(2):
                replica.answered(f"{prompt:064}", 2**31 - 1 - version)
    heard = Report.parse(replica.heartbeat())
    assert heard is not None
    assert heard.status is not None
    assert len(heard.status.answers) == MAX_PROMPTS
    assert {len(versions) for versions in heard.status.answers.values()} == {MAX_VERSIONS}


def test_what_was_told_does_not_change_any_more():
    answers = Answers()
    answers.count("a", 1)
    told = answers.told()
    answers.count("a", 1)
    assert told == {"a": {1: 1}}


def built(**settings):
    replica = build(Settings(**settings), CollectorRegistry()).member
    replica.url = "http://127.0.0.1:8080"
    return replica


async def test_heartbeats_tell_the_counts_and_acknowledgements_do_not():
    replica = built()
    replica.answered("system", 7)
    heartbeat = Report.parse(replica.heartbeat())
    assert heartbeat is not None
    assert heartbeat.status is not None
    assert heartbeat.status.answers == {"system": {7: 1}}
    assert heartbeat.status.voucher is None
    assert b"answers" not in replica.acknowledgement()
    assert b"answers" not in replica.last_word()


async def test_a_replica_with_a_chat_key_vouches_for_its_url_without_showing_the_key():
    replica = built(chat_key="a-chat-key")
    beat = replica.heartbeat()
    heard = Report.parse(beat)
    assert heard is not None
    assert heard.status is not None
    assert is_vouched("a-chat-key", replica.id, "http://127.0.0.1:8080", heard.status.voucher)
    assert b"a-chat-key" not in beat
    assert "a-chat-key" not in repr(replica)


async def test_a_finished_answer_is_counted_and_no_other(chat: Service, model: ScriptedModel):
    async with chat.chat() as answer:
        assert answer.status == 200
    async with chat.completions(stream=True, model="gpt") as answer:
        assert b"[DONE]" in await answer.read()
    model.script = lambda call: call.answer(500, b"")
    async with chat.chat() as answer:
        assert answer.status == 502
    async with chat.http.post("/chat", json={}) as answer:
        assert answer.status == 400
    assert chat.replica.answers == [("system", 41), ("system", 41)]
