"""Whatever stands in the stream, reading it ends in an outcome: anybody may write there."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from events.chain import Chain, Entry, Recorded, decode, read
from events.envelope import TYPES, digest
from events.errors import LogGap
from events.signing import KeyRing
from events.verify import Verifier
from projections.reports import Rejection, Report
from tests.scribe import Scribe, recorded
from tests.strategies import CONFIGS, TEMPLATES, TEXT, WILD_TEXT, json_values, logs

KEYS = KeyRing({"k": b"secret"})
KINDS = [*TYPES.values(), "promptcast.New.v1", "", 7, None]


def _scribe(keys):
    scribe = Scribe(keys)
    scribe.opened()
    scribe.saved()
    return scribe


CHAINS = [Chain(), _scribe(KeyRing()).chain(), _scribe(KEYS).chain()]
GOOD = [json.loads(entry.event) for entry in _scribe(KeyRing()).entries]


@st.composite
def spoiled_envelopes(draw):
    """An envelope that was in order once, with some of it replaced by anything."""
    fields = dict(draw(st.sampled_from(GOOD)))
    fields["type"] = draw(st.sampled_from(KINDS))
    for name in draw(st.lists(st.sampled_from(list(fields)), max_size=3)):
        fields[name] = draw(json_values(WILD_TEXT))
    if isinstance(fields["data"], dict):
        fields["data"] |= draw(
            st.dictionaries(
                st.sampled_from(sorted(fields["data"]) or [""]), json_values(WILD_TEXT), max_size=2
            )
        )
    return json.dumps(fields).encode()


EVENTS = (
    st.binary(max_size=60)
    | json_values(WILD_TEXT).map(lambda value: json.dumps(value).encode())
    | spoiled_envelopes()
)


@st.composite
def entries(draw):
    event = draw(EVENTS)
    own = digest(event)
    kid, sig = KEYS.sign(own) or ("", "")
    return Entry(
        position=draw(st.sampled_from([1, 3]) | st.integers()),
        event=event,
        hash=draw(st.just(own) | WILD_TEXT),
        at=draw(st.integers()),
        kid=draw(st.just(kid) | WILD_TEXT),
        sig=draw(st.just(sig) | WILD_TEXT),
        foreign=tuple(draw(st.lists(WILD_TEXT, max_size=2))),
    )


@settings(max_examples=100)
@given(st.sampled_from(CHAINS), entries(), st.sampled_from([KeyRing(), KEYS]))
def test_reading_anything_raises_nothing_but_a_gap(chain, entry, keys):
    try:
        after, outcome = read(chain, entry, keys)
    except LogGap:
        assert entry.position != chain.head.position + 1
        return
    assert after.head.position == outcome.position == entry.position
    assert after.head.digest == digest(entry.event)
    if not isinstance(outcome, Recorded):
        said = Rejection(
            position=1, reason=outcome.reason, detail=outcome.detail, prompt=outcome.prompt
        )
        report = Report("chat-1", "i-1", 0, 0, "", "current", rejected=(said,))
        assert report.to_bytes(), "what cannot be said in JSON cannot be reported"


@settings(max_examples=40)
@given(st.lists(entries(), max_size=4))
def test_verifying_anything_raises_nothing(found):
    verifier = Verifier(KEYS)
    for entry in found:
        verifier.feed(entry)
        assert decode(entry, digest(entry.event)) is None or entry.event
    assert verifier.events == len(found)


@given(logs(KEYS))
def test_what_a_scribe_writes_counts_and_is_decoded_again_to_the_same_event(scribe):
    for entry, outcome in zip(scribe.entries, scribe.outcomes(), strict=True):
        assert decode(entry, entry.hash) == recorded(outcome)


@given(TEMPLATES, CONFIGS, TEXT)
def test_content_is_read_as_it_was_written(template, config, note):
    scribe = Scribe()
    scribe.opened()
    entry = scribe.saved(template, 1, "p", config, note=note)
    event = recorded(scribe.outcomes()[-1]).event
    assert json.loads(entry.event)["data"]["template"] == template
    assert event.model_dump()["note"] == note
    assert event.model_dump()["config"]["parameters"] == config.get("parameters", {})
