"""E: no replica ever goes backwards, or to another history. F: all are at the head soon after."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from events.envelope import digest
from tests.faults.facts import Facts, Violation
from tests.faults.history import Sighting


def backward(facts: Facts) -> Iterator[Violation]:
    """E: within one life of a replica, positions only grow, and each has the log's own hash."""
    if facts.limits.rebuilds:
        return
    hashes = _hashes(facts)
    for seen in by_life(facts.sightings).values():
        yield from _backward(seen)
        for each in seen:
            if each.hash and each.position and each.hash not in hashes.get(each.position, ()):
                yield Violation("E", "astray", f"{_named(each)} with hash {each.hash[:8]}")
                break


def _backward(seen: Iterable[Sighting]) -> Iterator[Violation]:
    furthest: Sighting | None = None
    for each in seen:
        if furthest and each.position < furthest.position:
            yield Violation("E", "backward", f"{_named(each)} after {furthest.position}")
            return
        furthest = each


def by_life(sightings: Iterable[Sighting]) -> dict[str, list[Sighting]]:
    """Each replica's lives, and where it was in each, in order. What it answers is one life, what it
    reports another: either has an order of its own."""
    found: dict[str, list[Sighting]] = defaultdict(list)
    for each in sightings:
        found[each.life].append(each)
    return {life: sorted(seen, key=lambda each: each.sequence) for life, seen in found.items()}


def _hashes(facts: Facts) -> dict[int, set[str]]:
    found: dict[int, set[str]] = defaultdict(set)
    for entry in (*facts.log, *facts.forks):
        found[entry.position].add(digest(entry.event))
    return found


def late(facts: Facts) -> Iterator[Violation]:
    """F: after the fault every replica is at the head within the limit."""
    most = facts.limits.converge
    for each in facts.settled:
        if each.seconds is None or each.position != facts.head:
            where = f"{each.replica} is at {each.position}, the head at {facts.head}"
            yield Violation("F", "behind", where)
        elif each.seconds > most:
            took = f"{each.replica} was at the head after {each.seconds:.1f} s, not {most:g}"
            yield Violation("F", "late", took)


def _named(each: Sighting) -> str:
    return f"{each.life} at position {each.position}"
