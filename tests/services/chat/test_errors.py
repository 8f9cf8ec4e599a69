"""The table of errors."""

import json

import pytest

from services.chat.errors import KINDS, ChatError, retry_later


@pytest.mark.parametrize("code", KINDS)
def test_every_code_has_openais_shape(code: str):
    error = ChatError(code, "what happened", param="where")
    body = json.loads(error.body())
    assert body == {
        "error": {
            "message": "what happened",
            "type": KINDS[code].type,
            "param": "where",
            "code": code,
        }
    }
    assert error.status == KINDS[code].status


def test_what_goes_away_by_itself_says_when_to_come_back():
    assert retry_later("starting", "soon").headers == {"Retry-After": "1"}


def test_an_error_can_always_be_written():
    assert b"?" in ChatError("invalid_request", "a lone \ud800").body()
