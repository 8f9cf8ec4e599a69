import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.reports import (
    MAX_REPORT_BYTES,
    AdminReport,
    LiveVersion,
    Rejection,
    Report,
    Status,
    Told,
)
from tests.strategies import WILD_TEXT, json_values

PLAIN = Report(replica="chat-1", instance="i-1", sequence=0, position=0, hash="", state="starting")
WHOLE = Report(
    replica="chat-1",
    instance="i-1",
    sequence=7,
    position=42,
    hash="a" * 64,
    state="current",
    lag_us=1400,
    rejected=(Rejection(position=41, reason="invalid", detail="because", prompt="system"),),
    changed={"system": LiveVersion(version=3, revision=42, content_hash="b" * 64), "gone": None},
    left=True,
    reaped=True,
    status=Status(
        url="http://127.0.0.1:1",
        started_at=1,
        head_position=43,
        last_reload_at=2,
        globs=("a*",),
        live={"system": LiveVersion(version=3, revision=42, content_hash="b" * 64)},
        answers={"system": {3: 17, 2: 4}},
        voucher="c" * 64,
    ),
    log_id="d" * 64,
)
ADMIN = AdminReport(
    admin="admin-1",
    instance="i-1",
    sequence=3,
    logs={"log": Told("log-1", 7, "b" * 64), "access": Told("", 0, "0" * 64)},
    left=True,
)


@pytest.mark.parametrize("report", [PLAIN, WHOLE], ids=["plain", "whole"])
def test_a_report_is_parsed_back_as_it_was_published(report):
    assert Report.parse(report.to_bytes()) == report


def test_the_last_word_for_a_replica_that_died_comes_behind_its_own_last_report():
    said = replace(WHOLE, left=False, reaped=False)
    word = Report.parse(said.epitaph().to_bytes())
    assert word is not None
    assert (word.replica, word.instance, word.sequence) == ("chat-1", "i-1", 8)
    assert (word.left, word.reaped, word.status) == (True, True, None)


def test_a_report_of_an_admin_is_parsed_back_as_it_was_published():
    assert AdminReport.parse(ADMIN.to_bytes()) == ADMIN
    quiet = AdminReport(admin="a", instance="i", sequence=0)
    assert AdminReport.parse(quiet.to_bytes()) == quiet
    later = json.loads(ADMIN.to_bytes()) | {"mood": "good"}
    assert AdminReport.parse(json.dumps(later).encode()) == ADMIN


@pytest.mark.parametrize(
    "spoiled",
    [
        {"admin": ""}, {"admin": "a" * 201}, {"instance": None}, {"sequence": -1},
        {"logs": {"another": {"log_id": "", "position": 0, "hash": ""}}}, {"logs": []},
        {"logs": {"log": {"log_id": "x" * 65, "position": 0, "hash": ""}}},
        {"logs": {"log": {"log_id": "", "position": -1, "hash": ""}}},
        {"logs": {"log": {"log_id": "", "position": 1}}}, {"admin": "a" * MAX_REPORT_BYTES},
    ],
)  # fmt: skip
def test_what_is_no_report_of_an_admin_is_none(spoiled):
    fields = json.loads(ADMIN.to_bytes()) | spoiled
    assert AdminReport.parse(json.dumps(fields).encode()) is None


def test_neither_kind_of_report_passes_for_the_other():
    assert AdminReport.parse(WHOLE.to_bytes()) is None
    assert Report.parse(ADMIN.to_bytes()) is None


def test_a_report_without_news_is_small():
    assert len(PLAIN.to_bytes()) < 120


def test_fields_of_later_versions_are_ignored():
    fields = json.loads(WHOLE.to_bytes())
    fields["mood"] = "good"
    fields["status"]["weather"] = "fine"
    assert Report.parse(json.dumps(fields).encode()) == WHOLE


@pytest.mark.parametrize(
    "spoiled",
    [
        {"replica": ""}, {"replica": "r" * 201}, {"replica": None}, {"instance": ""},
        {"instance": "i" * 101}, {"sequence": -1}, {"position": -1}, {"position": "far"},
        {"position": 10**400}, {"sequence": 2**53 + 1}, {"lag_us": 10**400}, {"status": {}},
        {"status": {"started_at": 10**30, "head_position": 1}}, {"rejected": [{"position": 1}]},
        {"rejected": 1}, {"left": "perhaps"}, {"replica": "\ud800"}, {"state": 7},
        {"changed": {"a": {}}},
        {"status": {"started_at": 1, "head_position": 1, "answers": {"a": {"1": -1}}}},
        {"status": {"started_at": 1, "head_position": 1, "answers": {"a": {"x": 1}}}},
        {"status": {"started_at": 1, "head_position": 1, "answers": {"a": {"1": 10**30}}}},
    ],
)  # fmt: skip
def test_what_is_no_report_is_none(spoiled):
    fields = {**json.loads(PLAIN.to_bytes()), **spoiled}
    assert Report.parse(json.dumps(fields).encode()) is None


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"position":' + b"9" * 100_000]
)
def test_noise_is_no_report(data):
    assert Report.parse(data) is None


def test_a_report_is_limited_in_size():
    text = WHOLE.to_bytes()
    assert Report.parse(text + b" " * (MAX_REPORT_BYTES - len(text))) == WHOLE
    assert Report.parse(text + b" " * (MAX_REPORT_BYTES + 1 - len(text))) is None


FIELDS = json.loads(WHOLE.to_bytes())


@settings(max_examples=200)
@given(
    st.dictionaries(st.sampled_from([*FIELDS, "x"]), json_values(WILD_TEXT), max_size=3)
    | st.fixed_dictionaries(
        {"status": st.fixed_dictionaries({n: json_values() for n in ["started_at", "live"]})}
    )
)
def test_parsing_never_raises_and_what_it_gives_can_be_published_again(spoiled):
    report = Report.parse(json.dumps(FIELDS | spoiled).encode())
    assert report is None or Report.parse(report.to_bytes()) == report


@given(st.binary(max_size=50))
def test_parsing_any_bytes_never_raises(data):
    assert Report.parse(data) is None


@pytest.mark.parametrize("position", [0, -1, 2**60])
def test_a_report_that_rejects_a_position_that_cannot_be_is_none(position):
    forged = replace(WHOLE, rejected=(Rejection(position=position, reason="x"),))
    assert Report.parse(forged.to_bytes()) is None
