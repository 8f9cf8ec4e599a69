"""H: memory, descriptors and connections are bounded; no process ends by itself."""

from collections.abc import Iterator

from tests.faults.facts import MB, Facts, Violation


def unbounded(facts: Facts) -> Iterator[Violation]:
    """H: nobody holds much more afterwards than before."""
    for each in facts.holdings:
        grown = each.memory[1] - each.memory[0]
        if grown > facts.limits.memory:
            yield Violation("H", "memory", f"{each.who} has grown by {grown / MB:.0f} MB")
        before, after = each.descriptors
        if after - before > facts.limits.descriptors:
            yield Violation("H", "descriptors", f"{each.who} holds {after}, before {before}")


def died(facts: Facts) -> Iterator[Violation]:
    """H: whoever ended was ended by us."""
    for who in facts.died:
        yield Violation("H", "died", who)


def demanded(facts: Facts) -> Iterator[Violation]:
    """S: what the scenario itself demanded; that saving goes on after healing, each of them."""
    for what in facts.wrong:
        yield Violation("S", "demanded", what)
