"""The roll: a word counts once it was said behind our own; and a restarted admin knows whom it knew."""

import json
from dataclasses import replace
from typing import Any

import pytest

from projections.reports import AdminReport, Report, Told
from services.admin.healing.roll import Roll

REPORT = Report("chat-1", "i", 1, 5, "e", "current", log_id="log-1")


@pytest.fixture
def roll(tmp_path):
    return Roll("me", "run-1", tmp_path / "members.json")


def mine(sequence):
    return AdminReport("me", "run-1", sequence)


def other(**logs):
    told: Any = {name: Told("log-1", *at) for name, at in logs.items()}
    return AdminReport("other", "x", 1, told)


def test_what_was_said_before_our_own_word_is_known_but_not_said_again(roll):
    roll.hear(REPORT)
    assert (roll.spoken["log"], list(roll.of["log"].known)) == (set(), ["chat-1"])
    roll.hear(mine(1))
    assert not roll.spoken["log"]
    roll.hear(replace(REPORT, sequence=2))
    assert roll.spoken["log"] == {"chat-1"}


def test_in_doubt_everybody_must_speak_behind_our_next_word(roll):
    asked = []
    roll.ask_again = lambda: asked.append(True)
    roll.sequence = 7
    roll.hear(mine(7))
    roll.hear(REPORT)
    roll.doubt("log")
    assert (asked, roll.spoken["log"], roll.is_heard("log")) == ([True], set(), False)
    roll.hear(REPORT)  # it stood in the stream before
    assert roll.spoken["log"] == set()
    roll.hear(mine(8))
    roll.hear(REPORT)
    assert roll.spoken["log"] == {"chat-1"}


def test_another_admin_speaks_of_both_logs_and_a_replica_of_one(roll):
    roll.hear(other(log=(5, "e"), access=(2, "b")))
    roll.hear(REPORT)
    assert set(roll.of["log"].known) == {"admin other", "chat-1"}
    assert set(roll.of["access"].known) == {"admin other"}


def test_an_earlier_run_of_this_admin_is_no_witness(roll):
    roll.hear(AdminReport("me", "run-0", 1, {"log": Told("log-1", 9, "z")}))
    assert not roll.of["log"].known


def test_who_has_left_is_no_member_once_the_log_is_whole(roll):
    roll.hear(REPORT)
    roll.settle("log")
    roll.hear(replace(REPORT, left=True))
    assert not roll.of["log"].known


def test_without_a_journal_an_earlier_run_of_this_admin_is_one():
    roll = Roll("me", "run-1")
    roll.hear(AdminReport("me", "run-0", 1, {"log": Told("log-1", 9, "z")}))
    assert roll.of["log"].words("log-1") == [(roll.former, (9, "z"))]


async def test_a_restarted_admin_knows_whom_it_knew_and_what_they_said(roll):
    roll.hear(REPORT)
    roll.hear(other(access=(2, "b")))
    await roll.save()
    again = Roll("me", "run-2", roll.path)
    await again.load()
    assert again.recalled == {"log": True, "access": True}
    assert again.of["log"].words("log-1") == [("chat-1", (5, "e"))]
    assert again.of["access"].words("log-1") == [("admin other", (2, "b"))]
    assert again.of["log"].in_doubt


@pytest.mark.parametrize("kept", ["", "[]", "{}", '{"log": [{}], "access": []}', "\x00"])
async def test_what_cannot_be_read_is_not_recalled(roll, kept):
    roll.path.write_text(kept)
    await roll.load()
    assert roll.recalled == {"log": False, "access": False}


async def test_nothing_is_kept_without_a_directory():
    roll = Roll("me", "run-1")
    await roll.load()
    await roll.save()


async def test_the_file_is_whole_json(roll):
    roll.hear(REPORT)
    await roll.save()
    assert {each["name"] for each in json.loads(roll.path.read_text())["log"]} == {"chat-1"}
