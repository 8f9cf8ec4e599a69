"""A ledger: logs that are written quickly, each event sealed as the admin would seal it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from redis import Redis

from events.chain import GENESIS, Entry, Head
from events.envelope import Stamp
from events.model import LogOpened, PromptSaved
from events.signing import KeyRing
from events.streams.keys import Keys
from events.writing import appended, seal

NAMESPACE = "bench"
KEYS = Keys(NAMESPACE)
_BEGAN = 1_700_000_000_000_000
"""When the first event was recorded, µs; each later one a millisecond behind."""
_SENTENCE = "You are the assistant of a shop that sells bicycles; be brief, kind and honest. "
_PIPELINED = 500


def prompt(number: int, size: int) -> str:
    """A template of about ``size`` bytes with one variable, different for each ``number``."""
    start = f"Revision {number}. You talk to {{{{ customer }}}}.\n"
    return (start + _SENTENCE * (size // len(_SENTENCE) + 1))[:size]


@dataclass(slots=True)
class Ledger:
    """Makes the entries of one log, one behind the other: the opening, then saves of ``size``."""

    size: int
    head: Head = GENESIS
    _keys: KeyRing = field(default_factory=KeyRing)

    def entry(self) -> Entry:
        """The next entry."""
        at = _BEGAN + 1000 * self.head.position
        stamp = Stamp(f"bench-{self.head.position + 1}", "/promptcast/bench", at, "admin")
        entry = appended(seal(self._event(), stamp, self.head, self._keys), self.head, at)
        self.head = Head(entry.position, entry.hash, entry.hash)
        return entry

    def _event(self) -> LogOpened | PromptSaved:
        version = self.head.position
        if not version:
            return LogOpened(log_id="bench")
        fields = {"prompt": "system", "version": version, "template": prompt(version, self.size)}
        return PromptSaved.model_validate(fields)

    def entries(self, count: int) -> Iterator[Entry]:
        """The next ``count`` entries."""
        return (self.entry() for _ in range(count))


def write(client: Redis, entries: Iterator[Entry]) -> None:
    """Write entries at their positions, many in each round trip."""
    pipeline = client.pipeline(transaction=False)
    for entry in entries:
        pipeline.execute_command("XADD", KEYS.log, *fields(entry))
        if entry.position % _PIPELINED == 0:
            pipeline.execute()
    pipeline.execute()


def fields(entry: Entry) -> tuple[str | bytes | int, ...]:
    """An entry as XADD takes it: its id, and the fields that the append script writes."""
    return f"{entry.position}-0", "event", entry.event, "hash", entry.hash, "at", entry.at
