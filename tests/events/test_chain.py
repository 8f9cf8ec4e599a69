"""Reading the log, given/when/then: each way in which an entry can be without effect, once."""

import json

import pytest

from events.chain import (
    GENESIS,
    GENESIS_HASH,
    STRAY_FROM,
    Chain,
    Entry,
    Head,
    Reason,
    Rejected,
    decode,
    read,
)
from events.envelope import RequestKey, digest
from events.errors import LogDiverged, LogGap, StrayId
from events.limits import MAX_EVENT_BYTES
from events.model import LogOpened, LogTrimmed
from events.signing import KeyRing
from tests.scribe import BEGAN, Scribe, moved, recorded, rejected, saved

NO_KEYS = KeyRing()
ANN, BOB = KeyRing({"ann": b"one"}), KeyRing({"bob": b"two"})
BOTH = KeyRing({"bob": b"two", "ann": b"one"})


@pytest.fixture
def scribe():
    """A log that was opened, and has one prompt."""
    scribe = Scribe()
    scribe.opened()
    scribe.saved("Be kind.")
    return scribe


def edited(entry, **changes):
    """The entry with fields of its envelope changed (None: removed), and the hash that then fits."""
    fields = {**json.loads(entry.event), **changes}
    event = json.dumps({k: v for k, v in fields.items() if v is not None}).encode()
    return entry._replace(event=event, hash=digest(event))


def edited_data(entry, **changes):
    return edited(entry, data={**json.loads(entry.event)["data"], **changes})


def then(chain, entry, keys=NO_KEYS):
    """What the entry is worth; it moves the head to its own position and bytes, whatever it is worth."""
    after, outcome = read(chain, entry, keys)
    assert after.head == Head(entry.position, entry.hash, digest(entry.event))
    assert outcome.position == entry.position
    return outcome


def given(scribe):
    """The chain up to the last entry, and that entry."""
    *before, last = scribe.entries
    chain = Chain()
    for entry in before:
        chain, _ = read(chain, entry, scribe.keys)
    return chain, last


def test_a_new_log_begins_behind_position_0():
    assert Chain().head == GENESIS == Head(0, "", GENESIS_HASH)


def test_an_event_that_is_intact_and_in_place_counts():
    scribe = Scribe()
    scribe.opened()
    request = RequestKey("bob", "key-1", "f" * 64)
    entry = scribe.saved("Be kind.", actor="bob", request=request)
    before, last = given(scribe)
    chain, outcome = read(before, last, NO_KEYS)
    event = recorded(outcome)
    assert event.event == saved("Be kind.")
    assert (event.position, event.actor, event.request) == (2, "bob", request)
    assert (event.hash, event.size) == (digest(entry.event), len(entry.event))
    assert (event.at, event.recorded_at) == (entry.at, BEGAN + 1000)
    assert chain == Chain(Head(2, entry.hash, entry.hash), "log-1", False)


def test_the_log_is_known_by_the_id_in_its_first_event():
    scribe = Scribe()
    chain, outcome = read(Chain(), scribe.opened(), NO_KEYS)
    assert recorded(outcome).event == LogOpened(log_id="log-1")
    assert chain.log_id == "log-1"


REJECTED = {
    "no event": (Reason.MISSING_FIELDS, lambda e: e._replace(event=b"")),
    "no hash": (Reason.MISSING_FIELDS, lambda e: e._replace(hash="")),
    "neither": (Reason.MISSING_FIELDS, lambda e: e._replace(event=b"", hash="", at=0)),
    "a byte too large": (
        Reason.TOO_LARGE,
        lambda e: e._replace(event=(big := b" " * (MAX_EVENT_BYTES + 1)), hash=digest(big)),
    ),
    "another hash": (Reason.WRONG_HASH, lambda e: e._replace(hash="0" * 64)),
    "its hash in capitals": (Reason.WRONG_HASH, lambda e: e._replace(hash=e.hash.upper())),
    "a changed byte": (
        Reason.WRONG_HASH,
        lambda e: e._replace(event=e.event.replace(b"kind", b"kinb")),
    ),
    "no json": (Reason.BAD_JSON, lambda e: e._replace(event=b"{", hash=digest(b"{"))),
    "no utf-8": (Reason.BAD_JSON, lambda e: e._replace(event=b'"\xff"', hash=digest(b'"\xff"'))),
    "too deep": (
        Reason.BAD_JSON,
        lambda e: e._replace(event=(deep := b"[" * 100_000), hash=digest(deep)),
    ),
    "a list": (Reason.INVALID, lambda e: e._replace(event=b"[]", hash=digest(b"[]"))),
    "a null": (Reason.INVALID, lambda e: e._replace(event=b"null", hash=digest(b"null"))),
    "another specversion": (Reason.INVALID, lambda e: edited(e, specversion="0.3")),
    "no id": (Reason.INVALID, lambda e: edited(e, id=None)),
    "an empty actor": (Reason.INVALID, lambda e: edited(e, actor="")),
    "a time without a zone": (
        Reason.INVALID,
        lambda e: edited(e, time="2026-01-01T00:00:00.000000"),
    ),
    "a time that never was": (
        Reason.INVALID,
        lambda e: edited(e, time="2026-02-30T00:00:00.000000Z"),
    ),
    "an hour that only some Pythons know": (
        Reason.INVALID,
        lambda e: edited(e, time="2026-01-01T24:00:00.000000Z"),
    ),
    "another subject": (Reason.INVALID, lambda e: edited(e, subject="other")),
    "an invalid template": (Reason.INVALID, lambda e: edited_data(e, template="{{ 7*7 }}")),
    "an unknown field": (Reason.INVALID, lambda e: edited_data(e, colour="red")),
    "a number as text": (Reason.INVALID, lambda e: edited_data(e, version="1")),
    "no data": (Reason.INVALID, lambda e: edited(e, data=None)),
    "another type's data": (Reason.INVALID, lambda e: edited(e, type="promptcast.LogOpened.v1")),
    "no type": (Reason.INVALID, lambda e: edited(e, type=None)),
    "an unknown type": (Reason.UNKNOWN_TYPE, lambda e: edited(e, type="promptcast.PromptSung.v1")),
    "another position": (Reason.WRONG_POSITION, lambda e: edited(e, position=3)),
    "another prevhash": (Reason.BROKEN_CHAIN, lambda e: edited(e, prevhash="a" * 64)),
    "an unknown key": (Reason.UNKNOWN_KEY, lambda e: e._replace(kid="eve", sig="0" * 64)),
}


@pytest.mark.parametrize("how", REJECTED)
def test_an_entry_is_without_effect_when_it_has(how, scribe):
    reason, spoil = REJECTED[how]
    chain, entry = given(scribe)
    outcome = rejected(then(chain, spoil(entry)))
    assert outcome.reason is reason, outcome
    assert outcome.detail


def test_every_reason_but_a_crash_has_an_example_here():
    """A crash happens behind the chain, while an event is applied."""
    shown = {reason for reason, _ in REJECTED.values()}
    elsewhere = {Reason.UNSIGNED, Reason.WRONG_SIGNATURE, Reason.OPENED_TWICE, Reason.CRASHED}
    assert shown | elsewhere == set(Reason)


def test_an_entry_of_exactly_the_greatest_size_is_looked_into(scribe):
    chain, entry = given(scribe)
    event = entry.event + b" " * (MAX_EVENT_BYTES - len(entry.event))
    recorded(then(chain, entry._replace(event=event, hash=digest(event))))


def test_a_log_is_opened_once(scribe):
    again = scribe.opened()
    chain, _ = given(scribe)
    assert rejected(then(chain, again)).reason is Reason.OPENED_TWICE
    after, _ = read(chain, again, NO_KEYS)
    assert after.log_id == "log-1"


def trims(through, fill="a"):
    return LogTrimmed(through=through, hash=fill * 64)


def test_a_log_that_was_trimmed_says_so_itself(scribe):
    assert scribe.chain().trimmed == GENESIS
    scribe.write(trims(1))
    scribe.saved("Be kinder.", 2)
    chain = scribe.chain()
    assert chain.trimmed == Head(1, "a" * 64, "a" * 64)
    assert (chain.head, chain.log_id) == (scribe.head, "log-1")


def test_what_was_trimmed_once_is_not_there_again(scribe):
    for position, through in ((3, 2), (4, 1), (5, 4)):
        assert scribe.write(trims(through, fill=f"{through}")).position == position
    assert scribe.chain().trimmed == Head(4, "4" * 64, "4" * 64)
    scribe.entries.pop()
    assert scribe.chain().trimmed == Head(2, "2" * 64, "2" * 64)


def test_an_entry_without_effect_leaves_what_was_trimmed_as_it_was(scribe):
    scribe.write(trims(1))
    scribe.poison(b"{")
    assert scribe.chain().trimmed.position == 1


@pytest.mark.parametrize(("through", "counts"), [(2, True), (3, False), (4, False), (2**53, False)])
def test_nothing_is_trimmed_but_what_lies_before(scribe, through, counts):
    """Not even the event itself: the log would say of its own end that it is gone."""
    scribe.write(trims(through))
    chain, entry = given(scribe)
    after, outcome = read(chain, entry, NO_KEYS)
    assert after.head == scribe.head
    if counts:
        assert (recorded(outcome).event, after.trimmed.position) == (trims(2), 2)
    else:
        assert (rejected(outcome).reason, after.trimmed) == (Reason.INVALID, GENESIS)


def test_the_chain_runs_through_an_entry_that_was_rejected(scribe):
    """prevhash is of the bytes, not of the hash field: saving goes on behind poison."""
    scribe.poison(b"{", hash="nonsense")
    scribe.saved("Be brief.", 2)
    assert [type(outcome).__name__ for outcome in scribe.outcomes()] == [
        "Recorded", "Recorded", "Rejected", "Recorded",
    ]  # fmt: skip
    assert scribe.chain().head.stored == scribe.chain().head.digest


def test_foreign_fields_have_no_effect(scribe):
    chain, entry = given(scribe)
    assert recorded(then(chain, entry._replace(foreign=("x",)))) == scribe.outcomes()[1]


@pytest.mark.parametrize("position", [0, 1, 3, 7, -1])
def test_an_entry_that_is_not_at_the_next_position_is_a_gap(scribe, position):
    chain, entry = given(scribe)
    with pytest.raises(LogGap, match=f"expected position 2 next, found entry {position}-0") as gap:
        read(chain, moved(entry, position), NO_KEYS)
    assert not isinstance(gap.value, StrayId)
    assert isinstance(gap.value, LogDiverged)


def test_an_id_that_is_a_clock_s_time_is_a_stray(scribe):
    chain, entry = given(scribe)
    with pytest.raises(StrayId):
        read(chain, moved(entry, STRAY_FROM), NO_KEYS)


# --- signatures -----------------------------------------------------------------------------------


def signed(*rings):
    """A log whose events are signed with the first keys of these rings, in turn; read with both keys."""
    scribe = Scribe()
    for version, ring in enumerate(rings):
        scribe.keys = ring
        if version:
            scribe.saved(f"v{version}", version)
        else:
            scribe.opened()
    scribe.keys = BOTH
    return scribe


def test_while_keys_are_rotated_events_of_either_key_count():
    scribe = signed(ANN, ANN, BOB, ANN, BOTH)
    assert [entry.kid for entry in scribe.entries] == ["ann", "ann", "bob", "ann", "bob"]
    assert not [o for o in scribe.outcomes() if isinstance(o, Rejected)]
    assert scribe.chain().signed


def test_a_log_may_begin_unsigned_and_be_signed_from_some_event_on():
    chain, entry = given(signed(NO_KEYS, NO_KEYS, ANN))
    assert not chain.signed
    recorded(then(chain, entry, BOTH))
    assert read(chain, entry, BOTH)[0].signed


def test_an_unsigned_event_behind_a_signed_one_is_without_effect():
    chain, entry = given(signed(ANN, NO_KEYS))
    assert rejected(then(chain, entry, BOTH)).reason is Reason.UNSIGNED


def test_where_events_are_signed_only_a_signed_one_trims():
    scribe = signed(ANN, ANN)
    scribe.keys = NO_KEYS
    scribe.write(trims(1))
    scribe.keys = BOTH
    assert scribe.chain().trimmed == GENESIS
    scribe.write(trims(1))
    assert scribe.chain().trimmed.position == 1


def test_a_forgery_does_not_end_the_duty_to_sign():
    chain, entry = given(signed(ANN, NO_KEYS))
    after, _ = read(chain, entry, BOTH)
    assert after.signed


@pytest.mark.parametrize("sig", ["0" * 64, "x", "é"])
def test_a_wrong_signature_is_without_effect(sig):
    chain, entry = given(signed(ANN, ANN))
    outcome = then(chain, entry._replace(sig=sig), BOTH)
    assert rejected(outcome).reason is Reason.WRONG_SIGNATURE


def test_a_signature_under_another_key_s_name_is_wrong():
    chain, entry = given(signed(ANN, ANN))
    outcome = then(chain, entry._replace(kid="bob"), BOTH)
    assert rejected(outcome).reason is Reason.WRONG_SIGNATURE


def test_a_signature_does_not_make_the_log_signed_unless_it_is_right():
    chain, entry = given(signed(NO_KEYS, ANN))
    assert not read(chain, entry._replace(sig="0" * 64), BOTH)[0].signed
    assert not read(chain, entry, BOB)[0].signed


def test_a_reader_without_the_key_cannot_tell_and_may_not_write():
    chain, entry = given(signed(ANN, ANN, BOB))
    outcome = rejected(then(chain, entry, ANN))
    assert outcome.reason is Reason.UNKNOWN_KEY
    assert outcome.newer


@pytest.mark.parametrize(
    "event",
    [
        lambda e: edited(e, prevhash="a" * 64),
        lambda e: edited(e, position=9),
        lambda e: edited(e, type="com.example.Thing"),
        lambda e: e._replace(event=b"{}", hash=digest(b"{}")),
        lambda e: e._replace(event=b"{", hash=digest(b"{")),
    ],
    ids=["prevhash", "position", "not-ours", "empty", "no-json"],
)
def test_noise_with_a_name_of_a_key_stops_nobody_from_writing(event):
    chain, entry = given(signed(ANN, ANN, BOB))
    assert not rejected(then(chain, event(entry), ANN)).newer


# --- events from the future, and from the past ----------------------------------------------------


@pytest.mark.parametrize(
    "newer",
    ["promptcast.PromptSung.v1", "promptcast.PromptSaved.v2", "promptcast.PromptSaved.v999"],
)
def test_a_newer_type_that_is_intact_and_in_place_is_from_a_newer_version_of_us(scribe, newer):
    chain, entry = given(scribe)
    outcome = rejected(then(chain, edited(entry, type=newer, data={"anything": [1]})))
    assert outcome.newer
    assert newer in outcome.detail


@pytest.mark.parametrize(
    "spoil",
    [
        lambda e: edited(e, prevhash="a" * 64),
        lambda e: edited(e, prevhash=None),
        lambda e: edited(e, position=3),
        lambda e: edited(e, specversion="2.0"),
        lambda e: edited(e, type="com.example.Thing"),
        lambda e: e._replace(hash="0" * 64),
        lambda e: e._replace(event=e.event[:-1], hash=digest(e.event[:-1])),
    ],
    ids=["prevhash", "no-prevhash", "position", "specversion", "not-ours", "hash", "cut-off"],
)
def test_whatever_else_has_an_unknown_type_is_only_poison(scribe, spoil):
    """Else anybody who can write to Redis could make every admin read-only."""
    chain, entry = given(scribe)
    assert not rejected(then(chain, spoil(edited(entry, type="promptcast.New.v1")))).newer


def test_an_unsigned_event_of_a_newer_type_in_a_signed_log_is_only_poison():
    chain, entry = given(signed(ANN, NO_KEYS))
    outcome = rejected(then(chain, edited(entry, type="promptcast.New.v1"), BOTH))
    assert outcome.reason is Reason.UNSIGNED
    assert not outcome.newer


@pytest.mark.parametrize(
    "wrong",
    [r for how, (r, _) in REJECTED.items() if r not in (Reason.UNKNOWN_TYPE, Reason.UNKNOWN_KEY)],
)
def test_no_other_reason_makes_a_reader_read_only(scribe, wrong):
    chain, entry = given(scribe)
    for reason, spoil in REJECTED.values():
        if reason is wrong:
            assert not rejected(then(chain, spoil(entry))).newer


OLD = "promptcast.PromptSaved.v0"


def lifted_from_v0(envelope):
    """As if `template` had been called `text`."""
    data = dict(envelope["data"])
    data["template"] = data.pop("text")
    return {**envelope, "type": "promptcast.PromptSaved.v1", "data": data}


@pytest.fixture
def upcaster(monkeypatch):
    monkeypatch.setitem(_upcasters(), OLD, lifted_from_v0)


def _upcasters():
    from events import upcasters

    return upcasters.UPCASTERS


def old_event(entry):
    data = json.loads(entry.event)["data"]
    data["text"] = data.pop("template")
    return edited(entry, type=OLD, data=data)


@pytest.mark.usefixtures("upcaster")
def test_an_event_of_an_older_schema_is_lifted_and_keeps_the_hash_of_its_own_bytes(scribe):
    chain, entry = given(scribe)
    old = old_event(entry)
    event = recorded(then(chain, old))
    assert event.event == saved("Be kind.")
    assert event.hash == digest(old.event)
    assert decode(old, old.hash) == event


@pytest.mark.usefixtures("upcaster")
def test_an_old_event_that_is_wrong_is_without_effect_like_any_other(scribe):
    chain, entry = given(scribe)
    old = old_event(entry)
    for spoiled, reason in [
        (edited_data(old, colour="red"), Reason.INVALID),
        (edited(old, prevhash="a" * 64), Reason.BROKEN_CHAIN),
        (edited(old, data=None), Reason.INVALID),
        (edited(old, data=[]), Reason.INVALID),
    ]:
        assert rejected(then(chain, spoiled)).reason is reason


def test_without_an_upcaster_an_older_schema_is_an_unknown_type(scribe):
    chain, entry = given(scribe)
    assert rejected(then(chain, old_event(entry))).reason is Reason.UNKNOWN_TYPE


# --- what a rejection says of its prompt ----------------------------------------------------------


def test_a_rejection_names_the_prompt_that_it_is_about_where_the_bytes_still_say(scribe):
    chain, entry = given(scribe)
    assert rejected(then(chain, edited_data(entry, template=""))).prompt == "system"
    assert rejected(then(chain, entry._replace(event=b"[]"))).prompt is None


@pytest.mark.parametrize("subject", ["", "A", "a" * 65, "\ud800", "a\n", 7, None, ["system"]])
def test_what_can_be_no_prompt_s_name_is_not_repeated(scribe, subject):
    """A lone surrogate in a report could not even be written as JSON."""
    chain, entry = given(scribe)
    assert rejected(then(chain, edited(entry, type="?", subject=subject))).prompt is None


# --- looking an event up again --------------------------------------------------------------------


def test_an_event_is_decoded_again_when_the_bytes_are_those_that_were_read(scribe):
    entry = scribe.entries[1]
    assert decode(entry, digest(entry.event)) == scribe.outcomes()[1]


def test_other_bytes_at_the_same_position_are_not_decoded(scribe):
    other = edited_data(scribe.entries[1], template="Be evil.")
    assert decode(other, scribe.entries[1].hash) is None


@pytest.mark.parametrize("event", [b"", b"{", b"null", b'{"type": []}', b"[" * 100_000])
def test_what_was_never_an_event_is_not_decoded(event):
    assert decode(Entry(1, event, "", 0), digest(event)) is None
