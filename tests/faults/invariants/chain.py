"""B: positions and versions are gapless, the hash chain holds, the log itself says what was trimmed."""

from collections.abc import Iterator, Sequence

from events.chain import Entry, Recorded
from events.envelope import digest
from events.model import LogTrimmed
from events.verify import Verifier
from tests.faults.facts import Facts, Violation

SHOWN = 5


def broken(facts: Facts) -> Iterator[Violation]:
    """B, of both logs. What the scenario itself has put in is no finding."""
    for name, entries in (("log", facts.log), ("access log", facts.access)):
        yield from _broken(name, entries, facts)


def _broken(name: str, entries: Sequence[Entry], facts: Facts) -> Iterator[Violation]:
    verifier = Verifier(facts.limits.keys)
    for entry in entries:
        verifier.feed(entry)
    bad = [each for each in verifier.findings if each.reason not in facts.limits.rejected]
    for each in bad[:SHOWN]:
        yield Violation("B", each.reason, f"{name}, position {each.position}: {each.detail}")


def trimmed(facts: Facts) -> Iterator[Violation]:
    """B: the server lacks nothing but what the log says was trimmed; and it says so of what it holds."""
    hashes = {entry.position: digest(entry.event) for entry in facts.log}
    through = 0
    for each in facts.recorded:
        if isinstance(each.event, LogTrimmed):
            through = max(through, each.event.through)
            yield from _untrue(each, each.event, hashes.get(each.event.through))
    if facts.begins > through + 1:
        what = f"the server begins with {facts.begins}; the log says trimmed through {through}"
        yield Violation("B", "cut_short", what)


def _untrue(at: Recorded, said: LogTrimmed, hash: str | None) -> Iterator[Violation]:
    if hash != said.hash:
        there = hash[:8] if hash else "nothing"
        what = f"position {at.position} says {said.hash[:8]} of {said.through}; there is {there}"
        yield Violation("B", "trimmed_another", what)
