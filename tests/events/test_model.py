import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from events.limits import MAX_CONFIG_BYTES, MAX_TEMPLATE_BYTES
from events.model import (
    OWNED_PARAMETERS,
    ForkSettled,
    LogHealed,
    LogOpened,
    LogTrimmed,
    PositionPassed,
    PromptArchived,
    PromptConfig,
    PromptRestored,
    PromptSaved,
    canonical_json,
    content_hash,
)


def saved(**changes):
    fields = {"prompt": "system", "version": 1, "template": "Be kind.", **changes}
    return PromptSaved.model_validate(fields)


def where_refused(**changes):
    with pytest.raises(ValidationError) as caught:
        saved(**changes)
    return ["/".join(str(step) for step in problem["loc"]) for problem in caught.value.errors()]


@pytest.mark.parametrize("name", ["a", "0", "system", "a.b_c-d", "9" * 64, "a--"])
def test_a_prompt_s_name_may_be(name):
    assert saved(prompt=name).prompt == name


@pytest.mark.parametrize(
    "name", ["", "a" * 65, "A", "é", "a b", "a\n", "\na", "-a", ".a", "_a", "a/b", "{a}", 1, None]
)
def test_a_prompt_s_name_may_not_be(name):
    assert where_refused(prompt=name) == ["prompt"]


def test_a_template_may_have_256_kib_and_not_a_byte_more():
    assert saved(template="é" * (MAX_TEMPLATE_BYTES // 2))
    assert where_refused(template="é" * (MAX_TEMPLATE_BYTES // 2) + "a") == ["template"]
    assert where_refused(template="") == ["template"]


def test_a_template_that_does_not_parse_is_refused_with_its_place():
    with pytest.raises(ValidationError, match="line 2, column 1"):
        saved(template="\n{{ 7*7 }}")


@pytest.mark.parametrize("model", [PromptSaved, PromptRestored])
def test_a_template_that_makes_too_much_of_its_defaults_is_no_event_at_all(model):
    fields = {"prompt": "system", "version": 1, "config": {"variables": {"a": "x" * 30_000}}}
    fields |= {"saved_at": 1} if model is PromptRestored else {}
    assert model.model_validate({**fields, "template": "{{ a }}" * 34})
    with pytest.raises(ValidationError, match="1050000 bytes with its defaults filled in"):
        model.model_validate({**fields, "template": "{{ a }}" * 35})


def test_a_note_may_have_a_thousand_characters_and_not_one_more():
    assert saved(note="漢" * 1000).note == "漢" * 1000
    assert where_refused(note="a" * 1001) == ["note"]


@pytest.mark.parametrize("version", [0, -1, 2**31, True, 1.0, "1", None])
def test_a_version_is_a_whole_number_from_one_to_two_to_the_31(version):
    assert where_refused(version=version) == ["version"]
    assert saved(version=2**31 - 1).version == 2**31 - 1


def test_unknown_fields_are_refused_everywhere():
    assert where_refused(colour="red") == ["colour"]
    assert where_refused(config={"colour": "red"}) == ["config/colour"]


def test_events_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        saved().note = "changed"


def test_there_is_one_branch_for_now():
    assert saved().branch == "main"
    assert where_refused(branch="test") == ["branch"]


@pytest.mark.parametrize("owned", sorted(OWNED_PARAMETERS))
def test_parameters_that_the_service_sets_are_refused(owned):
    assert where_refused(config={"parameters": {"temperature": 0.5, owned: 1}}) == [
        "config/parameters"
    ]


def test_messages_model_and_streaming_belong_to_the_service():
    assert {"messages", "model", "stream", "stream_options"} <= OWNED_PARAMETERS


@pytest.mark.parametrize("name", ["", "1a", "a-b", "a b", "a" * 65, "é"])
def test_a_default_for_what_is_no_variable_s_name_is_refused(name):
    assert where_refused(config={"variables": {name: "x"}}) == [f"config/variables/{name}/[key]"]


def test_a_model_s_name_has_one_to_two_hundred_characters():
    assert saved(config={"model": "m" * 200}).config.model == "m" * 200
    assert where_refused(config={"model": ""}) == ["config/model"]
    assert where_refused(config={"model": "m" * 201}) == ["config/model"]


def test_a_config_may_have_32_kib_as_json_and_not_a_byte_more():
    around = len(canonical_json({"parameters": {"stop": ""}}))
    most = "a" * (MAX_CONFIG_BYTES - around)
    assert saved(config={"parameters": {"stop": most}})
    assert where_refused(config={"parameters": {"stop": most + "a"}}) == ["config"]
    assert where_refused(config={"parameters": {"stop": most[:-1] + "é"}}) == ["config"]


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), "\ud800", 10**5000, {"a": float("-inf")}, object(), {1: 2}],
    ids=["nan", "infinity", "surrogate", "too-long", "nested", "object", "key"],
)
def test_a_parameter_that_json_cannot_carry_is_refused(value):
    assert where_refused(config={"parameters": {"p": value}})


def test_an_opened_log_has_an_id():
    assert LogOpened(log_id="a" * 64).log_id
    for bad in ("", "a" * 65):
        with pytest.raises(ValidationError):
            LogOpened(log_id=bad)


@pytest.mark.parametrize("wrong", [{"after": -1}, {"through": 2**53 + 1}, {"cause": "a whim"}])
def test_a_healing_says_between_which_positions_and_why(wrong):
    fields = {"after": 0, "through": 2**53, "cause": "missing"}
    assert LogHealed.model_validate(fields).after == 0
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        LogHealed.model_validate(fields | wrong)


def test_a_settled_fork_says_what_was_kept():
    fields = {"kept": "log", "after": 3, "through": 5}
    assert ForkSettled.model_validate(fields).through == 5
    with pytest.raises(ValidationError, match="kept"):
        ForkSettled.model_validate(fields | {"kept": "neither"})


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("through", 0), ("through", -1), ("hash", ""), ("hash", "0A" * 32), ("hash", "0a" * 31)],
)
def test_a_log_that_was_trimmed_says_through_which_event(field, wrong):
    fields = {"through": 3, "hash": "0a" * 32}
    assert LogTrimmed.model_validate(fields).through == 3
    with pytest.raises(ValidationError, match=field):
        LogTrimmed.model_validate(fields | {field: wrong})


def test_a_position_that_was_passed_may_say_why():
    assert PositionPassed().reason == ""
    with pytest.raises(ValidationError):
        PositionPassed(reason="a" * 1001)


def test_a_restore_carries_the_whole_content_and_where_it_was_first_saved():
    fields = {"prompt": "p", "version": 1, "saved_at": 2, "template": "T"}
    assert PromptRestored.model_validate(fields).template == "T"
    for missing in fields:
        with pytest.raises(ValidationError, match=missing):
            PromptRestored.model_validate({k: v for k, v in fields.items() if k != missing})
    with pytest.raises(ValidationError):
        PromptRestored.model_validate({**fields, "saved_at": 0})


def test_an_archiving_needs_only_the_prompt():
    assert PromptArchived(prompt="p").branch == "main"


def test_equal_content_has_the_hash_that_it_always_had():
    """Literal on purpose: a hash that changed would make every stored version look new."""
    bare = "6236a46c170423c8ff866a3facc008999acf08048b53b42db512f462a654ae71"
    full = "fc3b99d6aebd6a8ae313720b8a7d301d27bd0d23c46f27368e476126a88142a9"
    config = {"variables": {"b": "é", "a": "1"}, "parameters": {"temperature": 0.5}, "model": "m"}
    assert content_hash("Be kind.", PromptConfig()) == bare
    assert content_hash("Be kind.", PromptConfig.model_validate(config)) == full


def test_the_content_hash_is_of_the_template_a_nul_and_the_config_as_canonical_json():
    config = {"parameters": {"temperature": 0.5, "a": [1, "é"]}, "model": "m"}
    said = 'Té\0{"model":"m","parameters":{"a":[1,"é"],"temperature":0.5}}'
    found = content_hash("Té", PromptConfig.model_validate(config))
    assert found == hashlib.sha256(said.encode()).hexdigest()


@pytest.mark.parametrize(
    "config", [{}, {"parameters": {}}, {"variables": {}, "model": None}, {"model": None}]
)
def test_a_config_that_sets_nothing_is_like_none(config):
    parsed = PromptConfig.model_validate(config)
    assert parsed.canonical() == "{}"
    assert content_hash("a", parsed) == content_hash("a", PromptConfig())


@given(
    st.dictionaries(
        st.text(),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
    )
)
def test_canonical_json_does_not_depend_on_the_order_of_keys_and_says_the_same(values):
    said = canonical_json(values)
    assert said == canonical_json(dict(reversed(values.items())))
    assert json.loads(said) == values


def test_different_contents_have_different_hashes():
    contents = [
        ("a", {}), ("a{}", {}), ("b", {}), ("a", {"model": "m"}), ("a", {"variables": {"m": "m"}}),
        ("a", {"parameters": {"x": 1}}), ("a", {"parameters": {"x": "1"}}),
        ("a", {"parameters": {"x": True}}),
    ]  # fmt: skip
    hashes = {content_hash(text, PromptConfig.model_validate(config)) for text, config in contents}
    assert len(hashes) == len(contents)
