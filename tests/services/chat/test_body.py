"""A body is believed only when it can be written as JSON again."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chat.body import parse_object
from services.chat.errors import ChatError

TEXT = st.text(st.characters(codec="utf-8"))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"hello",
        b"{",
        b"[]",
        b'"x"',
        b"null",
        b"1",
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": "\\ud800"}',
        b'{"\\uDFFF": 1}',
        b'{"a": ' + b"1" * 5000 + b"}",
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"{} {}",
    ],
)
def test_what_is_not_an_object_of_plain_json_is_refused(raw: bytes):
    with pytest.raises(ChatError) as caught:
        parse_object(raw)
    assert caught.value.status == 400


def test_a_pair_of_surrogates_is_a_character():
    assert parse_object(b'{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}


@given(st.dictionaries(TEXT, JSON))
def test_every_plain_object_is_read_as_it_is(value: dict):
    assert parse_object(json.dumps(value).encode()) == value


@given(st.binary(max_size=100))
def test_no_bytes_make_it_crash(raw: bytes):
    try:
        parsed = parse_object(raw)
    except ChatError:
        return
    json.dumps(parsed, ensure_ascii=False, allow_nan=False).encode()
