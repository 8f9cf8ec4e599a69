import base64
import os

import pytest

from services.settings import load_settings
from services.signing_keys import parse_signing_keys

RAW = bytes(range(200, 240))


def test_the_first_key_signs_and_all_verify():
    ring = parse_signing_keys(f"new:{'ab' * 32},old:{'cd' * 32}")
    old = parse_signing_keys(f"old:{'cd' * 32}")
    signed = ring.sign("digest")
    assert signed is not None
    assert signed[0] == "new"
    assert ring.verifies("digest", *signed)
    by_old = old.sign("digest")
    assert by_old is not None
    assert ring.verifies("digest", *by_old)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (RAW.hex(), RAW),
        (RAW.hex().upper(), RAW),
        (base64.b64encode(RAW).decode(), RAW),
        (base64.urlsafe_b64encode(RAW).decode().rstrip("="), RAW),
        ("correct horse battery staple: x = y", b"correct horse battery staple: x = y"),
        ("a" * 33, b"a" * 33),  # base64 of too few bytes: so it is text
        ("ä" * 16, "ä".encode() * 16),
    ],
)
def test_a_secret_is_hexadecimal_or_base64_or_text(written, read):
    assert parse_signing_keys(f"k:{written}").keys == {"k": read}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "k",
        ":" + "a" * 40,
        "k k:" + "a" * 40,
        "k:" + "a" * 31,
        "k:",
        "k:" + "a" * 40 + ",k:" + "b" * 40,
        "k:" + "a" * 40 + ",",
    ],
)
def test_what_is_no_list_of_keys_is_refused_without_repeating_a_secret(text):
    with pytest.raises(ValueError, match=r"^(key \d+|the kid|the secret)") as caught:
        parse_signing_keys(text)
    assert "a" * 20 not in str(caught.value)


def test_settings_hand_out_the_decoded_ring():
    secret = os.urandom(32)
    settings = load_settings({"PROMPTCAST_SIGNING_KEYS": f"k1:{secret.hex()}"})
    assert settings.key_ring().keys == {"k1": secret}
    assert load_settings({}).key_ring().sign("digest") is None
