import asyncio
import json
import zlib

import pytest

from events.limits import MAX_CONFIG_DEPTH
from projections.refusals import Invalid
from services.admin import body
from services.admin.body import MAX_DEPTH, MOST_MISTAKES, parse
from services.admin.schemas import SaveRequest
from tests.services.admin.stage import PROMPTS, in_memory, refusal

SAVE = f"{PROMPTS}/system/versions"
CREATE = {"If-None-Match": "*"}


@pytest.fixture
async def stage():
    """In memory: nothing here depends on where the log is kept."""
    async with in_memory() as made:
        yield made


async def post(stage, data, content_type="application/json", **headers):
    sent = {"Content-Type": content_type, **CREATE, **headers}
    return await stage.call("POST", SAVE, data=data, headers=sent)


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"\xef\xbb\xbf{}", b"{} {}", b'{"template": NaN}',
     b'{"template": "\\ud800"}', b'{"template": "x", "\\udfff": 1}', b'{"template": "\xff"}',
     b'{"template": "x", "config": {"parameters": {"a": ' + b"9" * 5000 + b"}}}",
     b'{"template": "x", "config": {"parameters": {"a": 1e999}}}',
     b'{"template": "x", "config": {"parameters": {"a": ' + b"[" * 500 + b"]" * 500 + b"}}}",
     b"[" * 100_000, b'{"a":' * 100_000, b'{"template": "x\n"}', b"{'template': 'x'}",
     b'{"template": "x", "template": 1}'],
    ids=range(20),
)  # fmt: skip
async def test_what_is_no_json_of_ours_is_refused(stage, raw):
    response = await post(stage, raw)
    assert await refusal(response) == (422, "invalid")
    assert stage.core.head_position == 1


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1",
     "application/jsonx", "", "application/json; charset=\x80"],
)  # fmt: skip
async def test_another_media_type_is_refused(stage, content_type):
    response = await post(stage, b'{"template": "x"}', content_type)
    assert await refusal(response) == (415, "unsupported-media-type")


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=UTF-8", "Application/JSON", "application/json;x=y"]
)
async def test_json_in_utf8_is_taken_however_it_is_called(stage, content_type):
    assert (await post(stage, '{"template": "é"}'.encode(), content_type)).status == 201


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "identity, gzip"])
async def test_a_compressed_body_is_refused_and_never_unpacked(stage, coding):
    bomb = zlib.compress(b" " * 50_000_000)
    response = await post(stage, bomb, **{"Content-Encoding": coding})
    assert await refusal(response) == (415, "unsupported-media-type")
    assert response.headers["Accept-Encoding"] == "identity"


async def test_a_body_may_say_that_it_is_not_compressed(stage):
    response = await post(stage, b'{"template": "x"}', **{"Content-Encoding": "identity"})
    assert response.status == 201


async def test_a_body_that_does_not_come_is_not_waited_for(stage, monkeypatch):
    monkeypatch.setattr(body, "READ_SECONDS", 0.05)
    never = asyncio.Event()

    async def stuck():
        yield b"{"
        await never.wait()

    response = await post(stage, stuck())
    assert await refusal(response) == (408, "request-timeout")


def nested(depth):
    """A body whose ``parameters`` are of that depth."""
    inner = "[" * (depth - 1) + "]" * (depth - 1)
    return f'{{"template": "x", "config": {{"parameters": {{"a": {inner}}}}}}}'.encode()


def test_a_body_has_a_depth_whatever_is_in_it():
    assert parse(nested(MAX_DEPTH - 2), SaveRequest)
    with pytest.raises(Invalid, match="nested"):
        parse(nested(MAX_DEPTH - 1), SaveRequest)


async def test_parameters_may_be_as_deep_as_every_reader_of_the_log_can_take(stage):
    raw = nested(MAX_CONFIG_DEPTH)
    response = await post(stage, raw)
    assert response.status == 201, await response.text()
    shown = await stage.get(f"{PROMPTS}/system")
    assert shown["config"] == json.loads(raw)["config"]
    assert stage.core.mirror.history.prompts["system"].revision == 2
    path = f"{PROMPTS}/system/validate"
    headers = {"Content-Type": "application/json"}
    deeper = nested(MAX_CONFIG_DEPTH + 1)
    response = await stage.call("POST", path, data=deeper, headers=headers)
    assert (await response.json(content_type=None))["errors"][0]["pointer"] == "/config"


@pytest.mark.parametrize(
    "value", [10**400, -0.0, 1e308, 5e-324, True, None, "\0", "\u2028", "🙂", 2**64]
)
async def test_parameters_come_back_as_they_were_sent(stage, value):
    raw = json.dumps({"template": "x", "config": {"parameters": {"a": value}}}).encode()
    assert (await post(stage, raw)).status == 201
    shown = await stage.get(f"{PROMPTS}/system")
    assert shown["config"]["parameters"]["a"] == value


async def test_a_refusal_lists_a_hundred_mistakes_at_most(stage):
    response = await post(stage, json.dumps({f"unknown{n}": 1 for n in range(5_000)}))
    assert len((await response.json(content_type=None))["errors"]) == MOST_MISTAKES
