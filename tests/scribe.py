"""A scribe: writes logs for tests, as an admin would, or as somebody with bad intentions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from events.chain import GENESIS, Chain, Entry, Head, Outcome, Recorded, Rejected, read
from events.envelope import RequestKey, Stamp, digest
from events.log import Draft
from events.model import (
    Event,
    LogOpened,
    PromptArchived,
    PromptConfig,
    PromptRestored,
    PromptSaved,
)
from events.signing import KeyRing
from events.writing import appended, seal

BEGAN = 1_700_000_000_000_000
"""When the first event was recorded; each later one a millisecond behind the one before. µs."""


@dataclass(slots=True)
class Scribe:
    """Writes each event behind the one before; ``entries`` is the whole log as stored."""

    keys: KeyRing = field(default_factory=KeyRing)
    entries: list[Entry] = field(default_factory=list)
    head: Head = GENESIS

    @property
    def now(self) -> int:
        """The time of the next event, in µs."""
        return BEGAN + 1000 * self.head.position

    def draft(self, event: Event, actor: str = "ann", request: RequestKey | None = None) -> Draft:
        """``event`` sealed for the next position, not written yet."""
        stamp = Stamp(f"id-{self.head.position + 1}", "/test", self.now, actor, request)
        return seal(event, stamp, self.head, self.keys)

    def write(self, event: Event, actor: str = "ann", request: RequestKey | None = None) -> Entry:
        """Write ``event`` behind the head."""
        return self.put(appended(self.draft(event, actor, request), self.head, self.now))

    def put(self, entry: Entry) -> Entry:
        """Write an entry as it is; the chain goes on behind it, however bad it is."""
        self.entries.append(entry)
        self.head = Head(entry.position, entry.hash, digest(entry.event))
        return entry

    def poison(self, event: bytes, hash: str | None = None, **fields: Any) -> Entry:
        """Write bytes that are no event, with the hash that they have unless said otherwise."""
        hash = digest(event) if hash is None else hash
        return self.put(Entry(self.head.position + 1, event, hash, self.now, **fields))

    def opened(self) -> Entry:
        """The first event."""
        return self.write(LogOpened(log_id="log-1"))

    def saved(
        self,
        template: str = "Be kind.",
        version: int = 1,
        prompt: str = "system",
        config: Mapping[str, Any] | None = None,
        **how: Any,
    ) -> Entry:
        """A save."""
        event = saved(template, version, prompt, config, how.pop("note", ""))
        return self.write(event, **how)

    def restored(
        self,
        version: int,
        saved_at: int,
        template: str = "Be kind.",
        prompt: str = "system",
        **how: Any,
    ) -> Entry:
        """A restore."""
        event = PromptRestored.model_validate(
            {
                "prompt": prompt,
                "version": version,
                "saved_at": saved_at,
                "template": template,
                "note": how.pop("note", ""),
            }
        )
        return self.write(event, **how)

    def archived(self, prompt: str = "system", **how: Any) -> Entry:
        """An archiving."""
        return self.write(PromptArchived(prompt=prompt, note=how.pop("note", "")), **how)

    def outcomes(self) -> list[Outcome]:
        """What a reader with the same keys makes of the whole log."""
        return outcomes(self.entries, self.keys)

    def chain(self) -> Chain:
        """How far such a reader has come."""
        chain = Chain()
        for entry in self.entries:
            chain, _ = read(chain, entry, self.keys)
        return chain


def saved(
    template: str = "Be kind.",
    version: int = 1,
    prompt: str = "system",
    config: Mapping[str, Any] | None = None,
    note: str = "",
) -> PromptSaved:
    """The event of a save."""
    fields = {"prompt": prompt, "version": version, "template": template, "note": note}
    return PromptSaved.model_validate(
        fields if config is None else fields | {"config": PromptConfig.model_validate(config)}
    )


def outcomes(entries: list[Entry], keys: KeyRing | None = None) -> list[Outcome]:
    """What a reader makes of ``entries``, from the beginning of a log."""
    chain, found = Chain(), []
    for entry in entries:
        chain, outcome = read(chain, entry, keys or KeyRing())
        found.append(outcome)
    return found


def recorded(outcome: Outcome) -> Recorded:
    """``outcome``, which must be an event that counts."""
    assert isinstance(outcome, Recorded), outcome
    return outcome


def rejected(outcome: Outcome) -> Rejected:
    """``outcome``, which must be a rejection."""
    assert isinstance(outcome, Rejected), outcome
    return outcome


def moved(entry: Entry, position: int) -> Entry:
    """The same bytes at another position."""
    return entry._replace(position=position)
