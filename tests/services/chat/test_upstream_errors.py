"""Each way of failing has one meaning for the client."""

import asyncio
from itertools import pairwise

import aiohttp
import pytest

from services.chat.upstream_errors import (
    MAX_SHOWN_CHARACTERS,
    from_event,
    from_exception,
    from_status,
    lost_before_answer,
)


def caused(*causes: BaseException) -> BaseException:
    """A chain of exceptions, outermost first, as the SDK makes it."""
    for outer, inner in pairwise(causes):
        outer.__cause__ = inner
    return causes[0]


def refused_connection() -> aiohttp.ClientConnectorError:
    return aiohttp.ClientConnectorError(None, OSError(111, "refused"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TimeoutError(), "upstream_timeout"),
        (caused(RuntimeError(), aiohttp.SocketTimeoutError()), "upstream_timeout"),
        (caused(RuntimeError(), aiohttp.ConnectionTimeoutError()), "upstream_timeout"),
        (caused(RuntimeError(), RuntimeError(), refused_connection()), "upstream_unreachable"),
        (caused(RuntimeError(), aiohttp.ServerDisconnectedError()), "upstream_broke_off"),
        (caused(RuntimeError(), aiohttp.ClientPayloadError()), "upstream_broke_off"),
        (RuntimeError("what"), "upstream_error"),
    ],
)
def test_the_chain_of_causes_tells_what_happened(error: BaseException, code: str):
    assert from_exception(error).code == code


def test_only_a_connection_that_was_made_can_be_lost():
    assert lost_before_answer(caused(RuntimeError(), aiohttp.ServerDisconnectedError()))
    assert lost_before_answer(caused(RuntimeError(), aiohttp.ClientOSError(104, "reset")))
    assert not lost_before_answer(caused(RuntimeError(), refused_connection()))
    assert not lost_before_answer(caused(RuntimeError(), aiohttp.SocketTimeoutError()))
    assert not lost_before_answer(asyncio.CancelledError())


@pytest.mark.parametrize("value", ["", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "-1", "9" * 12])
def test_a_retry_after_that_is_no_number_of_seconds_becomes_one(value: str):
    assert from_status(429, {"retry-after": value}, b"").headers == {"Retry-After": "1"}


def test_what_is_shown_is_bounded():
    error = from_status(
        400, {}, b'{"error": {"message": "%s", "code": "%s"}}' % (b"m" * 9999, b"c" * 9999)
    )
    assert len(error.body()) < 3 * MAX_SHOWN_CHARACTERS


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'"x"', b'{"error": null}', b'{"error": [1]}', b'{"error": {"message": 3}}'],
)
def test_a_refusal_of_another_shape_has_a_message_of_ours(body: bytes):
    assert "status 418" in str(from_status(418, {}, body))


def test_an_error_that_is_just_a_sentence_is_the_message():
    assert str(from_status(400, {}, b'{"error": "no such model"}')) == "no such model"
    assert str(from_event("no such model")) == "no such model"
    assert str(from_event(7)) == "the model failed"
