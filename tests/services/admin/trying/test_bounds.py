"""A trial has limits on all sides, and trusts no replica further than it must."""

import asyncio
import json

import pytest
import structlog
from aiohttp import web

from services.admin.trying.asking import is_fetchable
from services.admin.trying.trials import MOST_AT_A_TIME
from services.vouching import vouch
from tests.services.admin.stage import PROMPTS, refusal
from tests.services.admin.trying.conftest import REPLY
from tests.services.chat.replicas import live_prompt
from tests.waiting import until

TRY = f"{PROMPTS}/system/try"
KEY = "the-chat-key"


@pytest.mark.parametrize(
    "body",
    [{}, {"message": ""}, {"message": " \n"}, {"message": 7}, {"message": "é" * 16_385},
     {"message": "x", "mood": "good"}, {"message": "x", "replica": ""}, {"message": "x", "all": "yes"},
     {"message": "x", "variables": {"a": 1}}, {"message": "x", "replica": "r" * 201},
     {"message": "x", "variables": {str(n): "" for n in range(257)}}],
)  # fmt: skip
async def test_a_question_that_is_none_is_refused(scene, body):
    response = await scene.stage.call("POST", TRY, json=body)
    assert await refusal(response) == (422, "invalid")


async def test_the_longest_question_is_asked(scene, fake):
    await scene.row(message="é" * 16_384)
    assert fake.requests[0][2]["message"] == "é" * 16_384


async def test_only_so_many_prompts_are_tried_at_a_time(scene, fake):
    go = asyncio.Event()

    async def slow(_request):
        await go.wait()
        return web.json_response(REPLY)

    fake.handler = slow
    asked = [asyncio.create_task(scene.row()) for _ in range(MOST_AT_A_TIME)]
    await until(lambda: len(fake.requests) == MOST_AT_A_TIME)
    response = await scene.stage.call("POST", TRY, json={"message": "x"})
    assert int(response.headers["Retry-After"]) > 0
    assert await refusal(response) == (429, "too-many-requests")
    go.set()
    assert [(await row)["reply"] for row in asked] == ["Hello."] * MOST_AT_A_TIME
    assert (await scene.row())["reply"] == "Hello."


async def test_a_replica_that_takes_too_long_is_given_up(scene, fake, fakes):
    async def silent(_request):
        await asyncio.Event().wait()

    fake.handler = silent
    other = await fakes()
    other.answer = {**REPLY, "replica": "chat-2"}
    await scene.member("chat-2", other.url)
    await scene.use_key(seconds=0.05)
    rows = await scene.rows(all=True)
    assert [(row["problem"] or {}).get("code") for row in rows] == ["replica_timeout", None]


async def test_the_question_goes_to_chat_with_the_prompts_name_and_revision(scene, fake):
    await scene.row(message="Hello?", variables={"a": "b"})
    ((path, headers, body),) = fake.requests
    assert path == "/chat"
    assert (headers["X-Prompt-Name"], headers["X-Prompt-Min-Position"]) == ("system", "2")
    assert body == {"message": "Hello?", "variables": {"a": "b"}}
    assert not {"Authorization", "Cookie"} & headers.keys()


async def test_the_chat_key_goes_to_who_has_it(scene, serve):
    chat = await serve(live_prompt(), chat_key=KEY)
    await scene.member("chat-1", chat.url, voucher=vouch(KEY, "chat-1", chat.url))
    assert await scene.problem() == "invalid_api_key"  # the admin service has none
    await scene.use_key(KEY)
    assert (await scene.row())["reply"] == "Hello."


@pytest.mark.parametrize("made_with", [None, "another-key"])
async def test_a_forged_report_gets_neither_the_chat_key_nor_the_question(scene, fake, made_with):
    await scene.use_key(KEY)
    voucher = vouch(made_with, "chat-1", fake.url) if made_with else None
    await scene.member("chat-1", fake.url, voucher=voucher)
    assert await scene.problem(all=True) == "not_vouched"
    other = vouch(KEY, "chat-1", "http://10.0.0.1:8080")
    await scene.member("chat-1", fake.url, voucher=other)
    assert await scene.problem(replica="chat-1") == "not_vouched"
    assert fake.requests == []


async def test_a_voucher_is_shown_to_nobody(scene, fake):
    voucher = vouch(KEY, "chat-1", fake.url)
    await scene.member("chat-1", fake.url, voucher=voucher)
    assert voucher not in json.dumps(await scene.stage.get("/api/v1/fleet"))
    response = await scene.stage.call("GET", "/api/v1/updates")
    await scene.member("chat-2", fake.url, voucher=voucher)
    told = b""
    while b"event: replica" not in told or not told.endswith(b"\n\n"):
        told += await response.content.readany()
    response.close()
    assert b"chat-2" in told
    assert voucher.encode() not in told


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(scene, fake, fakes, status):
    elsewhere = await fakes()
    fake.status, fake.headers = status, {"Location": f"{elsewhere.url}/chat"}
    assert await scene.problem() == "replica_not_understood"
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://10.0.0.1/", "unix:/run/x.sock", "gopher://h", "//host", "", "chat:8080",
     "http://", "http://user:word@h", "http://h/?x=1", "http://h/#x", "http://h:0", "http://h:x",
     "http://h\\@other", "http://h /", "http://h\r\nX: y", "http://[::1", "http://\u00e9", "javascript:0",
     "http://" + "h" * 2_000],
)  # fmt: skip
def test_what_is_no_plain_url_of_http_is_never_fetched(url):
    assert not is_fetchable(url)


@pytest.mark.parametrize(
    "url", ["http://h", "https://h:8443", "http://[::1]:8080", "http://10.0.0.1:1/prompt/a", "http://h/"]
)  # fmt: skip
def test_a_plain_url_of_http_may_be_fetched(url):
    assert is_fetchable(url)


async def test_such_a_url_is_a_problem_of_the_row(scene):
    await scene.member("chat-1", "file:///etc/passwd")
    assert await scene.problem() == "url_refused"


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, b""), (200, b"no json"), (200, b"[]"), (200, b"null"), (200, b'{"reply":"\\ud800"}'),
        (200, b"[" * 100_000), (200, b"\xff"), (200, {"reply": "x"}), (200, {**REPLY, "reply": 7}),
        (200, {**REPLY, "prompt": []}), (200, {**REPLY, "prompt": {"version": "1", "revision": 2}}),
        (200, {**REPLY, "prompt": {"version": 0, "revision": 2}}), (500, b"oops"), (404, {}),
        (200, {**REPLY, "prompt": {"version": 10**30, "revision": 2}}),
        (500, {"error": "x"}), (500, {"error": {"code": 7, "message": []}}), (204, b""),
    ],
)  # fmt: skip
async def test_what_is_no_answer_of_a_replica_is_a_problem_of_the_row(scene, fake, status, answer):
    fake.status, fake.answer = status, answer
    assert await scene.problem() == "replica_not_understood"


async def test_little_is_read_of_an_answer_that_does_not_end(scene, fake):
    async def endless(request):
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 65_536)

    fake.handler = endless
    assert await scene.problem() == "answer_too_large"


async def test_an_answer_that_breaks_off_is_a_problem_of_the_row(scene, fake):
    async def broken(request):
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"{")
        request.transport.abort()
        return response

    fake.handler = broken
    assert await scene.problem() == "replica_broke_off"


async def test_what_a_replica_tells_of_itself_is_cut(scene, fake):
    fake.answer = {
        **REPLY,
        "reply": "x" * 70_000,
        "model": "m" * 1_000,
        "usage": {"u": "u" * 9_000},
    }
    row = await scene.row()
    assert (len(row["reply"]), row["cut"], len(row["model"]), row["usage"]) == (
        65_536,
        True,
        200,
        None,
    )
    fake.status = 503
    fake.answer = {"error": {"code": "c" * 1_000, "message": "m" * 1_000}}
    fake.headers = {"X-Prompt-Version": "9" * 30, "X-Prompt-Revision": "x"}
    row = await scene.row()
    assert (len(row["problem"]["code"]), len(row["problem"]["detail"])) == (200, 500)
    assert (row["version"], row["revision"]) == (None, None)


async def test_a_trial_leaves_one_line_that_holds_no_text(scene, fake):
    fake.answer = {**REPLY, "reply": "a secret answer"}
    with structlog.testing.capture_logs() as lines:
        await scene.row(message="a secret question", variables={"x": "a secret value"})
    (line,) = [line for line in lines if line["event"] == "prompt_tried"]
    assert (line["prompt"], line["answers"], line["problems"]) == ("system", 1, 0)
    assert "secret" not in str(lines)
