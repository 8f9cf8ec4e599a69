"""Lines: whatever stands in a log comes out of its line as it went in."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.chain import Entry
from events.envelope import digest
from events.errors import BadLine
from events.lines import checked, from_line, to_line
from tests.scribe import Scribe
from tests.strategies import WILD_TEXT, json_values, logs

A_MOMENT = 10**17
"""The log's adapter takes no number from here on for a time."""
BYTES = (
    st.binary(max_size=60)
    | json_values().map(lambda value: json.dumps(value).encode())
    | st.dictionaries(WILD_TEXT, json_values(WILD_TEXT), max_size=3).map(
        lambda value: json.dumps(value, indent=1).encode()
    )
    | st.sampled_from(
        [b"", b"null", b"{}", b"{}\n", b'{"a"\n:1}', b"\xff", b" {} ", b'{"a":NaN}', b'{"crc":"1"}',
         b'{"a":1}{"b":2}', b'{"event":{}}', b'","event":{}}', b"{" * 300,
         b'{"a":' * 300 + b"1" + b"}" * 300]
    )
)  # fmt: skip
TEXTS = WILD_TEXT | st.sampled_from(['","event":{}', '{"crc":"00000000",', "\n", "\\", '"'])
ENTRIES = st.builds(
    Entry,
    position=st.integers(1, 2**53),
    event=BYTES,
    hash=TEXTS,
    at=st.integers(0, A_MOMENT - 1),
    kid=TEXTS,
    sig=TEXTS,
    foreign=st.lists(TEXTS, max_size=3).map(tuple),
)


@given(ENTRIES, st.booleans())
def test_whatever_anybody_wrote_into_the_log_comes_back_as_it_was(entry, with_checksum):
    line = to_line(entry)
    line = checked(line) if with_checksum else line
    assert b"\n" not in line
    assert b"\r" not in line
    assert json.loads(line)["position"] == entry.position, "it is JSON for everybody else, too"
    assert from_line(line) == entry


@given(logs())
def test_an_event_of_ours_stands_in_its_line_untouched(scribe):
    for entry in scribe.entries:
        line = to_line(entry)
        assert line.endswith(b',"event":' + entry.event + b"}")
        assert digest(from_line(line).event) == entry.hash


@pytest.mark.parametrize("event", [b"[1]", b'{"a":\n1}', b'{"a":1}\r', b"\xff", b"{"])
def test_what_is_no_json_object_on_one_line_stands_in_base64(event):
    told = json.loads(to_line(Entry(1, event, "x", 1)))
    assert told["event"] is None
    assert base64.b64decode(told["raw"]) == event


@pytest.mark.parametrize("at", [10**30, -(10**30), 2**63])
def test_a_time_that_names_no_moment_comes_back_as_none_was_there(at):
    line = to_line(Entry(1, b"{}", "x", at))
    assert json.loads(line)["at"] is None
    assert from_line(line) == Entry(1, b"{}", "x", 0)


def test_an_event_beyond_the_limit_is_left_out_and_its_size_is_told():
    line = to_line(Entry(1, b'{"a":1}', "x", 1), most=6)
    assert json.loads(line)["size"] == 7
    assert from_line(line) == Entry(1, b"", "x", 1)
    assert from_line(to_line(Entry(1, b'{"a":1}', "x", 1), most=7)).event == b'{"a":1}'


@given(st.data())
def test_no_changed_byte_of_a_checked_line_goes_unnoticed(data):
    line = checked(to_line(data.draw(ENTRIES)))
    place = data.draw(st.integers(0, len(line) - 1))
    other = bytes([data.draw(st.integers(0, 255).filter(lambda byte: byte != line[place]))])
    changed = line[:place] + other + line[place + 1 :]
    try:
        found = from_line(changed)
    except BadLine:
        return
    # only the checksum's own name could be made another one's, and its digits' case
    assert found == from_line(line)
    assert place < len('{"crc":"00000000",')


@given(st.data())
def test_no_piece_of_a_line_is_taken_for_a_line(data):
    line = to_line(data.draw(ENTRIES))
    with pytest.raises(BadLine):
        from_line(line[: data.draw(st.integers(0, len(line) - 1))])


@given(st.binary(max_size=200) | json_values(WILD_TEXT).map(lambda v: json.dumps(v).encode()))
def test_what_is_no_line_is_a_bad_line_and_nothing_else(junk):
    with pytest.raises(BadLine):
        from_line(junk)


@pytest.mark.parametrize(
    "wrong",
    [
        {"position": 0}, {"position": "1"}, {"position": True}, {"position": None}, {"hash": None},
        {"at": "yesterday"}, {"at": 5}, {"at": "2026-01-01"}, {"size": 3}, {"size": None},
        {"kid": 1}, {"sig": []},
        {"foreign": 7}, {"foreign": [1]},
    ],
)  # fmt: skip
def test_a_line_with_a_wrong_field_is_a_bad_line(wrong):
    fields = {"position": 1, "hash": "x", "at": None, "size": 2}
    line = json.dumps(fields | wrong).encode()[:-1] + b',"event":{}}'
    assert from_line(json.dumps(fields).encode()[:-1] + b',"event":{}}') == Entry(1, b"{}", "x", 0)
    with pytest.raises(BadLine):
        from_line(line)


def test_a_line_without_a_field_it_needs_is_a_bad_line():
    line = to_line(Scribe().opened())
    for name in (b"position", b"hash", b"at", b"size", b"event"):
        with pytest.raises(BadLine):
            from_line(line.replace(b'"%s":' % name, b'"other":', 1))
