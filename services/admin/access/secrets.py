"""Secrets: passwords as argon2id encodings, API keys as digests. Neither can be turned back.

A password is chosen by a person and may be guessed, so each guess is made dear: argon2id with 19 MiB,
two passes and one lane, the first of the settings that OWASP's Password Storage Cheat Sheet names;
salt and tag as RFC 9106 recommends (16 and 32 bytes). An API key is 256 random bits: nobody guesses
it, so a plain SHA-256 of it is enough, and every request can afford one.
"""

import asyncio
import hashlib
import hmac
import re
import secrets
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, TypeVar

import structlog
from argon2 import Parameters, PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from events.errors import PromptcastError

PASSWORD_CHARACTERS: Final = (12, 200)
"""The least and the most of a new password; who asks for one checks."""
WAITING: Final = 20
"""How many may wait for their turn: half a second's work. More are told that we are busy."""
COST: Final = Parameters(
    type=Type.ID, version=19, salt_len=16, hash_len=32,
    time_cost=2, memory_cost=19 * 1024, parallelism=1,
)  # fmt: skip
"""What one password costs; memory is KiB, and there are about 30 ms of it on a small machine."""
_KEY = re.compile(r"pc_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_log = structlog.stdlib.get_logger(__name__)
T = TypeVar("T")


class Busy(PromptcastError):
    """As many passwords as we work on at a time are being worked on, and as many as may wait, wait."""

    def __init__(self) -> None:
        super().__init__("too many passwords are being checked at once; try again in a second")


@dataclass(frozen=True, slots=True)
class NewKey:
    """An API key at its birth: ``shown`` is for its owner, once; ``digest`` is what is kept."""

    id: str
    shown: str = field(repr=False)
    digest: str = field(repr=False)


class Secrets:
    """Works on at most ``limit`` passwords at a time, in threads of its own; others wait in turn.

    argon2 lets go of the interpreter's lock, so the event loop goes on meanwhile. Every method that
    works on a password raises :class:`Busy` at once when ``waiting`` others are waiting already.
    """

    def __init__(self, limit: int = 2, waiting: int = WAITING, cost: Parameters = COST) -> None:
        # the pool is the limit: who is cancelled while waiting leaves a thread at work, not a place
        self._threads = ThreadPoolExecutor(limit, thread_name_prefix="argon2")
        self._most = limit + waiting
        self._asked = 0
        self._hasher = PasswordHasher.from_parameters(cost)
        self._nobody = _encoding_of_nobody(cost)

    async def hash_password(self, text: str) -> str:
        """The encoding to keep for a password: salted, so no two are alike."""
        return await self._in_thread(lambda: self._hasher.hash(_normal(text)))

    async def verify_password(self, encoded: str | None, text: str) -> bool:
        """Whether ``text`` is the password of ``encoded``.

        None (nobody has that name, or has no password yet) costs the same work, and is never right.
        """
        kept = self._nobody if encoded is None else encoded
        return await self._in_thread(lambda: self._verified(kept, _normal(text)))

    def needs_rehash(self, encoded: str) -> bool:
        """Whether ``encoded`` was made at another cost than today's; hash again at a sign-in."""
        try:
            return self._hasher.check_needs_rehash(encoded)
        except InvalidHashError:
            return True

    @staticmethod
    def new_key() -> NewKey:
        """A new API key, ``pc_<id>_<secret>``."""
        id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        return NewKey(id, f"pc_{id}_{secret}", digest(secret))

    @staticmethod
    def parse_key(shown: str) -> tuple[str, str] | None:
        """The id of an API key and the digest of its secret; None when ``shown`` is no key of ours.

        Compare the digest with the kept one by :func:`same`.
        """
        parts = _KEY.fullmatch(shown)
        return (parts[1], digest(parts[2])) if parts else None

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._asked >= self._most:
            raise Busy
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._asked -= 1

    def _verified(self, encoded: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(encoded.encode(), password)
        except VerifyMismatchError:
            return False
        except (InvalidHashError, VerificationError) as error:
            _log.error("credential_unverifiable", error=str(error))  # argon2's words: no secret
            return False


def digest(secret: str) -> str:
    """SHA-256 in hex, of a secret that is long and random."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def same(one: str, other: str) -> bool:
    """Whether two secrets, or their digests, are the same; how long it takes tells nothing."""
    return hmac.compare_digest(
        one.encode(errors="surrogatepass"), other.encode(errors="surrogatepass")
    )


def _normal(text: str) -> bytes:
    """One form for what looks the same, however a keyboard composes it (RFC 8265, OpaqueString)."""
    return unicodedata.normalize("NFC", text).encode(errors="surrogatepass")


def _encoding_of_nobody(cost: Parameters) -> str:
    """An encoding that no password has, at today's cost: salt and tag are random."""
    salt, tag = (
        b64encode(secrets.token_bytes(size)).decode().rstrip("=")
        for size in (cost.salt_len, cost.hash_len)
    )
    costs = f"m={cost.memory_cost},t={cost.time_cost},p={cost.parallelism}"
    return f"$argon2id$v={cost.version}${costs}${salt}${tag}"
