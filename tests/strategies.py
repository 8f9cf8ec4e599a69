"""What hypothesis makes for several tests: JSON, templates, whole logs."""

from typing import Any

from hypothesis import strategies as st

from events.limits import VARIABLE_NAME
from events.signing import KeyRing
from tests.scribe import Scribe

PROMPTS = ("system", "bot", "a.b_c-1")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
WILD_TEXT = st.text(st.characters(), max_size=20)
"""With lone surrogates, which are no text at all."""
NUMBERS = (
    st.integers()
    | st.sampled_from([2**53 + 1, -(2**63), 10**40])
    | st.floats(allow_nan=False, allow_infinity=False)
)


def json_values(text: st.SearchStrategy[str] = TEXT) -> st.SearchStrategy[Any]:
    """Any JSON value, small."""
    return st.recursive(
        st.none() | st.booleans() | NUMBERS | text,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
        max_leaves=4,
    )


PARAMETERS = st.dictionaries(
    st.sampled_from(["temperature", "max_completion_tokens", "reasoning_effort", "ü", ""]),
    json_values(),
    max_size=3,
)
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "model": st.none()
        | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9),
        "parameters": PARAMETERS,
        "variables": st.dictionaries(
            st.from_regex(VARIABLE_NAME, fullmatch=True), TEXT, max_size=2
        ),
    },
)
TEMPLATES = st.lists(
    st.sampled_from(
        ["Be kind.", "{{ name }}", "\\{{", "\n\t", "é", "漢字", "👍", '"\\', "}}", " "]
    ),
    min_size=1,
    max_size=5,
).map("".join)
"""Templates that parse."""
NOTES = st.sampled_from(["", "why", "ü\n\x00"])
FEW_CONFIGS = st.sampled_from(
    [None, {}, {"model": "m"}, {"parameters": {"t": 0.5, "s": ["é"]}, "variables": {"name": "Ann"}}]
)
"""For logs, where the content is not the question: whole ones take hypothesis long to make up."""


@st.composite
def logs(draw: st.DrawFn, keys: KeyRing | None = None, least: int = 1, most: int = 8) -> Scribe:
    """A log in good order, of ``least`` to ``most`` events behind the first."""
    scribe = Scribe(keys or KeyRing())
    scribe.opened()
    saved: dict[str, list[tuple[int, str]]] = {}
    for _ in range(draw(st.integers(least, most))):
        prompt = draw(st.sampled_from(PROMPTS))
        versions = saved.setdefault(prompt, [])
        action = (
            draw(st.sampled_from(["save", "save", "restore", "archive"])) if versions else "save"
        )
        if action == "save":
            template = draw(TEMPLATES)
            config, note = draw(FEW_CONFIGS), draw(NOTES)
            entry = scribe.saved(template, len(versions) + 1, prompt, config, note=note)
            versions.append((entry.position, template))
        elif action == "restore":
            version = draw(st.integers(1, len(versions)))
            scribe.restored(version, *versions[version - 1], prompt)
        else:
            scribe.archived(prompt)
    return scribe
