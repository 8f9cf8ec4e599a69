import hashlib
import hmac

import pytest

from events.signing import KeyRing

HASH = "a" * 64
OLD, NEW = KeyRing({"old": b"secret-1"}), KeyRing({"new": b"secret-2", "old": b"secret-1"})


def test_without_keys_nothing_is_signed():
    assert KeyRing().sign(HASH) is None


def test_the_signature_is_hmac_sha_256_of_the_hash_under_the_first_key():
    expected = hmac.new(b"secret-2", HASH.encode(), hashlib.sha256).hexdigest()
    assert NEW.sign(HASH) == ("new", expected)


def test_while_keys_are_rotated_both_verify_and_the_first_signs():
    old_kid, by_old = OLD.sign(HASH) or ("", "")
    new_kid, by_new = NEW.sign(HASH) or ("", "")
    assert (old_kid, new_kid) == ("old", "new")
    assert NEW.verifies(HASH, old_kid, by_old)
    assert NEW.verifies(HASH, new_kid, by_new)
    assert new_kid not in OLD


@pytest.mark.parametrize("signature", ["", "é", "\ud800", "A" * 64, "0" * 63])
def test_what_is_no_signature_does_not_verify(signature):
    assert not OLD.verifies(HASH, "old", signature)


def test_a_signature_is_of_one_hash_by_one_key():
    _, signature = OLD.sign(HASH) or ("", "")
    assert not OLD.verifies("b" * 64, "old", signature)
    assert not NEW.verifies(HASH, "new", signature)
    assert not OLD.verifies(HASH, "old", signature.upper())


def test_a_key_ring_never_shows_its_secrets():
    assert "secret" not in repr(NEW)
