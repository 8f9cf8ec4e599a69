import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.chain import Reason, Rejected
from events.envelope import RequestKey
from events.model import (
    ForkSettled,
    LogHealed,
    LogTrimmed,
    PositionPassed,
    PromptConfig,
    content_hash,
)
from projections.history import Activation, History, PromptHistory, VersionRecord, apply, fold
from tests.scribe import BEGAN, Scribe
from tests.strategies import logs


@pytest.fixture
def scribe():
    """v1, v2, back to v1, archived, v3."""
    scribe = Scribe()
    scribe.opened()
    scribe.saved("Be kind. é", 1, note="first", actor="ann")
    scribe.saved("Be brief.", 2, actor="bob", config={"model": "m"})
    scribe.restored(1, 2, "Be kind. é", note="better", actor="cid")
    scribe.archived(note="done", actor="dan")
    scribe.saved("Be back.", 3, actor="eve")
    return scribe


def history_of(scribe):
    return fold(History(), scribe.outcomes())


def the_prompt(scribe) -> PromptHistory:
    return history_of(scribe).prompts["system"]


def test_a_version_is_recorded_without_its_content(scribe):
    first, second, third = the_prompt(scribe).versions
    assert first == VersionRecord(
        version=1,
        position=2,
        recorded_at=BEGAN + 1000,
        author="ann",
        note="first",
        hash=bytes.fromhex(scribe.entries[1].hash),
        content_hash=bytes.fromhex(content_hash("Be kind. é", PromptConfig())),
        size=len("Be kind. é".encode()),
    )
    assert second.content_hash.hex() == content_hash("Be brief.", PromptConfig(model="m"))
    assert third.version == 3


def test_what_is_said_about_the_log_itself_changes_nothing(scribe):
    before = history_of(scribe)
    scribe.write(LogHealed(after=1, through=3, cause="missing"))
    scribe.write(PositionPassed())
    scribe.write(ForkSettled(kept="log", after=4, through=7))
    scribe.write(LogTrimmed(through=5, hash="0" * 64))
    assert history_of(scribe) == before


def test_every_change_of_what_is_in_force_is_an_activation_with_who_and_when(scribe):
    prompt = the_prompt(scribe)
    assert [(a.position, a.action, a.version, a.author, a.note) for a in prompt.activations] == [
        (2, "saved", 1, "ann", "first"),
        (3, "saved", 2, "bob", ""),
        (4, "restored", 1, "cid", "better"),
        (5, "archived", None, "dan", "done"),
        (6, "saved", 3, "eve", ""),
    ]
    assert prompt.activations[2] == Activation(
        4, "restored", 1, BEGAN + 3000, "cid", "better", bytes.fromhex(scribe.entries[3].hash)
    )


@pytest.mark.parametrize(
    ("events", "live", "revision", "following"),
    [(2, 1, 2, 2), (3, 2, 3, 3), (4, 1, 4, 3), (5, None, 5, 3), (6, 3, 6, 4)],
)
def test_what_is_live_at_which_revision_and_the_number_of_the_next_version(
    scribe, events, live, revision, following
):
    prompt = fold(History(), scribe.outcomes()[:events]).prompts["system"]
    assert (prompt.live.version if prompt.live else None) == live
    assert prompt.revision == revision == prompt.last.position
    assert prompt.next_version == following


def test_versions_are_found_by_number(scribe):
    prompt = the_prompt(scribe)
    for version in (1, 2, 3):
        record = prompt.find(version)
        assert record is not None
        assert record.version == version
    for version in (0, -1, 4, 10**9):
        assert prompt.find(version) is None


def test_versions_that_an_unruly_writer_has_numbered_are_still_found():
    scribe = Scribe()
    scribe.opened()
    for version in (1, 7):
        scribe.saved(f"v{version}", version)
    assert the_prompt(scribe).next_version == 8
    scribe.saved("v3", 3)
    prompt = the_prompt(scribe)
    assert [prompt.find(v) is not None for v in (1, 2, 3, 7)] == [True, False, True, True]
    assert prompt.live == prompt.find(3)
    assert prompt.next_version == 4


def test_a_restore_of_what_was_never_saved_leaves_nothing_live():
    scribe = Scribe()
    scribe.opened()
    scribe.restored(5, 2)
    prompt = the_prompt(scribe)
    assert (prompt.live, prompt.revision, prompt.next_version) == (None, 2, 1)


def test_prompts_do_not_touch_each_other(scribe):
    before = the_prompt(scribe)
    scribe.saved("other", 1, "other")
    history = history_of(scribe)
    assert history.prompts["system"] == before
    assert history.prompts["other"].revision == 7


def test_a_rejected_event_has_no_effect(scribe):
    before = history_of(scribe)
    scribe.poison(b"{")
    scribe.poison(scribe.entries[1].event)
    assert history_of(scribe) == before


def test_the_opening_has_no_effect():
    scribe = Scribe()
    scribe.opened()
    assert history_of(scribe) == History()


def test_the_first_event_from_the_future_is_remembered(scribe):
    old = history_of(scribe)
    assert old.newer is None
    first = Rejected(7, Reason.UNKNOWN_TYPE, "unknown type 'promptcast.A.v1'", newer=True)
    known = fold(old, [first, first._replace(position=8)])
    assert known.newer == first
    assert apply(known, first._replace(position=9)).newer == first
    assert apply(old, first._replace(newer=False)).newer is None


def test_keyed_requests_are_remembered_with_the_event_they_made(scribe):
    request = RequestKey("ann", "key-1", "a" * 64)
    scribe.saved("keyed", 4, request=request)
    found = history_of(scribe).requests
    assert found.find(request) == ("a" * 64, 7)
    assert found.find(RequestKey("bob", "key-1", "a" * 64)) is None


def test_folding_leaves_the_state_it_began_with_untouched(scribe):
    outcomes = scribe.outcomes()
    before = fold(History(), outcomes[:3])
    shown = repr(before)
    fold(before, outcomes[3:])
    assert repr(before) == shown


def test_folding_nothing_changes_nothing(scribe):
    history = history_of(scribe)
    assert fold(history, []) == history


@given(logs(most=12), st.lists(st.integers(1, 5)))
def test_one_by_one_in_batches_and_all_at_once_are_the_same(scribe, sizes):
    outcomes = scribe.outcomes()
    at_once = fold(History(), outcomes)
    one_by_one = History()
    for outcome in outcomes:
        one_by_one = apply(one_by_one, outcome)
    batches, rest = History(), outcomes
    for size in sizes:
        batches, rest = fold(batches, rest[:size]), rest[size:]
    assert at_once == one_by_one == fold(batches, rest)
