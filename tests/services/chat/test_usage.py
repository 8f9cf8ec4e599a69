"""Usage found by a byte search."""

import json

import pytest

from services.chat.usage import Usage, find_usage

FOUND = Usage(5, 2)
GIVEN = {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 0}}


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" ,\n", " :\t")])
def test_usage_is_found_however_it_is_written(separators: tuple[str, str]):
    body = {"choices": [{}], "usage": GIVEN, "service_tier": "default"}
    assert find_usage(json.dumps(body, separators=separators).encode()) == FOUND


def test_the_last_usage_counts():
    first = json.dumps({"usage": {"prompt_tokens": 1, "completion_tokens": 1}})
    assert find_usage((first + json.dumps({"usage": GIVEN})).encode()) == FOUND


def test_a_later_null_does_not_hide_it():
    assert find_usage(json.dumps({"usage": GIVEN, "x": {"usage": None}}).encode()) == FOUND


def test_what_the_model_wrote_is_not_mistaken_for_it():
    written = json.dumps({"choices": [{"message": {"content": json.dumps({"usage": GIVEN})}}]})
    assert find_usage(written.encode()) is None


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        "x",
        {},
        {"prompt_tokens": "5", "completion_tokens": 2},
        {"prompt_tokens": 5.5, "completion_tokens": 2},
        {"prompt_tokens": -1, "completion_tokens": 2},
        {"prompt_tokens": True, "completion_tokens": 2},
        {"prompt_tokens": 5, "completion_tokens": 10**30},
    ],
)
def test_usage_of_another_shape_is_none(usage: object):
    assert find_usage(json.dumps({"usage": usage}).encode()) is None


@pytest.mark.parametrize("cut", [b'"usage": {', b'{"usage": {"prompt_tokens": 5', b'"usage"', b""])
def test_usage_that_is_cut_off_is_none(cut: bytes):
    assert find_usage(cut) is None


def test_prompt_tokens_alone_are_enough():
    """Embeddings' servers and some small ones say no more."""
    assert find_usage(b'{"usage": {"prompt_tokens": 5}}') == Usage(5, 0)
