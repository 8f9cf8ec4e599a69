"""`verify` finds every change, loss, swap, insertion and duplication of entries."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.chain import Entry, Head
from events.envelope import digest
from events.signing import KeyRing
from events.verify import Finding, Verifier
from tests.scribe import Scribe, moved
from tests.strategies import logs

KEYS = KeyRing({"new": b"secret-2", "old": b"secret-1"})
RINGS = [KeyRing(), KEYS]


def verified(entries, keys, head=None):
    verifier = Verifier(keys)
    for entry in entries:
        verifier.feed(entry)
    if head:
        verifier.ends_at(head)
    return verifier.findings


def reasons(entries, keys=KEYS):
    return [(finding.position, finding.reason) for finding in verified(entries, keys)]


def renumbered(entries):
    """As somebody would who knows that positions must be gapless."""
    return [moved(entry, number) for number, entry in enumerate(entries, 1)]


@pytest.fixture
def scribe():
    scribe = Scribe(KEYS)
    scribe.opened()
    for version in range(1, 4):
        scribe.saved(f"v{version}", version)
    scribe.restored(1, 2, "v1")
    scribe.archived()
    return scribe


# --- every change ---------------------------------------------------------------------------------


def changed(entry, field, index, byte):
    """One byte of one field replaced; read as from Redis, where all fields are bytes."""
    value = getattr(entry, field)
    raw = bytearray(value if field == "event" else value.encode())
    raw[index] = byte
    return entry._replace(
        **{field: bytes(raw) if field == "event" else raw.decode(errors="replace")}
    )


@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80])
@pytest.mark.parametrize("field", ["event", "hash", "kid", "sig"])
def test_every_byte_of_every_entry_counts(scribe, field, flip):
    for index, entry in enumerate(scribe.entries):
        value = getattr(entry, field)
        raw = value if field == "event" else value.encode()
        for place in range(len(raw)):
            entries = list(scribe.entries)
            entries[index] = changed(entry, field, place, raw[place] ^ flip)
            assert entry.position in {f.position for f in verified(entries, KEYS)}, (index, place)


@settings(max_examples=80)
@given(st.data())
def test_any_change_of_a_byte_in_any_log_is_found_where_it_is(data):
    keys = data.draw(st.sampled_from(RINGS))
    scribe = data.draw(logs(keys))
    entry = data.draw(st.sampled_from(scribe.entries))
    field = data.draw(st.sampled_from(["event", "hash", *(["kid", "sig"] if keys.keys else [])]))
    raw = entry.event if field == "event" else getattr(entry, field).encode()
    place = data.draw(st.integers(0, len(raw) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != raw[place]))
    entries = list(scribe.entries)
    entries[entry.position - 1] = changed(entry, field, place, byte)
    assert entry.position in {finding.position for finding in verified(entries, keys)}


@settings(max_examples=100)
@given(st.sampled_from(RINGS).flatmap(lambda keys: st.tuples(st.just(keys), logs(keys))))
def test_a_log_in_good_order_has_no_findings(log):
    keys, scribe = log
    assert verified(scribe.entries, keys, scribe.head) == []


# --- every loss, swap, insertion, duplication -----------------------------------------------------


@st.composite
def broken_logs(draw):
    """(what was done, keys, a log to which it was done), with or without new numbers in it."""
    keys = draw(st.sampled_from(RINGS))
    scribe = draw(logs(keys, least=3))
    entries = list(scribe.entries)
    done = draw(st.sampled_from(["loss", "swap", "insertion", "duplication"]))
    at = draw(st.integers(0, len(entries) - 2))
    if done == "loss":
        del entries[at]
    elif done == "swap":
        other = draw(st.integers(at + 1, len(entries) - 1))
        entries[at], entries[other] = entries[other], entries[at]
    elif done == "insertion":
        entries.insert(at + 1, draw(foreign_entries(scribe, at)))
    else:
        entries.insert(draw(st.integers(0, len(entries))), entries[at])
    return done, keys, renumbered(entries) if draw(st.booleans()) else entries


@st.composite
def foreign_entries(draw, scribe, at):
    """An entry that never was in the log: noise, or one that is perfect but for what comes behind it."""
    if draw(st.booleans()):
        event = draw(st.binary(max_size=20))
        return Entry(at + 2, event, digest(event), scribe.now)
    forger = Scribe(scribe.keys, head=Head(at + 1, "", digest(scribe.entries[at].event)))
    return forger.saved("forged", 99, "other")


@settings(max_examples=80)
@given(broken_logs())
def test_every_loss_swap_insertion_and_duplication_is_found(broken):
    _, keys, entries = broken
    assert verified(entries, keys)


@given(logs(KEYS, least=2), st.data())
def test_the_loss_of_the_newest_entries_is_found_by_who_knows_the_head(scribe, data):
    left = scribe.entries[: data.draw(st.integers(1, len(scribe.entries) - 1))]
    assert verified(left, KEYS) == []
    (finding,) = verified(left, KEYS, scribe.head)
    assert (finding.position, finding.reason) == (len(left), "wrong_head")


def test_a_head_with_another_hash_is_not_where_the_log_ends(scribe):
    for wrong in (scribe.head._replace(digest="0" * 64), scribe.head._replace(stored="")):
        assert [f.reason for f in verified(scribe.entries, KEYS, wrong)] == ["wrong_head"]


# --- each finding by its name ---------------------------------------------------------------------


def test_a_lost_entry_is_a_gap_and_breaks_the_chain_behind_it(scribe):
    del scribe.entries[2]
    assert reasons(scribe.entries)[:2] == [(4, "gap"), (4, "broken_chain")]


def test_behind_a_gap_verifying_goes_on(scribe):
    del scribe.entries[1]
    scribe.poison(b"{")
    assert reasons(scribe.entries)[-1] == (7, "unsigned")


def test_a_stray_entry_is_a_gap(scribe):
    stray = 1_700_000_000_000
    scribe.entries.append(Entry(stray, b"x", "y", scribe.now))
    assert reasons(scribe.entries) == [(stray, "gap"), (stray, "wrong_hash")]


def test_poison_is_listed_with_its_reason_and_what_comes_behind_it_is_fine():
    scribe = Scribe()
    scribe.opened()
    scribe.poison(b"{")
    scribe.poison(b"{}", hash="wrong")
    scribe.poison(b"x" * (10 * 1024 * 1024))
    scribe.saved()
    assert reasons(scribe.entries, KeyRing()) == [
        (2, "bad_json"), (3, "wrong_hash"), (4, "too_large"),
    ]  # fmt: skip


def test_fields_that_do_not_belong_there_are_listed(scribe):
    scribe.entries[1] = scribe.entries[1]._replace(foreign=("color", "size"))
    assert verified(scribe.entries, KEYS) == [Finding(2, "foreign_field", "color, size")]


def test_an_append_time_that_went_back_is_listed(scribe):
    scribe.entries[3] = scribe.entries[3]._replace(at=scribe.entries[2].at - 1)
    assert reasons(scribe.entries) == [(4, "clock_went_back")]


def test_each_append_time_is_held_against_the_one_before_it_only(scribe):
    scribe.entries[2] = scribe.entries[2]._replace(at=5)
    scribe.entries[3] = scribe.entries[3]._replace(at=6)
    assert reasons(scribe.entries) == [(3, "clock_went_back")]


def test_a_position_that_was_left_out_by_the_writer_itself_is_only_a_gap():
    """Nothing was lost: the chain goes on."""
    scribe = Scribe()
    scribe.opened()
    scribe.head = scribe.head._replace(position=2)
    scribe.saved()
    assert reasons(scribe.entries, KeyRing()) == [(3, "gap")]


def test_an_event_before_the_log_was_opened_is_listed():
    scribe = Scribe()
    scribe.saved()
    scribe.opened()
    assert reasons(scribe.entries, KeyRing()) == [(1, "not_opened")]


def test_versions_are_gapless_per_prompt():
    scribe = Scribe()
    scribe.opened()
    scribe.saved(version=1)
    scribe.saved(version=3)
    scribe.saved(version=4)
    scribe.saved(version=1, prompt="other")
    scribe.saved(version=1)
    assert reasons(scribe.entries, KeyRing()) == [
        (3, "version_out_of_order"), (6, "version_out_of_order"),
    ]  # fmt: skip


def test_a_restore_of_what_was_never_saved_is_listed():
    scribe = Scribe()
    scribe.opened()
    scribe.saved(version=1)
    scribe.restored(2, 2)
    scribe.restored(1, 2, prompt="other")
    assert reasons(scribe.entries, KeyRing()) == [
        (3, "version_out_of_order"), (4, "version_out_of_order"),
    ]  # fmt: skip


def test_an_event_that_lost_its_signature_is_listed(scribe):
    scribe.entries[5] = scribe.entries[5]._replace(kid="", sig="")
    assert reasons(scribe.entries) == [(6, "unsigned")]


def test_without_the_keys_signed_events_cannot_be_verified(scribe):
    assert {reason for _, reason in reasons(scribe.entries, KeyRing())} == {"unknown_key"}
