"""The log's two ports: appending and reading (:class:`EventLog`), and being told (:class:`Feed`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from events.chain import Entry, Head
from events.clock import ServerClock
from events.limits import MAX_READ_BYTES

READ_COUNT = 256
"""Entries a read asks for: enough to make the round trip cheap, and the script short (a server
serves nobody else meanwhile)."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a writer appends: the event's bytes, their hash, its id, and perhaps a signature."""

    id: str
    event: bytes
    hash: str
    kid: str = ""
    sig: str = ""


class Pulse(NamedTuple):
    """The log's head as stored, the hash field at one position asked about, and the server's time.

    ``head_stored`` is the raw hash field; ``stored_at`` is None when no entry is at that position.
    ``now`` is µs since the epoch; ``exists`` tells an empty log from a missing one. ``first`` is the
    position that the log begins with, and ``first_stored`` the hash field there: told only when nothing
    stands at the position asked about.
    """

    exists: bool
    head_position: int
    head_stored: str
    stored_at: str | None
    now: int
    first: int = 0
    first_stored: str = ""


class Landed(NamedTuple):
    """An append that is in the log: the log's time there (µs), and whether it is as durable as was
    asked for. When that was not confirmed in time, it may be so all the same."""

    at: int
    durable: bool


class EventLog(Protocol):
    """An append-only log with gapless positions.

    Every method raises :class:`~events.errors.LogUnavailable` when the log is not reached in time.
    """

    clock: ServerClock
    """The log's own time, as far as this process can tell."""

    async def append(self, draft: Draft, after: Head, seconds: float) -> Landed:
        """Append ``draft`` at ``after.position + 1``.

        It lands within ``seconds`` or never, and at most once, whatever happens to the reply. When
        the reply was lost, what it said of replicas was lost with it: then it is not called durable.
        Raises ``Conflict`` when the head is not ``after``, ``AppendExpired`` when it reached the
        log too late, ``NotDurable`` when the server refuses writes, ``OutcomeUnknown`` when the
        reply was lost and it cannot be shown whether it landed.
        """
        ...

    async def pulse(self, position: int = 0) -> Pulse:
        """The head, and the hash field stored at ``position``; ships no event."""
        ...

    async def read(
        self, after: int, count: int = READ_COUNT, max_bytes: int = MAX_READ_BYTES
    ) -> Sequence[Entry]:
        """Entries behind position ``after`` in order: at most ``count``, and ``max_bytes`` in all.

        A single entry larger than ``max_bytes`` comes alone. Empty at the end of the log.
        """
        ...


class Archive(Protocol):
    """What was trimmed from a log, kept elsewhere: the log is read through it, and looks whole."""

    def trimmed(self) -> int:
        """The position through which a log says that it was trimmed; 0: nothing was."""
        ...

    async def behind(
        self, position: int, count: int = READ_COUNT, max_bytes: int = MAX_READ_BYTES
    ) -> Sequence[Entry]:
        """Entries behind ``position``, as :meth:`EventLog.read` gives them; empty where none is here."""
        ...

    async def holds(self, head: Head) -> bool:
        """Whether the entry at ``head.position`` is here, with ``head.stored`` for its hash: then all
        that lies before it is what lay before it in the log."""
        ...


class Feed(Protocol):
    """Delivery of entries as they are appended, to one follower."""

    async def open(self, position: int) -> None:
        """Deliver what comes behind ``position`` from now on; again after any error."""
        ...

    async def next(self) -> Sequence[Entry]:
        """The next entries, waiting a bounded while for them; empty when none came."""
        ...

    async def done(self, entries: Sequence[Entry], report: bytes) -> None:
        """Acknowledge ``entries`` and publish ``report``, in one write.

        Both are on their way when it returns; if they fail, it raises or the next :meth:`next` does.
        """
        ...

    async def close(self) -> None:
        """Let go of the connection. ``open`` may be called again."""
        ...
