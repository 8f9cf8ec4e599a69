import asyncio
import json
from dataclasses import asdict

import pytest
from prometheus_client import Gauge

from projections.reports import LiveVersion
from services.admin import telling, updates
from services.admin.app import leave
from services.admin.context import WATCHERS
from services.admin.hub import QUEUE_LENGTH
from services.admin.problems import Problem
from services.admin.views import Update
from services.admin.watchers import Watchers
from services.cli.server_events import ServerEvent, server_events
from tests.services.admin.conftest import STAGES
from tests.services.admin.stage import refusal
from tests.waiting import until

UPDATES = "/api/v1/updates"


@pytest.fixture
async def follow(stage):
    """Opens the stream, and gives its response and its events."""
    opened = []

    async def open_stream():
        response = await stage.call("GET", UPDATES)
        opened.append(response)
        assert response.status == 200
        return response, server_events(response.content.iter_any())

    yield open_stream
    for response in opened:
        response.close()


async def named(events, name):
    """The next event of this name."""
    async with asyncio.timeout(5):
        async for event in events:
            if event.name == name:
                return event
    raise AssertionError("the stream has ended")


def clients(stage):
    return stage.registry.get_sample_value("promptcast_sse_clients")


async def test_the_stream_begins_with_the_whole_state(stage, follow):
    await stage.saved()
    await stage.report("chat-1", 2)
    response, events = await follow()
    assert response.content_type == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-store"
    state = await anext(events)
    assert state.name == "state"
    assert state.data["fleet"] == {
        **(await stage.get("/api/v1/fleet")),
        "items": state.data["fleet"]["items"],
    }
    assert [member["id"] for member in state.data["fleet"]["items"]] == ["chat-1"]
    assert state.data["prompts"] == (await stage.get("/api/v1/prompts"))["items"]
    assert (state.data["head"], state.data["state"], state.data["read_only"]) == (
        2,
        "current",
        None,
    )


async def test_what_happens_then_is_told_in_order(stage, follow):
    _, events = await follow()
    await anext(events)
    await stage.saved("a secret text", body={"note": "why"})
    await stage.report("chat-1", 2)
    await stage.restore(1)
    await stage.archive()
    told: list[ServerEvent] = []
    while not told or told[-1].name != "archived":
        told.append(await anext(events))
    assert [event.name for event in told if event.name != "replica"] == [
        "saved",
        "reported",
        "archived",
    ]
    saved = told[0].data
    assert (saved["prompt"], saved["version"], saved["position"], saved["note"]) == (
        "system",
        1,
        2,
        "why",
    )
    assert told[1 if told[1].name == "reported" else 2].data["replica"] == "chat-1"
    assert "a secret text" not in str(told)


async def test_a_report_tells_what_is_served_differently(stage, follow):
    _, events = await follow()
    await anext(events)
    served = LiveVersion(version=4, revision=9, content_hash="d" * 64)
    await stage.report("chat-1", 9, changed={"system": served, "gone": None})
    reported = await named(events, "reported")
    assert reported.data["changed"] == {"system": asdict(served), "gone": None}


async def test_silence_is_told_at_each_look_and_so_is_its_end(stage, follow, monkeypatch):
    await stage.report("chat-1", 1)
    _, events = await follow()
    await anext(events)
    monkeypatch.setattr(telling, "SILENT_SECONDS", 0.0)
    for _ in range(2):
        stage.core.watch.on_look([])
        late = await named(events, "replica")
        assert (late.data["id"], late.data["silent_seconds"] > 0) == ("chat-1", True)
    monkeypatch.undo()
    await stage.report("chat-1", 1)
    assert (await named(events, "replica")).data["silent_seconds"] < telling.SILENT_SECONDS


@pytest.mark.parametrize("stage", STAGES[1:], indirect=True)
async def test_a_change_of_people_is_told_without_saying_what(stage, follow):
    _, events = await follow()
    await anext(events)
    answer = await stage.call("POST", "/api/v1/people", json={"name": "ann", "role": "viewer"})
    assert answer.status == 201
    assert (await named(events, "access")).data == {}


async def test_positions_are_the_ids_of_events(stage):
    response = await stage.call("GET", UPDATES)
    await stage.report("chat-1", 1)
    await stage.saved()
    text = b""
    while b"event: saved" not in text:
        text += await response.content.readany()
    response.close()
    assert b"\n\nevent: reported\ndata: {" in text  # its position is a replica's, not the log's
    assert b"retry: 1000\nid: 1\nevent: state\ndata: {" in text
    assert b"\n\nid: 2\nevent: saved\ndata: {" in text


async def test_a_quiet_stream_has_comments(stage, monkeypatch):
    monkeypatch.setattr(updates, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(updates, "COMMENT_SECONDS", 0.05)
    response = await stage.call("GET", UPDATES)
    text = b""
    while text.count(b"\n\n:\n\n:\n\n") < 1:
        text += await response.content.readany()
    response.close()


async def test_clients_are_counted_and_their_places_are_free_when_they_leave(
    stage, follow, monkeypatch
):
    monkeypatch.setattr(updates, "LOOK_SECONDS", 0.01)
    first, events = await follow()
    await anext(events)
    await follow()
    assert clients(stage) == 2
    first.close()
    await until(lambda: clients(stage) == 1)


async def test_there_is_room_for_so_many_clients_only(stage, follow):
    stage.client.app[WATCHERS]._most = 1
    await follow()
    response = await stage.call("GET", UPDATES)
    assert await refusal(response) == (429, "too-many-requests")
    assert response.headers["Retry-After"] == "5"


async def test_a_client_that_is_too_slow_is_cut_off(stage, follow):
    response, events = await follow()
    await anext(events)
    for number in range(QUEUE_LENGTH + 1):
        stage.core.hub.tell(Update(kind="reported", data={"replica": "chat-1", "position": number}))
    told = [event async for event in events]
    assert len(told) == QUEUE_LENGTH
    assert response.content.at_eof()


async def test_a_client_that_takes_nothing_is_cut_off(stage, monkeypatch):
    monkeypatch.setattr(updates, "WRITE_SECONDS", 0.05)
    response = await stage.call("GET", UPDATES)
    response.connection.transport.pause_reading()
    big = {"replica": "chat-1", "detail": "x" * 1_000_000}

    def told():
        stage.core.hub.tell(Update(kind="reported", data=big))
        return clients(stage) == 0

    await until(told, 30)
    response.close()


@pytest.mark.parametrize("how", ["shutdown", "hub"])
async def test_the_streams_end_when_the_service_stops(stage, follow, how):
    _, events = await follow()
    await anext(events)
    if how == "hub":
        stage.core.hub.close()
    else:
        await leave(stage.client.app)
    async with asyncio.timeout(5):
        assert [event async for event in events] == []
    await until(lambda: clients(stage) == 0)


def test_data_with_line_breaks_stays_one_event():
    note = "a\n\nevent: state\ndata: {}\r\u2028"
    text = updates._event(Update(kind="saved", data={"note": note, "position": 3}))
    number, name, data, *end = text.split(b"\n")
    assert (number, name, end) == (b"id: 3", b"event: saved", [b"", b""])
    assert json.loads(data.removeprefix(b"data: "))["note"] == note
    assert b"\r" not in text


def test_a_place_is_given_back_after_an_error():
    gauge = Gauge("clients", "Clients", registry=None)
    watchers = Watchers(gauge, most=1)
    with pytest.raises(RuntimeError), watchers.one_more():
        raise RuntimeError
    with watchers.one_more(), pytest.raises(Problem):
        watchers.one_more().__enter__()
