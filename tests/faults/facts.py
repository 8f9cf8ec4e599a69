"""Facts: all that the checker judges, and the violations that it names. Pure."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from events.chain import Chain, Entry, Head, Recorded, read
from events.errors import LogGap
from events.signing import KeyRing
from tests.faults.history import Change, Chat, Outage, Sighting

MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise: the invariant's letter, one word, and what was seen. ``S`` is what only
    one scenario asks for."""

    invariant: str
    word: str
    what: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.word}: {self.what}"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a scenario may demand of a run. Seconds and bytes."""

    converge: float = 15.0
    """From healing until every replica is where the head was then."""
    unmarked: float | None = 9.0
    """For how long an answer may be of an older version than an acknowledged one without saying that
    it is stale: the limit of 5 s, two beats and some; None: it is not asked."""
    memory: int = 64 * MB
    descriptors: int = 24
    rejected: frozenset[str] = frozenset()
    """Findings of the chain that the scenario itself has caused (a poison's reason)."""
    keys: KeyRing = field(default_factory=KeyRing)
    """What events are signed with."""
    passed_over: frozenset[str] = frozenset()
    """First lines of texts that some replica cannot load: there the version before may stay in force."""
    rebuilds: bool = False
    """Whether a replica may go back because the log was declared another one."""
    loses_not_durable: bool = False
    """Whether what was acknowledged as not durable (202) may be lost."""
    everybody: bool = True
    """Whether a barrier must name every replica that is up."""


@dataclass(frozen=True, slots=True)
class Settled:
    """How one replica ended: where it was last seen, and after how long it was at the head."""

    replica: str
    position: int
    seconds: float | None
    """None: it was not there in time."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What one process held before and after; ``connections`` is for the server."""

    who: str
    memory: tuple[int, int]
    descriptors: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Told:
    """Something that a process said of the fleet once all was quiet, and what was true."""

    who: str
    what: str
    said: object
    true: object


@dataclass(frozen=True)
class Facts:
    """One run. ``log`` and ``access`` are as read raw from the server, ``forks`` what was kept.

    What was trimmed of ``log`` stands there out of a journal, as far as it chains to the rest.
    """

    log: Sequence[Entry]
    head: int
    begins: int = 1
    """The position that ``log`` begins with on the server."""
    changes: Sequence[Change] = ()
    chats: Sequence[Chat] = ()
    sightings: Sequence[Sighting] = ()
    outages: Sequence[Outage] = ()
    access: Sequence[Entry] = ()
    forks: Sequence[Entry] = ()
    settled: Sequence[Settled] = ()
    holdings: Sequence[Holding] = ()
    told: Sequence[Told] = ()
    died: Sequence[str] = ()
    """Processes that ended and were not ended by us."""
    wrong: Sequence[str] = ()
    """What the scenario itself demanded in vain."""
    replicas: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)

    @cached_property
    def landed(self) -> Mapping[str, list[Entry]]:
        """By marker: the entries that carry it."""
        return marked([*self.log, *self.access])

    @cached_property
    def forked(self) -> Mapping[str, list[Entry]]:
        """The same of what was kept in fork files."""
        return marked(self.forks)

    @cached_property
    def requests(self) -> Mapping[str, list[Change]]:
        """By marker: all tries of one request, oldest first."""
        found = defaultdict(list)
        for change in sorted(self.changes, key=lambda each: each.began):
            found[change.marker].append(change)
        return found

    @cached_property
    def recorded(self) -> Sequence[Recorded]:
        """The events of the prompts' log that count."""
        chain, found = Chain(), []
        for entry in self.log:
            try:
                chain, outcome = read(chain, entry, self.limits.keys)
            except LogGap:  # said elsewhere: what is behind the hole counts all the same
                before = Head(entry.position - 1, "", chain.head.digest)
                chain, outcome = read(chain._replace(head=before), entry, self.limits.keys)
            if isinstance(outcome, Recorded):
                found.append(outcome)
        return found

    def given_up(self, change: Change) -> bool:
        """Whether an operator decided against it: it is in a fork file, and in no log."""
        return change.marker in self.forked and change.marker not in self.landed

    def out(self, who: str, began: float, ended: float) -> bool:
        """Whether ``who`` was out at any moment between the two."""
        return any(o.who == who and o.began <= ended and began <= o.ended for o in self.outages)


def marked(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """``entries`` by the marker that each carries; who carries none is left out."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if marker := marker_of(entry):
            found[marker].append(entry)
    return found


def marker_of(entry: Entry) -> str:
    """The marker in an entry: the note of a prompt's event, the name of a key."""
    data = data_of(entry)
    return str(data.get("note") or (data.get("name") if "key" in data else "") or "")


def data_of(entry: Entry) -> Mapping[str, object]:
    """The ``data`` of an entry's event; nothing for what is no event."""
    try:
        told = json.loads(entry.event)
        data = told["data"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}
