"""The relay by itself: bytes in, bytes out."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chat.relay import MAX_EVENT_BYTES, Relay
from services.chat.usage import Usage
from tests.services.chat.scripted import delta, usage_chunk


def event(data: object, end: str = "\n\n") -> bytes:
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return f"data: {text}{end}".encode()


ROLE = delta({"role": "assistant", "content": ""})
DONE = event("[DONE]")
USAGE = Usage(11, 3)


def relayed(relay: Relay, *blocks: bytes) -> bytes:
    """All that the client would get, as the streaming loop drives it."""
    out = b""
    for block in blocks:
        out += relay.feed(block)
        if relay.over:
            break
    return out + relay.finish()


def test_a_whole_block_is_handed_on_as_the_object_that_it_is():
    """No copy, no parse: that is what makes it fast."""
    block = event(delta({"content": "word"}))
    assert Relay(keep_usage=False).feed(block) is block


def test_what_is_not_a_whole_event_waits_for_its_end():
    relay = Relay(keep_usage=False)
    assert relay.feed(event({"a": 1}) + b"data: {") == event({"a": 1})
    assert relay.feed(b'"b": 2}\n') == b""
    assert relay.feed(b"\n") == event({"b": 2})


@pytest.mark.parametrize("keep", [False, True])
def test_the_usage_chunk_is_noted_and_kept_only_when_asked_for(keep: bool):
    relay = Relay(keep_usage=keep)
    usage = event(usage_chunk())
    out = relayed(relay, event(ROLE), usage + DONE)
    assert out == event(ROLE) + (usage if keep else b"") + DONE
    assert relay.usage == USAGE


def test_other_chunks_without_choices_are_not_the_usage_chunk():
    """Azure begins with one that holds its content filter's verdict."""
    first = event({"choices": [], "prompt_filter_results": [], "usage": None})
    assert relayed(Relay(keep_usage=False), first, DONE) == first + DONE


def test_usage_on_the_last_chunk_of_text_is_found_too():
    relay = Relay(keep_usage=False)
    last = event({**delta({}, "stop"), "usage": {"prompt_tokens": 4, "completion_tokens": 2}})
    assert relayed(relay, event(ROLE), last, DONE) == event(ROLE) + last + DONE
    assert relay.usage == Usage(4, 2)


def test_text_that_looks_like_the_protocol_is_just_text():
    """What a model writes is inside JSON strings, where its quotes are escaped."""
    texts = [
        "data: [DONE]\n\n",
        "[DONE]",
        '{"error": {"message": "no"}}',
        '"choices":[]',
        '"usage":{}',
    ]
    events = [event(delta({"content": text})) for text in texts]
    relay = Relay(keep_usage=False)
    assert relayed(relay, *events, DONE) == b"".join(events) + DONE
    assert relay.done
    assert relay.usage is None


def test_begun_is_the_first_token_and_not_the_role():
    relay = Relay(keep_usage=False)
    relay.feed(b": waiting\n\n")
    relay.feed(event(ROLE))
    assert not relay.begun
    relay.feed(event(delta({"content": "H"})))
    assert relay.begun


@pytest.mark.parametrize(
    "content",
    [{"tool_calls": [{"index": 0}]}, {"reasoning_content": "hm"}, {"refusal": "no"}],
)
def test_whatever_a_model_writes_is_a_token(content: dict):
    relay = Relay(keep_usage=False)
    relay.feed(event(delta(content)))
    assert relay.begun


def test_nothing_is_handed_on_after_done():
    relay = Relay(keep_usage=False)
    assert relayed(relay, DONE + event({"more": 1})) == DONE
    assert relay.done
    assert relay.failure is None


def test_what_came_before_an_error_is_still_handed_on():
    relay = Relay(keep_usage=False)
    out = relayed(relay, event({"a": 1}) + event({"error": {"message": "boom"}}) + DONE)
    assert out == event({"a": 1})
    assert relay.failure is not None
    assert str(relay.failure) == "boom"
    assert not relay.done


def test_an_error_that_is_null_is_none():
    """Some servers write the field into every chunk."""
    chunk = event({**delta({"content": "a"}), "error": None})
    relay = Relay(keep_usage=False)
    assert relayed(relay, chunk, DONE) == chunk + DONE
    assert relay.failure is None


def test_an_error_does_not_quote_the_key():
    relay = Relay(keep_usage=False)
    relayed(relay, event({"error": {"message": "bad key sk-123", "code": "invalid_api_key"}}))
    assert relay.failure is not None
    assert "sk-123" not in relay.failure.body().decode()


def test_done_without_an_empty_line_after_it_is_an_end():
    relay = Relay(keep_usage=False)
    assert relayed(relay, event(ROLE), b"data: [DONE]") == event(ROLE) + DONE
    assert relay.done


@pytest.mark.parametrize("rest", [b"", b"data: {", b"data: [DON", b": bye\n"])
def test_no_done_is_a_failure_and_the_rest_is_dropped(rest: bytes):
    relay = Relay(keep_usage=False)
    assert relayed(relay, event(ROLE) + rest) == event(ROLE)
    assert relay.failure is not None
    assert relay.failure.code == "upstream_broke_off"


def test_an_event_without_end_is_a_failure():
    relay = Relay(keep_usage=False)
    for _ in range(MAX_EVENT_BYTES // 65536 + 1):
        assert relay.feed(b"x" * 65536) == b""
    assert relay.failure is not None


TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)


@given(
    texts=st.lists(TEXTS, max_size=8),
    end=st.sampled_from(["\n\n", "\r\n\r\n", "\r\r"]),
    cuts=st.lists(st.integers(min_value=0, max_value=5000), max_size=30),
    keep=st.booleans(),
)
def test_how_the_bytes_are_cut_does_not_matter(
    texts: list[str], end: str, cuts: list[int], keep: bool
):
    """However a network cuts a stream into blocks, the client gets the same bytes."""
    chunks = [event(delta({"content": text}), end) for text in texts]
    usage, done = event(usage_chunk(), end), event("[DONE]", end)
    stream = b"".join(chunks) + usage + done
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    blocks = [stream[a:b] for a, b in pairwise(places)]
    relay = Relay(keep_usage=keep)
    assert relayed(relay, *blocks) == b"".join(chunks) + (usage if keep else b"") + done
    assert relay.done
    assert relay.usage == USAGE
    assert relay.begun == any(texts)


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_no_bytes_make_it_crash(blocks: list[bytes]):
    relay = Relay(keep_usage=False)
    out = relayed(relay, *blocks)
    assert relay.over
    assert len(out) <= sum(map(len, blocks)) + 2
