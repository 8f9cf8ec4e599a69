"""Deciding, given/when/then: each event, each refusal, and the order of the checks."""

from typing import Any

import pytest

from events.chain import Reason, Rejected
from events.envelope import RequestKey
from events.model import PromptArchived, PromptConfig, PromptRestored, PromptSaved
from projections import decisions
from projections.decisions import (
    Archive,
    Content,
    Replayed,
    Restore,
    Save,
    Unchanged,
    decide_archive,
    decide_restore,
    decide_save,
)
from projections.history import History, fold
from projections.refusals import (
    Invalid,
    KeyReused,
    Mistake,
    NotFound,
    PreconditionRequired,
    ReadOnly,
    Refused,
    RevisionMoved,
)
from tests.scribe import Scribe, saved

ONE = Content("one", PromptConfig())
KEY = RequestKey("ann", "key-1", "a" * 64)
FUTURE = Rejected(9, Reason.UNKNOWN_TYPE, "unknown type 'promptcast.New.v1'", newer=True)


def given(*writes) -> History:
    scribe = Scribe()
    scribe.opened()
    for write in writes:
        write(scribe)
    return fold(History(), scribe.outcomes())


def two_versions(scribe):
    """v1 at position 2, v2 at position 3, which is live."""
    scribe.saved("one", 1)
    scribe.saved("two", 2)


def archived(scribe):
    """…, and archived at position 4."""
    two_versions(scribe)
    scribe.archived()


def keyed(scribe):
    """…, by a request with a key, at position 2."""
    scribe.saved("one", 1, request=KEY)


def save(template="new", expected=3, **fields):
    values = {"prompt": "system", "config": {}, "note": "", **fields}
    return Save(template=template, expected=expected, **values)


def restore(version=1, expected=3, **fields):
    values = {"prompt": "system", "note": "", **fields}
    return Restore(version=version, expected=expected, **values)


def archive(expected=3, **fields):
    return Archive(**{"prompt": "system", "expected": expected, **fields})


def restoring(history, command):
    return decide_restore(history, command, ONE)


DECIDE: dict[str, tuple[Any, Any]] = {
    "save": (decide_save, save),
    "restore": (restoring, restore),
    "archive": (decide_archive, archive),
}
every_command = pytest.mark.parametrize("kind", DECIDE)


def decided(kind, history, **fields):
    decide, command = DECIDE[kind]
    return decide(history, command(**fields))


def refused(kind, history, **fields):
    with pytest.raises(Refused) as caught:
        decided(kind, history, **fields)
    return caught.value


# --- events ---------------------------------------------------------------------------------------


def test_a_save_makes_the_next_version():
    event = decide_save(given(two_versions), save("three", note="why", config={"model": "m"}))
    assert event == PromptSaved.model_validate(
        {
            "prompt": "system",
            "version": 3,
            "template": "three",
            "note": "why",
            "config": {"model": "m"},
        }
    )


def test_the_first_save_creates_the_prompt():
    event = decide_save(given(), save("one", expected="absent", prompt="new"))
    assert event == saved("one", 1, "new")


def test_a_save_brings_an_archived_prompt_back_with_the_next_version():
    for expected in (4, "any", "absent"):
        event = decide_save(given(archived), save("two", expected=expected))
        assert isinstance(event, PromptSaved)
        assert event.version == 3


def test_a_restore_carries_the_content_and_where_it_was_saved():
    content = Content("one", PromptConfig(model="m"))
    event = decide_restore(given(two_versions), restore(1, note="back"), content)
    assert event == PromptRestored(
        prompt="system", version=1, saved_at=2, template="one", config=content.config, note="back"
    )


def test_a_restore_brings_an_archived_prompt_back_even_to_its_last_version():
    for version in (1, 2):
        event = restoring(given(archived), restore(version, expected=4))
        assert isinstance(event, PromptRestored)
        assert (event.version, event.saved_at) == (version, version + 1)


def test_an_archive_names_the_prompt_and_the_note():
    event = decide_archive(given(two_versions), archive(note="done"))
    assert event == PromptArchived(prompt="system", note="done")


# --- nothing changed ------------------------------------------------------------------------------


def test_saving_what_is_live_changes_nothing():
    history = given(two_versions)
    assert decide_save(history, save("two")) == Unchanged(history.prompts["system"])


@pytest.mark.parametrize("config", [{}, {"parameters": {}}, {"model": None}])
def test_configs_that_say_the_same_change_nothing(config):
    assert isinstance(decide_save(given(two_versions), save("two", config=config)), Unchanged)


def test_another_note_alone_changes_nothing():
    assert isinstance(decide_save(given(two_versions), save("two", note="why")), Unchanged)


@pytest.mark.parametrize(
    "change", [{"template": "two "}, {"config": {"model": "m"}}, {"template": "one"}]
)
def test_other_content_than_the_live_one_is_a_new_version_even_when_it_was_live_before(change):
    assert isinstance(
        decide_save(given(two_versions), save(**{"template": "two", **change})), PromptSaved
    )


def test_saving_what_an_archived_prompt_said_is_a_new_version():
    assert isinstance(decide_save(given(archived), save("two", expected=4)), PromptSaved)


def test_restoring_what_is_live_changes_nothing():
    history = given(two_versions)
    assert restoring(history, restore(2)) == Unchanged(history.prompts["system"])


def test_archiving_what_is_archived_changes_nothing():
    history = given(archived)
    assert decide_archive(history, archive(4)) == Unchanged(history.prompts["system"])


# --- refusals -------------------------------------------------------------------------------------


@every_command
def test_a_command_must_say_what_it_was_based_on(kind):
    assert isinstance(refused(kind, given(two_versions), expected=None), PreconditionRequired)


@every_command
@pytest.mark.parametrize("expected", [2, 4, 0, "absent"])
def test_a_command_that_was_based_on_something_else_is_told_the_revision_and_the_version(
    kind, expected
):
    refusal = refused(kind, given(two_versions), expected=expected)
    assert isinstance(refusal, RevisionMoved)
    assert (refusal.revision, refusal.version) == (3, 2)
    assert "revision 3" in str(refusal)


@every_command
def test_whoever_insists_need_not_know_the_revision(kind):
    assert not isinstance(decided(kind, given(two_versions), expected="any"), Unchanged)


@every_command
def test_an_archived_prompt_has_a_revision_and_no_version(kind):
    refusal = refused(kind, given(archived), expected=3)
    assert isinstance(refusal, RevisionMoved)
    assert (refusal.revision, refusal.version) == (4, None)


@pytest.mark.parametrize("expected", [3, "any"])
def test_a_save_that_expects_a_prompt_that_is_not_there_is_told_how_to_create_it(expected):
    refusal = refused("save", given(), expected=expected)
    assert isinstance(refusal, RevisionMoved)
    assert (refusal.revision, refusal.version) == (None, None)
    assert "If-None-Match" in str(refusal)


@pytest.mark.parametrize("kind", ["restore", "archive"])
@pytest.mark.parametrize("expected", [None, 3, "any", "absent"])
def test_a_prompt_that_is_not_there_is_not_found(kind, expected):
    assert isinstance(
        refused(kind, given(two_versions), prompt="other", expected=expected), NotFound
    )


@pytest.mark.parametrize("version", [0, -1, 3, 10**9])
def test_a_version_that_was_never_saved_is_not_found(version):
    assert isinstance(refused("restore", given(two_versions), version=version), NotFound)


def test_content_that_was_not_found_in_the_log_is_not_restored():
    with pytest.raises(NotFound):
        decide_restore(given(two_versions), restore(1), None)


def test_all_mistakes_are_told_at_once_with_their_places():
    command = save(
        "line\n  {{ 7*7 }}",
        note="n" * 1001,
        config={"parameters": {"stream": True}, "variables": {"a/b~c": "x"}, "colour": "red"},
    )
    refusal = refused_save(given(two_versions), command)
    found = {mistake.pointer: mistake for mistake in refusal.mistakes}
    assert set(found) == {
        "/template", "/note", "/config/parameters", "/config/variables/a~1b~0c/[key]", "/config/colour",
    }  # fmt: skip
    template = found["/template"]
    assert (template.line, template.column) == (2, 3)
    assert "7*7" in template.detail
    assert "stream" in found["/config/parameters"].detail
    assert found["/note"].line is None
    assert len(str(refusal)) <= 500


def refused_save(history, command) -> Invalid:
    with pytest.raises(Invalid) as caught:
        decide_save(history, command)
    return caught.value


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"prompt": "Bad", "expected": "absent"}, "/prompt"),
        ({"template": ""}, "/template"),
        ({"template": "{{ a }}" * 100, "config": {"variables": {"a": "x" * 20_000}}}, "/template"),
        ({"template": "".join(f"{{{{ v{n} }}}}" for n in range(257))}, "/template"),
        ({"template": "\ud800"}, "/template"),
        ({"note": "\ud800"}, "/note"),
        ({"config": {"model": ""}}, "/config/model"),
        ({"config": {"parameters": {"x": float("nan")}}}, "/config"),
        ({"config": {"parameters": {"x": "y" * 40_000}}}, "/config"),
        ({"config": []}, "/config"),
    ],
)
def test_content_that_breaks_a_rule_is_invalid(fields, pointer):
    (mistake,) = refused_save(given(two_versions), save(**fields)).mistakes
    assert mistake.pointer.startswith(pointer)
    assert mistake.detail


def test_a_note_that_is_too_long_is_invalid_whatever_the_command():
    for kind in DECIDE:
        refusal = refused(kind, given(two_versions), note="n" * 1001)
        assert isinstance(refusal, Invalid)
        assert [mistake.pointer for mistake in refusal.mistakes] == ["/note"]


@pytest.mark.parametrize("depth", [63, 64, 65, 198, 230, 254, 255, 1000, 10_000])
def test_a_config_is_nested_at_most_sixty_four_deep(depth):
    value: object = "leaf"
    for level in range(depth - 1):
        value = [value] if level % 2 else {"k": value}
    command = save(config={"parameters": {"p": value}})
    if depth <= 64:
        assert isinstance(decide_save(given(two_versions), command), PromptSaved)
    else:
        refused_save(given(two_versions), command)


def test_there_are_only_so_many_prompts(monkeypatch):
    monkeypatch.setattr(decisions, "MAX_PROMPTS", 2)
    history = given(two_versions, lambda scribe: scribe.saved("x", 1, "other"))
    refusal = refused_save(history, save(expected="absent", prompt="third"))
    assert refusal.mistakes == (Mistake("", "there are 2 prompts already, as many as allowed"),)
    assert isinstance(decide_save(history, save()), PromptSaved)


@every_command
def test_an_admin_that_has_met_the_future_writes_no_more(kind):
    history = fold(given(two_versions), [FUTURE])
    refusal = refused(kind, history)
    assert isinstance(refusal, ReadOnly)
    assert "position 9" in str(refusal)
    assert "promptcast.New.v1" in str(refusal)


# --- keys -----------------------------------------------------------------------------------------


@every_command
def test_a_request_that_was_carried_out_before_is_replayed(kind):
    assert decided(kind, given(keyed), request=KEY) == Replayed(2)


@every_command
def test_a_key_that_was_used_for_another_request_is_refused(kind):
    other = RequestKey("ann", "key-1", "b" * 64)
    assert isinstance(refused(kind, given(keyed), request=other), KeyReused)


def test_a_key_belongs_to_its_actor_and_a_new_one_is_no_replay():
    for request in (RequestKey("bob", "key-1", "a" * 64), RequestKey("ann", "key-2", "a" * 64)):
        event = decide_save(given(keyed), save(expected=2, request=request))
        assert isinstance(event, PromptSaved)


# --- the order: key known → precondition → nothing changed → validation ---------------------------


@every_command
def test_a_known_key_comes_before_everything(kind):
    history = fold(given(keyed), [FUTURE])
    for expected in (None, 77, "absent"):
        fields = {"expected": expected, "request": KEY, "prompt": "Not A Name"}
        assert decided(kind, history, **fields) == Replayed(2)


def test_the_precondition_comes_before_nothing_changed_and_before_validation():
    history = given(two_versions)
    cases: list[tuple[str, dict[str, Any]]] = [
        ("save", {"template": "two"}),
        ("save", {"template": "{{"}),
        ("restore", {"version": 2}),
        ("restore", {"version": 99}),
    ]
    for kind, fields in cases:
        assert isinstance(refused(kind, history, expected=2, **fields), RevisionMoved)
    assert isinstance(refused("archive", given(archived), expected=3), RevisionMoved)


def test_nothing_changed_comes_before_validation_and_before_the_future():
    history = fold(given(two_versions), [FUTURE])
    assert isinstance(decide_save(history, save("two", note="n" * 1001)), Unchanged)
    assert isinstance(restoring(history, restore(2, note="n" * 1001)), Unchanged)
    gone = fold(given(archived), [FUTURE])
    assert isinstance(decide_archive(gone, archive(4)), Unchanged)


@pytest.mark.parametrize(
    "fields", [{"template": "{{"}, {"config": {"parameters": {"x": float("inf")}}}]
)
def test_content_that_is_not_valid_is_never_the_live_one(fields):
    refused_save(given(two_versions), save(**fields))
