import asyncio
import io

import pytest
from structlog.testing import capture_logs

from services.admin.body import MAX_BODY_BYTES
from tests.services.admin.stage import PROMPTS, refusal, rejection


async def test_a_save_says_what_it_made_and_where_it_is(stage):
    response = await stage.save("Be kind.", body={"note": "first"})
    body = await response.json()
    assert response.status == 201
    assert response.headers["Location"] == f"{PROMPTS}/system/versions/1"
    assert "Idempotency-Replayed" not in response.headers
    assert body == {
        "prompt": "system",
        "branch": "main",
        "version": 1,
        "position": 2,
        "revision": 2,
        "hash": body["hash"],
        "content_hash": body["content_hash"],
        "author": "admin",
        "recorded_at": body["recorded_at"],
        "unchanged": False,
        "durable": True,
        "propagation": {
            "state": "no_replicas",
            "elapsed_ms": body["propagation"]["elapsed_ms"],
            "replicas": [],
        },
    }
    assert len(body["hash"]) == len(body["content_hash"]) == 64
    assert body["recorded_at"].endswith("Z")
    shown = await stage.get(response.headers["Location"])
    assert (shown["note"], shown["content_hash"]) == ("first", body["content_hash"])


async def test_a_restore_makes_an_older_version_live_and_no_new_one(stage):
    await stage.saved("one")
    second = await stage.saved("two", on=2)
    response = await stage.restore(1, on=second["revision"], body={"note": "better"})
    body = await response.json()
    assert (response.status, body["version"], body["revision"]) == (200, 1, 4)
    live = await stage.get(f"{PROMPTS}/system")
    assert (live["template"], live["version"], live["note"]) == ("one", 1, "better")
    assert len((await stage.get(f"{PROMPTS}/system/versions"))["items"]) == 2


async def test_an_archived_prompt_is_gone_until_a_save_brings_it_back(stage):
    saved = await stage.saved()
    response = await stage.archive(on=saved["revision"])
    body = await response.json()
    assert response.status == 200
    assert (body["version"], body["content_hash"], body["revision"]) == (None, None, 3)
    gone = await stage.get(f"{PROMPTS}/system", status=404)
    assert "archived" in gone["detail"]
    assert gone["archived_at"] == body["recorded_at"]
    assert gone["current_revision"] == 3
    again = await stage.saved("Back.", on=3)
    assert again["version"] == 2
    assert (await stage.get(f"{PROMPTS}/system"))["template"] == "Back."


@pytest.mark.parametrize("on", [None, 1, 3, "new"])
async def test_a_change_must_name_the_revision_that_is_there(stage, on):
    await stage.saved("one")
    expected = (428, "precondition-required") if on is None else (412, "revision-moved")
    assert await refusal(await stage.save("two", on=on)) == expected
    assert await refusal(await stage.restore(1, on=on)) == expected
    assert await refusal(await stage.archive(on=on)) == expected
    assert (await stage.get(f"{PROMPTS}/system"))["revision"] == 2


async def test_a_moved_revision_says_where_the_prompt_is(stage):
    await stage.saved("one")
    await stage.saved("two", on=2)
    body = await (await stage.save("three", on=2)).json()
    assert (body["current_revision"], body["current_version"]) == (3, 2)


@pytest.mark.parametrize("on", ["new", "*", 1])
async def test_what_was_never_saved_is_not_restored_or_archived(stage, on):
    assert await refusal(await stage.restore(1, on=on)) == (404, "not-found")
    assert await refusal(await stage.archive(on=on)) == (404, "not-found")


async def test_both_preconditions_at_once_can_never_hold(stage):
    await stage.saved("one")
    headers = {"If-Match": '"2"', "If-None-Match": "*"}
    assert (await refusal(await stage.save("two", on=None, headers=headers)))[0] == 412


async def test_the_same_content_again_changes_nothing(stage):
    first = await stage.saved("one", body={"config": {"model": "m"}})
    response = await stage.save("one", on=2, body={"config": {"model": "m"}, "note": "again"})
    body = await response.json()
    assert (response.status, body["unchanged"], body["revision"]) == (200, True, 2)
    assert "Location" not in response.headers
    assert body["hash"] == first["hash"]
    assert (await (await stage.restore(1, on=2)).json())["unchanged"] is True
    assert stage.core.head_position == 2


async def test_a_repeated_request_is_carried_out_once(stage):
    headers = {"Idempotency-Key": "one-and-only"}
    first = await stage.save("one", headers=headers)
    again = await stage.save("one", headers={"Idempotency-Key": '"one-and-only"'})
    assert (first.status, again.status) == (201, 201)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    before, after = await first.json(), await again.json()
    del before["propagation"], after["propagation"]
    assert before == after
    assert stage.core.head_position == 2


async def test_equal_requests_at_once_are_carried_out_once(stage):
    headers = {"Idempotency-Key": "one-and-only"}
    answers = await asyncio.gather(*(stage.save("one", headers=headers) for _ in range(20)))
    assert {answer.status for answer in answers} == {201}
    replayed = [answer.headers.get("Idempotency-Replayed") for answer in answers]
    assert replayed.count(None) == 1
    assert stage.core.head_position == 2


async def test_a_key_does_for_one_request_only(stage):
    headers = {"Idempotency-Key": "one-and-only"}
    await stage.saved("one", headers=headers)
    assert await refusal(await stage.save("two", headers=headers)) == (422, "key-reused")
    assert await refusal(await stage.save("one", on="*", headers=headers)) == (422, "key-reused")
    assert await refusal(await stage.restore(1, headers=headers)) == (422, "key-reused")
    waiting = await stage.save("one", headers=headers, params={"wait": "all", "timeout": "0"})
    assert waiting.headers["Idempotency-Replayed"] == "true"  # how long to wait is no part of it


@pytest.mark.parametrize(
    ("body", "pointer", "place"),
    [
        ({}, "/template", None),
        ({"template": 1}, "/template", None),
        ({"template": "", "note": "n"}, "/template", (1, 1)),
        ({"template": "a\nb {{ 7*7 }}"}, "/template", (2, 3)),
        ({"template": "a {{ b"}, "/template", (1, 3)),
        ({"template": "a\0"}, "/template", (1, 2)),
        ({"template": "x" * (256 * 1024 + 1)}, "/template", (1, 1)),
        ({"template": "x", "note": "n" * 1001}, "/note", None),
        ({"template": "x", "note": None}, "/note", None),
        ({"template": "x", "extra": 1}, "/extra", None),
        ({"template": "x", "config": []}, "/config", None),
        ({"template": "x", "config": {"modle": "m"}}, "/config/modle", None),
        ({"template": "x", "config": {"parameters": {"stream": True}}}, "/config/parameters", None),
        ({"template": "x", "config": {"parameters": {"a": "b" * 40_000}}}, "/config", None),
        ({"template": "x", "config": {"variables": {"a": 1}}}, "/config/variables/a", None),
        ({"template": "x", "config": {"model": ""}}, "/config/model", None),
    ],
)
async def test_every_mistake_is_named_with_its_place(stage, body, pointer, place):
    for path in (f"{PROMPTS}/system/versions", f"{PROMPTS}/system/validate"):
        response = await stage.call("POST", path, json=body, headers={"If-None-Match": "*"})
        told = await response.json()
        assert await refusal(response) == (422, "invalid")
        assert [error["pointer"] for error in told["errors"]] == [pointer]
        (error,) = told["errors"]
        assert error["detail"]
        assert place is None or (error["line"], error["column"]) == place
    assert stage.core.head_position == 1


async def test_several_mistakes_are_told_at_once(stage):
    body = {"template": "{{", "note": "n" * 1001, "config": {"model": 1}}
    response = await stage.save(body["template"], body=body)
    pointers = {error["pointer"] for error in (await response.json())["errors"]}
    assert pointers == {"/template", "/note", "/config/model"}


@pytest.mark.parametrize("version", ["1", 0, -1, 1.5, True, None, 2**31, 10**30])
async def test_a_version_to_restore_is_a_number(stage, version):
    await stage.saved()
    assert await refusal(await stage.restore(version)) == (422, "invalid")


async def test_a_whole_number_may_be_written_as_json_likes(stage):
    await stage.saved()
    assert (await stage.restore(1.0)).status == 200


async def test_a_version_that_was_never_saved_is_not_found(stage):
    await stage.saved()
    assert await refusal(await stage.restore(7)) == (404, "not-found")


@pytest.mark.parametrize("name", ["UPPER", "-x", "a" * 65, "a%20b", "%00", "a%0A", "ä", "a%2Fb"])
async def test_a_name_that_cannot_be_is_refused_where_it_would_be_saved(stage, name):
    assert await refusal(await stage.save(name=name)) == (422, "invalid")
    assert await refusal(await stage.restore(1, name=name)) == (404, "not-found")
    assert await refusal(await stage.call("GET", f"{PROMPTS}/{name}")) == (404, "not-found")


async def test_the_largest_valid_prompt_fits_however_it_is_written(stage):
    template, parameter = "\\u0041" * (256 * 1024), "\\u0041" * (32 * 1024 - 30)
    note = "\\ud83d\\ude42" * 1000
    config = f'{{"parameters": {{"a": "{parameter}"}}}}'
    raw = f'{{"template": "{template}", "config": {config}, "note": "{note}"}}'
    response = await stage.call(
        "POST", f"{PROMPTS}/system/versions", data=io.BytesIO(raw.encode()),
        headers={"Content-Type": "application/json", "If-None-Match": "*"},
    )  # fmt: skip
    assert response.status == 201, await response.text()
    live = await stage.get(f"{PROMPTS}/system")
    assert live["template"] == "A" * (256 * 1024)
    assert live["note"] == "🙂" * 1000


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_is_refused(stage, chunked):
    async def chunks():
        for _ in range(MAX_BODY_BYTES // 65536 + 2):
            yield b" " * 65536

    data = chunks() if chunked else io.BytesIO(b" " * (MAX_BODY_BYTES + 1))
    headers = {"Content-Type": "application/json", "If-None-Match": "*"}
    response = await stage.call("POST", f"{PROMPTS}/system/versions", data=data, headers=headers)
    assert await refusal(response) == (413, "too-large")


async def test_a_change_waits_for_every_member_when_asked_to(stage):
    await stage.report("chat-1", 1)
    await stage.report("chat-2", 1, globs=("other-*",))
    waiting = asyncio.ensure_future(stage.save(params={"wait": "all", "timeout": "20"}))
    await stage.report("chat-1", 2, lag_us=1400)
    assert not waiting.done()
    await stage.report("chat-2", 2, globs=("other-*",))
    spread = (await (await waiting).json())["propagation"]
    assert spread["state"] == "converged"
    assert spread["elapsed_ms"] not in {None, 1.4}  # its own clock, not what a replica says
    assert spread["replicas"] == [
        {"replica": "chat-1", "outcome": "applied", "lag_ms": 1.4},
        {"replica": "chat-2", "outcome": "skipped", "lag_ms": None},
    ]


async def test_a_change_that_nobody_waits_for_is_pending(stage):
    await stage.report("chat-1", 1)
    spread = (await stage.saved())["propagation"]
    assert spread["state"] == "pending"
    assert spread["replicas"] == [{"replica": "chat-1", "outcome": "pending", "lag_ms": None}]


async def test_who_has_not_reported_in_time_is_named(stage):
    await stage.report("chat-1", 1)
    await stage.report("chat-2", 2)
    saved = await stage.saved(params={"wait": "all", "timeout": "0.05"})
    spread = saved["propagation"]
    outcomes = {each["replica"]: each["outcome"] for each in spread["replicas"]}
    assert spread["state"] == "partial"
    assert outcomes == {"chat-1": "pending", "chat-2": "applied"}


async def test_a_rejection_ends_the_waiting_and_tells_its_reason(stage):
    await stage.report("chat-1", 1)
    await stage.report("chat-2", 1)
    waiting = asyncio.ensure_future(stage.save(params={"wait": "all", "timeout": "20"}))
    await stage.report("chat-1", 2, rejected=(rejection(2),))
    spread = (await (await waiting).json())["propagation"]
    assert spread["state"] == "rejected"
    assert spread["replicas"][0]["reason"] == "invalid: no good"


@pytest.mark.parametrize(
    "query",
    ["wait=none", "wait=", "timeout=31", "timeout=-1", "timeout=nan", "timeout=1_0", "timeout=x",
     "wait=all&wait=all", "wiat=all", "timeout=%D9%A3"],
)  # fmt: skip
async def test_wrong_parameters_are_refused_and_nothing_is_saved(stage, query):
    response = await stage.call(
        "POST", f"{PROMPTS}/system/versions?{query}", json={"template": "x"},
        headers={"If-None-Match": "*"},
    )  # fmt: skip
    assert await refusal(response) == (422, "invalid")
    assert stage.core.head_position == 1


async def test_each_change_leaves_one_line_in_the_log_without_the_text(stage):
    with capture_logs() as lines:
        await stage.saved("a secret text")
        await stage.save("a secret text", on=2)
        await stage.save("a secret text", on=7)
        await stage.save("a secret text {{", on=2)
        await stage.save("a secret text", on=2, body={"secret": 1})
    told = [line for line in lines if line["event"] == "change_answered"]
    assert [line["outcome"] for line in told] == [
        "saved",
        "unchanged",
        "revision-moved",
        "invalid",
        "invalid",
    ]
    assert told[0] == {
        "event": "change_answered",
        "log_level": "info",
        "action": "save",
        "prompt": "system",
        "version": 1,
        "position": 2,
        "outcome": "saved",
        "durable": True,
        "seconds": told[0]["seconds"],
        "actor": "admin",
    }
    assert "a secret text" not in str(lines)


async def test_validating_says_what_a_save_would_say_and_saves_nothing(stage):
    template = "Hi {{ name }}, {{ bot }}, ä {{name}}"
    body = {"template": template, "config": {"variables": {"bot": "Ada"}}}
    response = await stage.call("POST", f"{PROMPTS}/system/validate", json=body)
    said = await response.json()
    assert response.status == 200
    assert said["valid"] is True
    assert said["variables"] == ["name", "bot"]
    assert said["size"] == len(template.encode())
    saved = await stage.saved(template, body=body)
    assert said["content_hash"] == saved["content_hash"]
    assert stage.core.head_position == 2
