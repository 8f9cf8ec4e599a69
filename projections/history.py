"""The version history: an index of every prompt's versions and activations, folded from the log.

It holds no content, so an admin stays small however long the history is: what a version says is read
from the log by position when somebody looks at it.
"""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Literal, assert_never

from events.chain import Outcome, Recorded, Rejected
from events.model import (
    PromptArchived,
    PromptEvent,
    PromptRestored,
    PromptSaved,
    content_hash,
)
from projections.grown import Grown
from projections.requests import Requests

if TYPE_CHECKING:
    from events.envelope import RequestKey

Action = Literal["saved", "restored", "archived"]


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """One version, without its content. Hashes are raw bytes; ``size`` is the template's, in bytes.

    It is also the activation that came with its save, so that nothing is held twice.
    """

    action: ClassVar[Literal["saved"]] = "saved"
    version: int
    position: int
    recorded_at: int
    author: str
    note: str
    hash: bytes
    content_hash: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Activation:
    """A moment at which an older version came into force again, or none (``version`` None)."""

    position: int
    action: Literal["restored", "archived"]
    version: int | None
    recorded_at: int
    author: str
    note: str
    hash: bytes


Activated = VersionRecord | Activation
"""A moment at which another version came into force."""


@dataclass(frozen=True, slots=True)
class PromptHistory:
    """One prompt: its versions in the order of saving, and its activations in the order of the log."""

    name: str
    versions: Grown[VersionRecord]
    activations: Grown[Activated]

    @property
    def last(self) -> Activated:
        """The activation in force."""
        return self.activations[-1]

    @property
    def revision(self) -> int:
        """The position of the last event that touched the prompt."""
        return self.last.position

    @property
    def live(self) -> VersionRecord | None:
        """The live version; None while the prompt is archived."""
        return None if self.last.version is None else self.find(self.last.version)

    @property
    def next_version(self) -> int:
        """The number of the version that a save would make."""
        return self.versions[-1].version + 1 if self.versions else 1

    def find(self, version: int) -> VersionRecord | None:
        """The record of ``version``, or None."""
        if 1 <= version <= len(self.versions):
            record = self.versions[version - 1]
            if record.version == version:
                return record
        return next((r for r in reversed(self.versions) if r.version == version), None)


@dataclass(frozen=True, slots=True)
class History:
    """All prompts, the idempotency memory, and whether this version may still write."""

    prompts: Mapping[str, PromptHistory] = field(default_factory=dict)
    requests: Requests = field(default_factory=Requests)
    newer: Rejected | None = None
    """The first event of a type from the future: whoever met one must not write any more."""


def apply(history: History, outcome: Outcome) -> History:
    """The history after one more entry of the log. Pure and total."""
    return fold(history, [outcome])


def fold(history: History, outcomes: Iterable[Outcome]) -> History:
    """:func:`apply` over several entries, copying what they touch once."""
    draft = _Draft(history)
    for outcome in outcomes:
        draft.take(outcome)
    return draft.done()


class _Draft:
    """A history being written: what is new, for the touched prompts only."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.keyed: list[tuple[RequestKey, int]] = []
        self.newer = history.newer
        self.touched: dict[str, tuple[list[VersionRecord], list[Activated]]] = {}

    def take(self, outcome: Outcome) -> None:
        if isinstance(outcome, Rejected):
            if outcome.newer and self.newer is None:
                self.newer = outcome
            return
        if outcome.request:
            self.keyed.append((outcome.request, outcome.position))
        if isinstance(outcome.event, PromptEvent):
            self.take_prompt(outcome, outcome.event)

    def take_prompt(self, recorded: Recorded, event: PromptEvent) -> None:
        versions, activations = self.touched.setdefault(event.prompt, ([], []))
        match event:
            case PromptSaved():
                versions.append(_version(recorded, event))
                activations.append(versions[-1])
            case PromptRestored():
                activations.append(_activation(recorded, "restored", event.version, event.note))
            case PromptArchived():
                activations.append(_activation(recorded, "archived", None, event.note))
            case _:
                assert_never(event)

    def grown(
        self, name: str, versions: list[VersionRecord], activations: list[Activated]
    ) -> PromptHistory:
        known = self.history.prompts.get(name) or PromptHistory(name, Grown(), Grown())
        return PromptHistory(
            name, known.versions.plus(versions), known.activations.plus(activations)
        )

    def done(self) -> History:
        written = {name: self.grown(name, *new) for name, new in self.touched.items()}
        prompts = {**self.history.prompts, **written} if written else self.history.prompts
        known = self.history.requests
        requests = known.extended(self.keyed) if self.keyed else known
        return replace(self.history, prompts=prompts, requests=requests, newer=self.newer)


def _version(recorded: Recorded, event: PromptSaved) -> VersionRecord:
    return VersionRecord(
        version=event.version,
        position=recorded.position,
        recorded_at=recorded.recorded_at,
        author=sys.intern(recorded.actor),
        note=event.note,
        hash=bytes.fromhex(recorded.hash),
        content_hash=bytes.fromhex(content_hash(event.template, event.config)),
        size=len(event.template.encode()),
    )


def _activation(
    recorded: Recorded,
    action: Literal["restored", "archived"],
    version: int | None,
    note: str,
) -> Activation:
    return Activation(
        position=recorded.position,
        action=action,
        version=version,
        recorded_at=recorded.recorded_at,
        author=sys.intern(recorded.actor),
        note=note,
        hash=bytes.fromhex(recorded.hash),
    )
