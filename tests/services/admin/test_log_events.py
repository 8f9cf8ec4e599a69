import base64
import hashlib
import json

import pytest

from events.chain import Entry
from services.admin import log_events
from services.cli.log_entries import entries
from tests.services.admin.stage import refusal
from tests.services.admin.test_prompts import pages

EVENTS = "/api/v1/events"


async def test_the_log_is_given_as_stored(stage):
    saved = await stage.saved("Bé kind 🙂.", body={"config": {"parameters": {"x": 1e22}}})
    response = await stage.call("GET", EVENTS)
    text = await response.read()
    opened, event = json.loads(text)["items"]
    assert opened["event"]["type"] == "promptcast.LogOpened.v1"
    assert (event["position"], event["hash"]) == (2, saved["hash"])
    assert event["event"]["data"]["template"] == "Bé kind 🙂."
    assert event["at"].endswith("Z")
    assert {"raw", "kid", "sig", "foreign"}.isdisjoint(event)
    # … byte for byte: the hash of what stands in the page is the event's
    stored = text[text.rindex(b'"event":') + len(b'"event":') : text.rindex(b"}]")]
    assert hashlib.sha256(stored).hexdigest() == saved["hash"]
    assert len(stored) == event["size"]


async def test_the_log_comes_in_pages(stage):
    for number in range(4):
        await stage.saved(str(number), name=f"p{number}")
    found = await pages(stage, EVENTS, limit="2")
    positions = [[item["position"] for item in page] for page in found]
    assert positions == [[1, 2], [3, 4], [5]]
    assert await stage.get(f"{EVENTS}?cursor=5") == {"items": [], "next": None}
    assert len((await stage.get(f"{EVENTS}?cursor=0&limit=1000"))["items"]) == 5


async def test_a_page_that_was_cut_by_its_size_has_a_next_one(stage, monkeypatch):
    await stage.saved()
    whole = stage.core.events

    async def cut(self, cursor, limit):
        return (await whole(cursor, limit))[:1]

    monkeypatch.setattr(type(stage.core), "events", cut)
    assert (await stage.get(EVENTS))["next"] == 1


async def test_a_full_page_has_a_next_one_however_little_is_known_of_the_log(stage, monkeypatch):
    monkeypatch.setattr(type(stage.core), "head_position", property(lambda self: 0))
    assert (await stage.get(f"{EVENTS}?limit=1"))["next"] == 1
    assert (await stage.get(f"{EVENTS}?limit=2"))["next"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "cursor=-1", "cursor=x", "cursor=1e3"])
async def test_wrong_parameters_are_refused(stage, query):
    assert await refusal(await stage.call("GET", f"{EVENTS}?{query}")) == (422, "invalid")


@pytest.mark.parametrize(
    "poison",
    [b"\xff\xfe no text", b"", b"[1]", b'"text"', b"{", b"[" * 100_000, b'{"a": NaN}', b"{} {}",
     b'{"a":' * 300 + b"1" + b"}" * 300],
)  # fmt: skip
async def test_what_is_no_json_object_is_given_in_base64(stage, poison):
    position = await stage.poison(poison, kid="k", sig="s")
    page = await stage.get(EVENTS)
    item = page["items"][-1]
    assert item["position"] == position
    assert item["event"] is None
    assert base64.b64decode(item["raw"]) == poison
    assert (item["kid"], item["sig"], item["size"]) == ("k", "s", len(poison))


@pytest.mark.parametrize("poison", [b"{}", b' {"event": 1, "a":1e400}\n', b'{"id": "x"}'])
async def test_poison_that_is_json_is_given_untouched(stage, poison):
    await stage.poison(poison, hash='","event":{}')
    await stage.saved()
    response = await stage.call("GET", EVENTS)
    text = await response.read()
    assert json.loads(text)["items"][1]["hash"] == '","event":{}'
    found = [entry.event for entry in entries(text)]
    assert found[1] == poison
    assert len(found) == 3


def test_a_time_that_is_none_and_more_than_can_be_shown_are_left_out(monkeypatch):
    monkeypatch.setattr(log_events, "MAX_RAW_BYTES", 10)
    entry = Entry(7, b"x" * 11, "", 10**30, foreign=("a", "b"))
    assert json.loads(log_events.item(entry)) == {
        "position": 7,
        "hash": "",
        "at": None,
        "size": 11,
        "foreign": ["a", "b"],
        "event": None,
    }
