"""``SIGNING_KEYS`` as it is written in the environment: ``kid:secret,kid2:secret``.

A kid is 1-32 letters, digits, dots, dashes or underscores. A secret is at least 32 bytes once it is
decoded, and is read as the first of these that it is: hexadecimal digits (an even number, at least
64), base64 (plain or URL-safe, padded or not) of at least 32 bytes, or text taken as its UTF-8
bytes. So every process that is given the same words holds the same key. A secret holds no comma.
Make one with ``openssl rand -hex 32``.
"""

import base64
import binascii
import re
from types import MappingProxyType

from events.signing import KeyRing

MIN_SECRET_BYTES = 32

_KID = re.compile(r"[A-Za-z0-9._-]{1,32}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){32,}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")


def parse_signing_keys(text: str) -> KeyRing:
    """The keys in their order: all verify, the first signs.

    Raises `ValueError` with one line that never repeats a secret.
    """
    keys: dict[str, bytes] = {}
    for number, entry in enumerate(text.split(","), start=1):
        kid, colon, secret = entry.strip().partition(":")
        if not colon or not _KID.fullmatch(kid):
            raise ValueError(f"key {number} is not written kid:secret")
        if kid in keys:
            raise ValueError(f"the kid {kid} is there twice")
        keys[kid] = _decoded(secret)
        if len(keys[kid]) < MIN_SECRET_BYTES:
            raise ValueError(f"the secret of {kid} has less than {MIN_SECRET_BYTES} bytes")
    return KeyRing(MappingProxyType(keys))


def _decoded(secret: str) -> bytes:
    if _HEX.fullmatch(secret):
        return bytes.fromhex(secret)
    return _from_base64(secret) or secret.encode()


def _from_base64(secret: str) -> bytes | None:
    if not _BASE64.fullmatch(secret):
        return None
    plain = secret.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        decoded = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        return None
    return decoded if len(decoded) >= MIN_SECRET_BYTES else None
