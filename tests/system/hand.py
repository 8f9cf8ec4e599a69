"""Another hand at the log: somebody who writes to the stream without asking anybody."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from events.chain import Chain, Entry, Head, Recorded, head_of, read
from events.envelope import Stamp, digest
from events.log import Draft
from events.model import Event, LogOpened, PromptConfig, PromptSaved
from events.signing import KeyRing
from events.streams.entries import entry_of
from events.streams.keys import Keys
from events.writing import appended, seal


def plain_client(url: str) -> redis.Redis:
    """A client that never retries by itself; whoever asks for it closes it."""
    return redis.Redis.from_url(url, socket_timeout=20, retry=Retry(NoBackoff(), 0))


@dataclass(slots=True)
class Hand:
    """Reads and writes the stream of a namespace directly. A context manager."""

    client: redis.Redis
    keys: Keys

    def __enter__(self) -> "Hand":
        return self

    def __exit__(self, *why: object) -> None:
        self.client.close()

    def entries(self, last: int | None = None) -> list[Entry]:
        """The whole log as stored; only its ``last`` entries, if so many are named."""
        count = () if last is None else ("COUNT", last)
        found = self._call("XREVRANGE", self.keys.log, "+", "-", *count)
        return [_entry(id, fields) for id, fields in reversed(found)]

    def head(self) -> Head:
        """The last entry, as a writer must know it."""
        return head_of(next(iter(self.entries(1)), None))

    def exists(self) -> bool:
        """Whether there is a log at all."""
        return bool(self._call("EXISTS", self.keys.log))

    def write(self, event: Event, actor: str = "another-hand") -> int:
        """Append ``event`` in good order, as an admin would; its position."""
        draft = self.draft(event, actor)
        return self.put({"event": draft.event, "hash": draft.hash})

    def draft(self, event: Event, actor: str = "another-hand") -> Draft:
        """``event`` sealed for the next position."""
        now = time.time_ns() // 1000
        return seal(event, Stamp(f"id-{now}", "/hand", now, actor), self.head(), KeyRing())

    def open(self) -> None:
        """Begin a log."""
        self.write(LogOpened(log_id="a-log-of-the-tests"))

    def save(self, name: str, version: int, template: str) -> int:
        """Append a save in good order; its position."""
        return self.write(saved(name, version, template))

    def poison(self, event: bytes, hash: str | None = None) -> int:
        """Append bytes that are no event, with the hash that they have unless said otherwise."""
        return self.put({"event": event, "hash": digest(event) if hash is None else hash})

    def put(self, fields: Mapping[str, str | bytes]) -> int:
        """Append an entry at the next position, whatever it holds; its position."""
        position = self.head().position + 1
        self._call("XADD", self.keys.log, f"{position}-0", *self.flat(fields))
        return position

    @staticmethod
    def flat(fields: Mapping[str, str | bytes]) -> list[str | bytes]:
        """The fields of an entry as arguments of XADD, with the time that the script would set."""
        whole = {**fields, "at": str(time.time_ns() // 1000)}
        return [part for pair in whole.items() for part in pair]

    def stray(self) -> str:
        """``XADD *``: an entry whose id is a clock time; its id."""
        id = self._call("XADD", self.keys.log, "*", "event", "{}", "hash", "0" * 64)
        return str(id.decode())

    def copy(self) -> bytes:
        """The log as it is, to be brought back later."""
        dumped: bytes = self._call("DUMP", self.keys.log)
        return dumped

    def bring_back(self, dumped: bytes) -> None:
        """Put a copy in the log's place."""
        self._call("RESTORE", self.keys.log, 0, dumped, "REPLACE")

    def rewrite_from(self, position: int) -> None:
        """Replace the log by one of equal length that says something else from ``position`` on."""
        draft = f"{self.keys.log}:rewritten"
        known, forged = Chain(), Chain()
        for stored in self.entries():
            entry = stored
            known, outcome = read(known, stored, KeyRing())
            if stored.position >= position:
                assert isinstance(outcome, Recorded), outcome
                stamp = Stamp("forged", "/hand", outcome.recorded_at, "somebody-else")
                written = seal(outcome.event, stamp, forged.head, KeyRing())
                entry = appended(written, forged.head, entry.at)
            forged, _ = read(forged, entry, KeyRing())
            fields = self.flat({"event": entry.event, "hash": entry.hash})
            self._call("XADD", draft, f"{entry.position}-0", *fields)
        for group in self.pending():  # whoever is blocked on them stays so, and hears of nothing
            self._call("XGROUP", "CREATE", draft, group, "$")
        self._call("RENAME", draft, self.keys.log)

    def pending(self) -> dict[str, int]:
        """By consumer group: how many entries were delivered and not acknowledged."""
        groups = self._call("XINFO", "GROUPS", self.keys.log)
        return {str(each["name"].decode()): int(each["pending"]) for each in map(_named, groups)}

    def _call(self, *command: Any) -> Any:
        return self.client.execute_command(*command)


def saved(name: str, version: int, template: str) -> PromptSaved:
    """A save of nothing but a template."""
    return PromptSaved(prompt=name, version=version, template=template, config=PromptConfig())


def _entry(id: bytes, fields: Any) -> Entry:
    pairs = fields.items() if isinstance(fields, dict) else ()
    return entry_of(id, [part for pair in pairs for part in pair] or fields, 0)


def _named(fields: Any) -> dict[str, Any]:
    return {name.decode() if isinstance(name, bytes) else name: of for name, of in fields.items()}
