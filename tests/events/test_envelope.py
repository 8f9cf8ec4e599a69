import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.access import (
    KeyAdded,
    KeyRevoked,
    PasswordSet,
    PersonAdded,
    PersonRemoved,
    RoleChanged,
    SignedOut,
)
from events.envelope import (
    ENVELOPE,
    TYPES,
    RequestKey,
    Stamp,
    digest,
    microseconds,
    prevhash,
    render,
    request_of,
    rfc3339,
    subject,
)
from events.model import (
    Event,
    ForkSettled,
    LogHealed,
    LogOpened,
    LogTrimmed,
    PositionPassed,
    PromptArchived,
    PromptRestored,
    PromptSaved,
)

SAVED = PromptSaved.model_validate({"prompt": "system", "version": 1, "template": "Sei nett. ☺"})
EVENTS: list[Event] = [
    LogOpened(log_id="abc"),
    LogHealed(after=7, through=9, cause="went_back"),
    ForkSettled(kept="journal", after=7, through=9),
    PositionPassed(reason="given up"),
    LogTrimmed(through=8, hash="0a" * 32),
    SAVED,
    PromptRestored.model_validate(
        {"prompt": "system", "version": 1, "saved_at": 2, "template": "T", "note": "back"}
    ),
    PromptArchived(prompt="system"),
    PersonAdded(person="ann@example.org", role="viewer"),
    RoleChanged(person="ann@example.org", role="admin"),
    PersonRemoved(person="ann@example.org"),
    PasswordSet(person="ann@example.org"),
    SignedOut(person="ann@example.org"),
    KeyAdded(key="0123456789ab", name="ci", role="editor"),
    KeyRevoked(key="0123456789ab"),
]
TIME = 1_767_225_600_123_456
STAMP = Stamp("id-1", "/admin/a", TIME, "ann", RequestKey("ann", "key-1", "f" * 64))


def fields(event=SAVED, stamp=STAMP, position=7, prevhash="0" * 64):
    return json.loads(render(event, stamp, position, prevhash))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_stands_in_a_cloudevents_envelope(event):
    """https://github.com/cloudevents/spec: the required attributes, and names of extensions."""
    said = fields(event)
    assert said["specversion"] == "1.0"
    assert said["id"] == "id-1"
    assert said["source"] == "/admin/a"
    assert said["type"] == f"promptcast.{type(event).__name__}.v1"
    assert said["subject"] == subject(event)
    assert said["time"] == "2026-01-01T00:00:00.123456Z"
    assert said["datacontenttype"] == "application/json"
    assert isinstance(said["data"], dict)
    assert all(re.fullmatch(r"[a-z0-9]{1,20}", name) for name in said)


def test_the_extensions_say_where_behind_what_by_whom_and_for_which_request():
    said = fields()
    assert (said["position"], said["prevhash"], said["actor"]) == (7, "0" * 64, "ann")
    assert (said["requestkey"], said["requesthash"]) == ("key-1", "f" * 64)


def test_without_a_request_key_the_envelope_says_nothing_of_it():
    said = fields(stamp=Stamp("id-1", "/admin/a", TIME, "ann"))
    assert "requestkey" not in said
    assert "requesthash" not in said


def test_text_stands_as_it_is_and_not_escaped():
    assert "Sei nett. ☺".encode() in render(SAVED, STAMP, 1, "0" * 64)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_a_rendered_event_is_parsed_back_whole(event):
    parsed = ENVELOPE.validate_json(render(event, STAMP, 7, "a" * 64))
    assert parsed["data"] == event
    assert request_of(parsed) == STAMP.request
    assert (parsed["position"], parsed["prevhash"], parsed["subject"]) == (
        7,
        "a" * 64,
        subject(event),
    )
    assert microseconds(parsed["time"]) == TIME


def test_the_subject_is_what_the_event_is_about():
    assert [subject(event) for event in EVENTS] == [
        *["log"] * 5,
        *["system"] * 3,
        *["person:ann@example.org"] * 5,
        *["key:0123456789ab"] * 2,
    ]


def test_every_event_about_a_prompt_and_no_other_names_its_branch():
    for event in EVENTS:
        said = fields(event)["data"].get("branch")
        assert said == ("main" if subject(event) == "system" else None)


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (EVENTS[1], '{"after":7,"through":9,"cause":"went_back"}'),
        (EVENTS[2], '{"kept":"journal","after":7,"through":9}'),
        (EVENTS[3], '{"reason":"given up"}'),
        (EVENTS[4], f'{{"through":8,"hash":"{"0a" * 32}"}}'),
        (PositionPassed(), "{}"),
    ],
    ids=["healed", "settled", "passed", "trimmed", "passed without a word"],
)
def test_the_bytes_of_an_event_about_the_log_are_what_they_always_were(event, data):
    """Literal on purpose: they are what is hashed, and what an older version must read."""
    name = type(event).__name__
    assert (
        render(event, Stamp("id-1", "/admin/a", TIME, "ann"), 10, "0" * 64)
        == (
            '{"specversion":"1.0","id":"id-1","source":"/admin/a",'
            f'"type":"promptcast.{name}.v1","subject":"log","time":"2026-01-01T00:00:00.123456Z",'
            f'"datacontenttype":"application/json","position":10,"prevhash":"{"0" * 64}",'
            f'"actor":"ann","data":{data}}}'
        ).encode()
    )


def test_the_hash_of_the_event_before_is_read_without_looking_at_anything_else():
    assert prevhash(render(SAVED, STAMP, 7, "a" * 64)) == "a" * 64
    assert prevhash(b'{"prevhash":"b"}') == "b"


@pytest.mark.parametrize(
    "event", [b"", b"{", b"[]", b"7", b"{}", b'{"prevhash":7}', b'"\xff"', b"[" * 100_000]
)
def test_what_does_not_say_what_is_before_it_says_nothing(event):
    assert prevhash(event) == ""


def test_each_event_has_a_type_of_its_own():
    assert len(set(TYPES.values())) == len(TYPES) == len(EVENTS)


def test_unknown_extensions_are_allowed():
    said = json.dumps(fields() | {"traceparent": "00-1"})
    assert ENVELOPE.validate_json(said)["data"] == SAVED


def test_a_digest_is_sha_256_of_the_bytes_in_lower_case_hex():
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest(b"") == empty
    assert digest(b"a") != empty


MOMENTS = st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31, 23, 59, 59))  # noqa: DTZ001  # hypothesis wants them naive


@given(MOMENTS)
def test_rfc_3339_and_microseconds_are_each_other_s_inverse(moment):
    utc = moment.replace(tzinfo=UTC)
    said = utc.strftime("%Y").zfill(4) + utc.strftime("-%m-%dT%H:%M:%S.%fZ")
    assert rfc3339(microseconds(said)) == said
    assert microseconds(rfc3339(microseconds(said))) == microseconds(said)


def test_a_time_always_has_six_digits_of_a_second():
    assert rfc3339(0) == "1970-01-01T00:00:00.000000Z"
    assert rfc3339(-1) == "1969-12-31T23:59:59.999999Z"
    assert microseconds("1970-01-01T00:00:01.000000Z") == 1_000_000


@pytest.mark.parametrize(
    "text", ["2026-02-30T00:00:00.000000Z", "0000-01-01T00:00:00.000000Z", "", "now"]
)
def test_what_names_no_moment_is_a_value_error(text):
    with pytest.raises(ValueError, match=r".+"):
        microseconds(text)
