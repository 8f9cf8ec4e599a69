"""Signatures: HMAC-SHA-256 of an event's hash with a named key.

The hash chain shows *that* the log was altered; a signature shows that whoever wrote an event holds
a key. With keys set, somebody who can only write to Redis cannot forge an event. That does not keep them
from making a session there, and letting the admin service sign what they save with it.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Named keys: all of them verify, the first one signs. Empty: nothing is signed or checked."""

    keys: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    def __contains__(self, kid: str) -> bool:
        return kid in self.keys

    def sign(self, digest: str) -> tuple[str, str] | None:
        """``(kid, signature)`` for an event's hash, or None without keys."""
        for kid, key in self.keys.items():
            return kid, _mac(key, digest)
        return None

    def verifies(self, digest: str, kid: str, signature: str) -> bool:
        """Whether the key ``kid``, which must be in the ring, made this signature."""
        return hmac.compare_digest(
            _mac(self.keys[kid], digest).encode(), signature.encode(errors="replace")
        )


def _mac(key: bytes, digest: str) -> str:
    return hmac.new(key, digest.encode(), hashlib.sha256).hexdigest()
