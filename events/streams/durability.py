"""Durability: what the server must have confirmed before an append counts as safe.

``WAIT`` and ``WAITAOF`` speak of what *their own connection* has written, and only of that: so they go
out behind the append, on the same connection and in the same write. A connection that was made anew
has written nothing, and is told at once that all is well: so of an append that was found in the log after
its reply was lost, nobody can say any more whether the replicas have it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.exceptions import NoScriptError, RedisError

from events.streams.link import CALL_SECONDS, Command, Link, Script
from events.streams.naming import named

CONFIRM_SECONDS = 1.0
"""How long an append waits for the server's replicas. The next append waits behind it."""
IN_VAIN_SECONDS = 0.1
"""The same right behind a time that was in vain: a replica that is gone must not make a queue."""


@dataclass(frozen=True, slots=True)
class Durability:
    """On how many of the server's replicas an append must be, and whether on disk.

    Without replicas nothing is asked: a server with ``appendfsync always`` replies after its fsync.
    """

    replicas: int = 0
    fsynced: bool = True

    @classmethod
    def of(cls, setting: str) -> "Durability":
        """From ``fsynced``, ``replicas:N`` or ``fsynced-replicas:N``; nothing else may come here."""
        kind, _, replicas = setting.partition(":")
        return cls(int(replicas or 0), kind.startswith("fsynced"))

    @property
    def is_shown_by_reading(self) -> bool:
        """Whether an entry that can be read is durable: a server that fsyncs always sends no reply,
        to nobody, before the fsync of what it has written until then."""
        return not self.replicas

    def question(self, seconds: float) -> Command | None:
        """What is asked behind an append; None when its own reply says all."""
        if not self.replicas:
            return None
        milliseconds = int(seconds * 1000)
        if self.fsynced:
            return ("WAITAOF", 1, self.replicas, milliseconds)
        return ("WAIT", self.replicas, milliseconds)

    def met(self, reply: Any) -> bool:
        """Whether the reply to the question is a yes; an error (a server that knows no ``WAITAOF``,
        or is master no more) is a no."""
        if self.fsynced:
            return isinstance(reply, list) and reply[0] >= 1 and reply[1] >= self.replicas
        return isinstance(reply, int) and reply >= self.replicas


FSYNCED = Durability()


@dataclass(slots=True)
class Confirmed:
    """A link for scripts that write, each with the question behind it."""

    link: Link
    durability: Durability
    _in_vain: bool = False

    async def run(
        self,
        script: Script,
        keys: Sequence[str],
        *args: str | bytes | int,
        seconds: float = CALL_SECONDS,
    ) -> tuple[Any, bool]:
        """The script's reply, and whether what it wrote is durable; raises as :meth:`Link.run`."""
        patience = IN_VAIN_SECONDS if self._in_vain else CONFIRM_SECONDS
        question = self.durability.question(patience)
        if question is None:
            return await self.link.run(script, keys, *args, seconds=seconds), True
        seconds += patience
        done, word = await self.link.replies([script.by_hash(keys, *args), question], seconds)
        if isinstance(done, NoScriptError):
            done, word = await self.link.replies([script.whole(keys, *args), question], seconds)
        if isinstance(done, RedisError):
            raise named(done)
        self._in_vain = not self.durability.met(word)
        return done, not self._in_vain
