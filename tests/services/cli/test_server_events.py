from collections.abc import AsyncIterator

import pytest

from services.cli import server_events as module
from services.cli.errors import CliError
from services.cli.server_events import ServerEvent, server_events


async def chunked(text: str, size: int) -> AsyncIterator[bytes]:
    data = text.encode()
    for begin in range(0, len(data), size):
        yield data[begin : begin + size]


async def events(text: str, size: int = 1000) -> list[ServerEvent]:
    return [event async for event in server_events(chunked(text, size))]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
async def test_events_come_out_however_the_bytes_were_cut(size):
    text = ': hello\n\nevent: saved\ndata: {"prompt": "ü"}\n\nevent: replica\r\ndata: {}\r\n\r\n'
    assert await events(text, size) == [
        ServerEvent("saved", {"prompt": "ü"}),
        ServerEvent("replica", {}),
    ]


async def test_data_may_take_several_lines_and_needs_no_space():
    assert await events("event:saved\ndata:[1,\ndata: 2]\nid: 7\n\n") == [
        ServerEvent("saved", [1, 2])
    ]


async def test_an_event_that_the_stream_breaks_off_in_is_dropped():
    assert await events("event: saved\ndata: {}\n") == []


async def test_comments_and_empty_events_are_passed_over():
    assert await events(": one\n\n: two\n\nevent: saved\n\n") == []


async def test_an_event_without_a_name_is_a_message():
    assert await events("data: 1\n\n") == [ServerEvent("message", 1)]


@pytest.mark.parametrize("text", ["data: " + "1" * 200, "data: 1\n" * 30])
async def test_an_event_has_a_limit(text, monkeypatch):
    monkeypatch.setattr(module, "MAX_EVENT", 100)
    with pytest.raises(CliError, match="too large"):
        await events(text, 50)


async def test_what_is_not_json_is_refused():
    with pytest.raises(CliError, match="not JSON"):
        await events("data: {\n\n")
