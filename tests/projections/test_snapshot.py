import hashlib
import json
import zlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.chain import Chain, Head, Reason, Rejected
from events.envelope import RequestKey
from events.lines import from_line
from events.signing import KeyRing
from projections.history import History, fold
from projections.snapshot import (
    SCHEMA,
    Snapshot,
    dump_history,
    dump_live,
    load_history,
    pack,
    unpack,
)
from tests.scribe import Scribe
from tests.strategies import logs

KEYS, OTHER, NONE = KeyRing({"k": b"one"}), KeyRing({"k": b"two"}), KeyRing()
SNAPSHOT = Snapshot(Chain(Head(7, "stored", "digest"), "log-1", True), {"é": [1, None]})
FLOOR = Head(5, "a" * 64, "b" * 64)
TRIMMED = replace(SNAPSHOT, chain=SNAPSHOT.chain._replace(trimmed=FLOOR))


@pytest.mark.parametrize("keys", [NONE, KEYS])
def test_a_snapshot_is_unpacked_as_it_was_packed(keys):
    assert unpack(pack(SNAPSHOT, keys), keys) == SNAPSHOT


@pytest.mark.parametrize("keys", [NONE, KEYS])
def test_what_was_trimmed_is_kept_with_it(keys):
    """A log may say so only long before what is read behind a snapshot."""
    assert unpack(pack(TRIMMED, keys), keys) == TRIMMED


def chained(packed: bytes) -> list[Any]:
    """The chain as it stands in a snapshot."""
    found: list[Any] = json.loads(zlib.decompress(packed.partition(b"\n")[2]))["chain"]
    return found


def repacked(packed: bytes, chain: list[Any]) -> bytes:
    """A snapshot with this in the place of its chain."""
    found = json.loads(zlib.decompress(packed.partition(b"\n")[2]))
    body = zlib.compress(json.dumps(found | {"chain": chain}).encode())
    return f"{hashlib.sha256(body).hexdigest()}  \n".encode() + body


def test_a_log_that_was_never_trimmed_has_the_snapshots_that_it_always_had():
    """So that a version that knows nothing of it reads them, beside this one or after a downgrade."""
    assert chained(pack(SNAPSHOT, NONE)) == [7, "stored", "digest", "log-1", True]
    assert unpack(repacked(pack(TRIMMED, NONE), [7, "stored", "digest", "log-1", True]), NONE) == (
        SNAPSHOT
    )


@pytest.mark.parametrize(
    "wrong",
    [
        [8, *FLOOR[1:]], [-1, *FLOOR[1:]], ["5", *FLOOR[1:]], [5.0, *FLOOR[1:]], [True, *FLOOR[1:]],
        [None, *FLOOR[1:]], [5, 1, "b"], [5, "a", None], [5, "a"], [5], [*FLOOR, 1], [[5], "a", "b"],
    ],
    ids=str,
)  # fmt: skip
def test_a_snapshot_that_says_nonsense_of_what_was_trimmed_is_not_used(wrong):
    whole = chained(pack(SNAPSHOT, NONE))
    assert unpack(repacked(pack(SNAPSHOT, NONE), [*whole, *FLOOR]), NONE) == TRIMMED
    assert unpack(repacked(pack(SNAPSHOT, NONE), [*whole, *wrong]), NONE) is None


def test_with_keys_a_snapshot_must_be_signed_with_one_of_them():
    """It stands in for signed events."""
    assert unpack(pack(SNAPSHOT, NONE), KEYS) is None
    assert unpack(pack(SNAPSHOT, OTHER), KEYS) is None
    assert unpack(pack(SNAPSHOT, KeyRing({"x": b"one"})), KEYS) is None
    assert unpack(pack(SNAPSHOT, KEYS), KeyRing({"new": b"three", "k": b"one"})) == SNAPSHOT


def test_without_keys_a_signature_does_not_matter():
    assert unpack(pack(SNAPSHOT, KEYS), NONE) == SNAPSHOT


@pytest.mark.parametrize("keys", [NONE, KEYS])
def test_no_byte_of_a_snapshot_may_change(keys):
    packed = pack(SNAPSHOT, keys)
    for index in range(len(packed)):
        changed = bytearray(packed)
        changed[index] ^= 1
        assert unpack(bytes(changed), keys) in (None, SNAPSHOT)
        assert unpack(packed[:index], keys) is None
    body = packed.index(b"\n") + 1
    for index in range(body, len(packed)):
        changed = bytearray(packed)
        changed[index] ^= 1
        assert unpack(bytes(changed), keys) is None


def test_a_snapshot_of_another_schema_is_not_used(monkeypatch):
    packed = pack(SNAPSHOT, NONE)
    monkeypatch.setattr("projections.snapshot.SCHEMA", SCHEMA + 1)
    assert unpack(packed, NONE) is None


def test_a_snapshot_of_another_projection_is_not_used():
    snapshot = replace(SNAPSHOT, projection="history")
    assert unpack(pack(snapshot, KEYS), KEYS, "history") == snapshot
    assert unpack(pack(snapshot, KEYS), KEYS, "live") is None
    assert unpack(pack(snapshot, KEYS), KEYS) is None


def test_a_snapshot_that_blows_up_is_none(monkeypatch):
    """Compressed, anybody could make a few kilobytes into any amount of memory."""
    packed = pack(replace(SNAPSHOT, state=["x" * 100_000]), NONE)
    assert len(packed) < 5_000
    monkeypatch.setattr("projections.snapshot.MAX_BYTES", 100_000)
    assert unpack(packed, NONE) is None


@given(st.binary(max_size=80))
def test_noise_is_no_snapshot(data):
    assert unpack(data, NONE) is None
    assert unpack(b"\n" + data, NONE) is None


@given(logs(most=10))
def test_a_history_is_loaded_as_it_was_dumped(scribe):
    history = fold(History(), scribe.outcomes())
    assert load_history(json.loads(json.dumps(dump_history(history), default=list))) == history


def test_the_idempotency_memory_and_the_future_are_kept_too():
    scribe = Scribe()
    scribe.opened()
    scribe.saved("one", 1, request=RequestKey("ann", "key", "a" * 64))
    future = Rejected(3, Reason.UNKNOWN_TYPE, "unknown", newer=True, prompt="system")
    history = fold(History(), [*scribe.outcomes(), future])
    loaded = load_history(json.loads(json.dumps(dump_history(history), default=list)))
    assert loaded == history
    assert loaded.newer == future


def test_what_is_live_is_kept_as_places_in_the_log():
    scribe = Scribe()
    scribe.opened()
    scribe.saved("one", 1)
    scribe.saved("one", 1, "gone")
    scribe.archived("gone")
    restored = scribe.restored(1, 2, "one")
    assert dump_live(fold(History(), scribe.outcomes())) == {"system": [5, restored.hash]}


def test_what_is_live_and_was_trimmed_is_kept_itself():
    """The very entry, as a line: who reads the snapshot may find it nowhere else."""
    scribe = Scribe()
    scribe.opened()
    old = scribe.saved("one", 1, "old", actor="é")
    scribe.saved("one", 1)
    new = scribe.saved("two", 2)
    scribe.saved("gone", 1, "gone")
    scribe.archived("gone")
    history = fold(History(), scribe.outcomes())
    dumped = dump_live(history, {entry.position: entry for entry in scribe.entries[:2]})
    assert set(dumped) == {"old", "system"}
    position, hash, line = dumped["old"]
    assert (position, hash) == (2, old.hash)
    assert from_line(json.loads(json.dumps(line)).encode()) == old
    assert dumped["system"] == [4, new.hash]
