import json

from events.chain import GENESIS, Chain, Entry, Head, read
from events.envelope import Stamp, digest
from events.model import LogOpened
from events.signing import KeyRing
from events.writing import appended, seal
from tests.scribe import recorded

KEYS = KeyRing({"new": b"two", "old": b"one"})
STAMP = Stamp("id-1", "/admin/a", 1_000_000, "ann")
OPENED = LogOpened(log_id="log-1")


def test_an_event_is_sealed_for_the_place_behind_a_head():
    draft = seal(OPENED, STAMP, Head(6, "as stored", "a" * 64), KeyRing())
    said = json.loads(draft.event)
    assert (said["position"], said["prevhash"]) == (7, "a" * 64)
    assert (draft.id, draft.hash) == ("id-1", digest(draft.event))
    assert (draft.kid, draft.sig) == ("", "")


def test_it_is_signed_with_the_first_key():
    draft = seal(OPENED, STAMP, GENESIS, KEYS)
    assert draft.kid == "new"
    assert KEYS.verifies(draft.hash, "new", draft.sig)


def test_the_writer_knows_its_entry_as_a_reader_will_find_it():
    draft = seal(OPENED, STAMP, GENESIS, KEYS)
    entry = appended(draft, GENESIS, 7)
    assert entry == Entry(1, draft.event, draft.hash, 7, draft.kid, draft.sig)
    assert recorded(read(Chain(), entry, KEYS)[1]).event == OPENED
