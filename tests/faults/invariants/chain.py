"""B: positions and versions are gapless, and the hash chain holds."""

from collections.abc import Iterator, Sequence

from events.chain import Entry
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
