"""What is decided is never rejected by whoever reads it: a save that was answered with 201 is applied."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from events.chain import Recorded, read
from events.envelope import RequestKey, Stamp
from events.limits import (
    MAX_ACTOR_CHARACTERS,
    MAX_CONFIG_BYTES,
    MAX_CONFIG_DEPTH,
    MAX_EVENT_BYTES,
    MAX_NOTE_CHARACTERS,
    MAX_REQUEST_KEY_CHARACTERS,
    MAX_TEMPLATE_BYTES,
)
from events.model import Event, PromptConfig, content_hash
from events.signing import KeyRing
from events.writing import appended, seal
from projections.decisions import Content, Restore, Save, decide_restore, decide_save
from projections.history import History, fold
from projections.live import Live
from projections.live import fold as fold_live
from projections.refusals import Invalid
from tests.scribe import BEGAN, Scribe, recorded
from tests.strategies import CONFIGS, TEMPLATES, TEXT, WILD_TEXT, json_values

KEYS = KeyRing({"k": b"secret"})
LONGEST = RequestKey("é" * MAX_ACTOR_CHARACTERS, "\x01" * MAX_REQUEST_KEY_CHARACTERS, "f" * 64)


def begun() -> Scribe:
    scribe = Scribe(KEYS)
    scribe.opened()
    return scribe


def written(scribe: Scribe, event: Event) -> Recorded:
    """``event`` as it is read again, written by the most long-winded of actors."""
    stamp = Stamp("i" * 64, "/test", BEGAN, LONGEST.actor, LONGEST)
    draft = seal(event, stamp, scribe.head, KEYS)
    assert len(draft.event) <= MAX_EVENT_BYTES
    _, outcome = read(scribe.chain(), appended(draft, scribe.head, BEGAN), KEYS)
    return recorded(outcome)


def saved_and_read(save: Save) -> Recorded:
    scribe = begun()
    decided = decide_save(fold(History(), scribe.outcomes()), save)
    read_back = written(scribe, decided)  # type: ignore[arg-type]  # there is nothing it could replay
    assert read_back.event == decided
    return read_back


def nested(depth):
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


WILD_CONFIGS = st.dictionaries(
    st.sampled_from(["model", "parameters", "variables", "colour"]),
    WILD_TEXT | st.dictionaries(WILD_TEXT, json_values(WILD_TEXT), max_size=3) | st.none(),
    max_size=3,
)
PARAMETERS = st.dictionaries(WILD_TEXT, json_values(WILD_TEXT), max_size=3)
NESTED = st.integers(1, 300).map(lambda depth: {"parameters": {"p": nested(depth)}})


@settings(max_examples=150)
@given(
    template=TEMPLATES | WILD_TEXT,
    config=CONFIGS | WILD_CONFIGS | NESTED | st.fixed_dictionaries({"parameters": PARAMETERS}),
    note=TEXT | WILD_TEXT,
)
@example("a", {"parameters": {"p": nested(MAX_CONFIG_DEPTH - 1)}}, "")
@example("a", {"parameters": {"p": 10**4000}}, "")
@example("a", {"parameters": {"": "\x7f\u2028\x00"}, "variables": {"a": "\x00"}}, "\x00")
@example("\ufeff", {"parameters": {"p": -0.0, "q": 1e308, "r": 5e-324}}, "\ufeff")
def test_a_save_is_refused_at_once_or_applied_by_everybody(template, config, note):
    try:
        read_back = saved_and_read(Save("p", template, config, note, "absent"))
    except Invalid:
        return
    live = fold_live(Live(), [read_back]).prompts["p"]
    assert live.template.text == template
    assert live.content_hash == content_hash(template, PromptConfig.model_validate(config))


def test_the_largest_content_in_its_most_wasteful_form_still_fits_into_an_event():
    around = len(PromptConfig(parameters={"p": ""}).canonical())
    config = {"parameters": {"p": "\x01" * ((MAX_CONFIG_BYTES - around) // 6)}}
    for text in ('"' * MAX_TEMPLATE_BYTES, "\n" * MAX_TEMPLATE_BYTES):
        save = Save("p" * 64, text, config, "\x01" * MAX_NOTE_CHARACTERS, "absent")
        assert saved_and_read(save).size > 2 * MAX_TEMPLATE_BYTES


def test_whatever_was_saved_can_be_restored():
    config = {"parameters": {"p": nested(MAX_CONFIG_DEPTH - 1)}, "model": "m"}
    scribe = begun()
    scribe.saved('"' * MAX_TEMPLATE_BYTES, 1, config=config)
    scribe.saved("two", 2)
    first = recorded(scribe.outcomes()[1]).event
    content = Content(*(getattr(first, name) for name in ("template", "config")))
    command = Restore("system", 1, "\x01" * MAX_NOTE_CHARACTERS, "any")
    decided = decide_restore(fold(History(), scribe.outcomes()), command, content)
    assert written(scribe, decided).event == decided  # type: ignore[arg-type]  # it is another version
