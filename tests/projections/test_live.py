from hypothesis import given
from hypothesis import strategies as st

from events.model import (
    ForkSettled,
    LogHealed,
    LogTrimmed,
    PositionPassed,
    PromptConfig,
    content_hash,
)
from events.template import Template
from projections import live as module
from projections.live import Live, LivePrompt, apply, fold, holds
from tests.scribe import BEGAN, Scribe
from tests.strategies import PROMPTS, logs

CONFIG = {"model": "m", "parameters": {"temperature": 0.5}, "variables": {"name": "Ann"}}


def log(*writes):
    """Outcomes of a log to which ``writes`` were done."""
    scribe = Scribe()
    scribe.opened()
    for write in writes:
        write(scribe)
    return scribe


def test_a_save_makes_a_prompt_live_ready_to_be_rendered():
    scribe = log(lambda s: s.saved("Hi {{ name }}", 1, config=CONFIG, actor="ann"))
    config = PromptConfig.model_validate(CONFIG)
    assert fold(Live(), scribe.outcomes()).prompts == {
        "system": LivePrompt(
            name="system",
            branch="main",
            version=1,
            revision=2,
            template=Template.parse("Hi {{ name }}"),
            config=config,
            content_hash=content_hash("Hi {{ name }}", config),
            hash=scribe.entries[1].hash,
            author="ann",
            recorded_at=BEGAN + 1000,
        )
    }


def test_what_is_said_about_the_log_itself_changes_nothing():
    scribe = log(lambda s: s.saved("one", 1))
    before = fold(Live(), scribe.outcomes())
    scribe.write(LogHealed(after=1, through=3, cause="missing"))
    scribe.write(PositionPassed())
    scribe.write(ForkSettled(kept="log", after=4, through=7))
    scribe.write(LogTrimmed(through=5, hash="0" * 64))
    assert fold(Live(), scribe.outcomes()) == before


def test_a_restore_makes_the_older_version_live_at_a_new_revision():
    scribe = log(
        lambda s: s.saved("one", 1), lambda s: s.saved("two", 2), lambda s: s.restored(1, 2, "one")
    )
    prompt = fold(Live(), scribe.outcomes()).prompts["system"]
    assert (prompt.version, prompt.revision, prompt.template.text) == (1, 4, "one")


def test_an_archived_prompt_is_served_no_more_and_a_save_brings_it_back():
    scribe = log(lambda s: s.saved("one", 1), lambda s: s.archived())
    assert fold(Live(), scribe.outcomes()).prompts == {}
    scribe.saved("two", 2)
    assert fold(Live(), scribe.outcomes()).prompts["system"].version == 2


def test_archiving_what_is_not_held_changes_nothing():
    scribe = log(lambda s: s.archived("other"))
    assert fold(Live(), scribe.outcomes()).prompts == {}


def test_a_rejected_event_leaves_the_last_good_version_in_force():
    scribe = log(lambda s: s.saved("good", 1), lambda s: s.poison(b"{"))
    assert fold(Live(), scribe.outcomes()).prompts["system"].template.text == "good"


def test_only_what_is_live_in_the_end_is_compiled(monkeypatch):
    compiled, compile_one = [], module._compiled

    def counted(recorded, event):
        compiled.append(event.template)
        return compile_one(recorded, event)

    scribe = log(*[lambda s, n=n: s.saved(f"v{n}", n) for n in range(1, 50)])
    scribe.saved("other", 1, "other")
    scribe.archived("other")
    outcomes = scribe.outcomes()
    monkeypatch.setattr(module, "_compiled", counted)
    fold(Live(), outcomes)
    assert compiled == ["v49"]


def test_one_reference_is_replaced_and_a_request_keeps_what_it_took_hold_of():
    scribe = log(lambda s: s.saved("one", 1), lambda s: s.saved("other", 1, "other"))
    before = fold(Live(), scribe.outcomes())
    held = before.prompts["system"]
    scribe.saved("two", 2)
    after = apply(before, scribe.outcomes()[-1])
    assert before.prompts["system"] is held
    assert held.template.text == "one"
    assert after.prompts["system"].template.text == "two"
    assert after.prompts["other"] is before.prompts["other"]


def test_events_of_no_concern_do_not_even_make_a_new_state():
    scribe = log(lambda s: s.saved("one", 1, "other"), lambda s: s.poison(b"{"))
    live = Live(globs=("system",))
    assert fold(live, scribe.outcomes()) is live


def test_only_prompts_that_a_glob_fits_are_held():
    scribe = log(
        *[lambda s, name=name: s.saved("x", 1, name) for name in ("a", "ab", "b.c", "b-d")]
    )
    held = lambda *globs: set(fold(Live(globs), scribe.outcomes()).prompts)  # noqa: E731  # short
    assert held("*") == {"a", "ab", "b.c", "b-d"}
    assert held("a") == {"a"}
    assert held("a*") == {"a", "ab"}
    assert held("a?", "b.*") == {"ab", "b.c"}
    assert held("[ab]") == {"a"}
    assert held("c") == set()
    assert held() == set()


def test_globs_are_told_from_the_whole_name_and_its_case():
    assert holds(["a*"], "abc")
    assert not holds(["b"], "abc")
    assert not holds(["A*"], "abc")
    assert not holds([], "abc")
    assert Live(("a*",)).holds("abc")


@given(logs(most=12), st.integers(0, 12), st.sets(st.sampled_from(PROMPTS)))
def test_one_by_one_and_all_at_once_are_the_same_and_globs_only_leave_out(scribe, cut, globs):
    outcomes = scribe.outcomes()
    at_once = fold(Live(), outcomes)
    one_by_one = Live()
    for outcome in outcomes:
        one_by_one = apply(one_by_one, outcome)
    assert at_once == one_by_one == fold(fold(Live(), outcomes[:cut]), outcomes[cut:])
    some = fold(Live(tuple(globs)), outcomes)
    assert some.prompts == {name: p for name, p in at_once.prompts.items() if name in globs}
