"""Vouching: how a replica shows that the URL in its heartbeat is its own.

Whoever can write to Redis can publish a report, and name any URL in it. The admin service sends the
chat key to a replica's URL, so where there is such a key, a heartbeat carries a code over id and URL
that only a holder of that key can make. It says nothing of when it was made: one that is repeated
names a URL at which a holder of the key did listen once.
"""

import hashlib
import hmac


def vouch(key: str, replica: str, url: str) -> str:
    """The code (HMAC-SHA256, hex) of ``replica`` for ``url``. Neither can hold a NUL."""
    text = f"promptcast replica\0{replica}\0{url}"
    return hmac.new(key.encode(), text.encode(errors="replace"), hashlib.sha256).hexdigest()


def is_vouched(key: str, replica: str, url: str, code: str | None) -> bool:
    """Whether ``code`` was made with ``key``; compared in constant time."""
    expected = vouch(key, replica, url).encode()
    return hmac.compare_digest(expected, (code or "").encode(errors="replace"))
