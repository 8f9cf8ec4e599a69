"""Credentials: what people and API keys prove themselves by, as Redis keeps it.

They are no events: a log is for ever, and what may be erased does not belong in it. In one hash:
``person:<name>`` is an argon2id encoding, ``key:<id>`` the SHA-256 of a secret, ``link:<kind>:<name>``
the digest of the latest one-time link (:mod:`services.admin.access.sessions`), and ``round`` a number.

Every method raises ``LogUnavailable`` when Redis does not answer in time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from events.streams.keys import Keys
from events.streams.link import Link

Kind = Literal["sign-in", "password"]
"""What a one-time link is good for: a session, or a new password."""
_ROUND: Final = "round"


@dataclass(slots=True)
class Credentials:
    """The credentials of one namespace. Names and ids are checked by those who call."""

    link: Link = field(repr=False)
    keys: Keys

    async def person(self, name: str) -> str | None:
        """The encoding of a person's password; None when there is none."""
        return await self._find(f"person:{name}")

    async def set_person(self, name: str, encoded: str) -> None:
        """Keep the encoding of a person's new password; the old one is gone."""
        await self.link.call("HSET", self.keys.credentials, f"person:{name}", encoded)

    async def erase_link(self, kind: Kind, name: str) -> None:
        """End a person's latest one-time link of a kind; none is no error."""
        await self.link.call("HDEL", self.keys.credentials, link_field(kind, name))

    async def key(self, id: str) -> str | None:
        """The digest of an API key's secret; None when there is no such key."""
        return await self._find(f"key:{id}")

    async def set_key(self, id: str, digest: str) -> None:
        """Keep the digest of an API key's secret."""
        await self.link.call("HSET", self.keys.credentials, f"key:{id}", digest)

    async def erase_person(self, name: str) -> None:
        """Forget a person's password, and every one-time link made for them.

        At a removal, and before a person is added too: who had the name once must not come in by it.
        """
        fields = [f"person:{name}", *(link_field(kind, name) for kind in get_args(Kind))]
        await self.link.call("HDEL", self.keys.credentials, *fields)

    async def round(self) -> int:
        """The number that sessions of a sign-in link bear; those of a lower one have ended.

        They stand for no person of the access log, which could tell of their end.
        """
        return int(await self._find(_ROUND) or 0)

    async def next_round(self) -> None:
        """End all sessions that came of sign-in links."""
        await self.link.call("HINCRBY", self.keys.credentials, _ROUND, 1)

    async def erase_key(self, id: str) -> None:
        """Forget an API key's secret."""
        await self.link.call("HDEL", self.keys.credentials, f"key:{id}")

    async def missing(self, names: Sequence[str]) -> list[str]:
        """Those of ``person:<name>`` and ``key:<id>`` that have no credential."""
        if not names:
            return []
        found = await self.link.call("HMGET", self.keys.credentials, *names)
        return [name for name, kept in zip(names, found, strict=True) if kept is None]

    async def _find(self, field: str) -> str | None:
        found: bytes | None = await self.link.call("HGET", self.keys.credentials, field)
        return None if found is None else found.decode(errors="replace")


def link_field(kind: Kind, person: str) -> str:
    """Where the digest of a person's latest link of a kind stands."""
    return f"link:{kind}:{person}"
