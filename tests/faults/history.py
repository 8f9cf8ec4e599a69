"""The history: what every client did and was told, and what was seen of every replica.

Times are monotonic seconds of the one process that runs the clients. ``ended`` is infinite for what
never came to an end.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

NEVER = math.inf

Outcome = Literal["ok", "refused", "unknown"]
"""Of a change: acknowledged; refused, so that it must not be there; or nobody could say."""


@dataclass(frozen=True, slots=True)
class Barrier:
    """What a change was told of its spread: one word, and each member's outcome."""

    state: str
    outcomes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """One try of a save, a restore or a new API key.

    ``marker`` is in the event (as its note or name) and in no other: tries with one marker are one
    request that is repeated under its Idempotency-Key.
    """

    client: str
    kind: Literal["save", "restore", "key"]
    marker: str
    began: float
    ended: float
    outcome: Outcome
    status: int = 0
    why: str = ""
    """The problem's type, or the error that the client met."""
    position: int | None = None
    version: int | None = None
    hash: str = ""
    durable: bool = True
    unchanged: bool = False
    replayed: bool = False
    barrier: Barrier | None = None

    @property
    def appended(self) -> bool:
        """Whether it was acknowledged as an event of its own."""
        return self.outcome == "ok" and not self.unchanged


@dataclass(frozen=True, slots=True)
class Chat:
    """One question to one replica. ``life`` is the replica's process, of which it may have several."""

    client: str
    replica: str
    life: str
    began: float
    ended: float
    ok: bool
    version: int = 0
    revision: int = 0
    text: str = ""
    """The first line of the prompt that the model was given."""
    stale: bool = False
    """Whether the answer said that the replica does not reach the log."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where a replica was in the log: asked of itself, or (with a hash) by its own report."""

    replica: str
    life: str
    began: float
    ended: float
    position: int
    hash: str = ""
    state: str = ""
    sequence: int = 0
    """Of a report: heartbeats and acknowledgements overtake each other on the way."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which something was not as it should be because we made it so."""

    who: str
    began: float
    ended: float
    why: str


@dataclass(slots=True)
class History:
    """Everything that was recorded, in the order in which it ended."""

    changes: list[Change] = field(default_factory=list)
    chats: list[Chat] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """What a scenario asks for itself, and what was not so."""

    def write(self, file: Path) -> None:
        """All of it as JSON lines, one a record, with its kind in front."""
        kinds = (self.outages, self.changes, self.chats, self.sightings)
        lines = (_line(record) for records in kinds for record in records)
        file.write_text("".join(f"{line}\n" for line in lines))


def _line(record: Any) -> str:
    told = {"record": type(record).__name__.lower(), **asdict(record)}
    return json.dumps({key: None if of == NEVER else of for key, of in told.items()})
