"""A: nothing acknowledged is lost. C: an unknown outcome landed at most once, a refused one never.
D: what was acknowledged before another began stands before it."""

from collections.abc import Iterator
from typing import NamedTuple

from events.chain import Entry
from tests.faults.facts import Facts, Violation
from tests.faults.history import Change


def lost(facts: Facts) -> Iterator[Violation]:
    """A: every acknowledged change is in the log with the hash that was told, or in a fork file."""
    for marker, tries in facts.requests.items():
        for change in tries:
            if change.appended and not _excused(facts, change):
                yield from _kept(facts, marker, change)


def _excused(facts: Facts, change: Change) -> bool:
    return facts.limits.loses_not_durable and not change.durable


def _kept(facts: Facts, marker: str, change: Change) -> Iterator[Violation]:
    entries = [*facts.landed.get(marker, ()), *facts.forked.get(marker, ())]
    if not entries:
        yield Violation("A", "lost", f"{_named(change)} is nowhere")
    elif change.hash and not any(_is(change, entry) for entry in entries):
        where = ", ".join(f"{each.position} ({each.hash[:8]})" for each in entries)
        yield Violation("A", "another", f"{_named(change)} stands as {where}")


def _is(change: Change, entry: Entry) -> bool:
    return (entry.hash, entry.position) == (change.hash, change.position)


def doubled(facts: Facts) -> Iterator[Violation]:
    """C: a request landed once at most, however often it was tried; a refused one never."""
    for marker, tries in facts.requests.items():
        entries = facts.landed.get(marker, ())
        if len(entries) > 1:
            where = [each.position for each in entries]
            yield Violation("C", "doubled", f"{_named(tries[0])} landed at {where}")
        refused = all(each.outcome == "refused" or each.unchanged for each in tries)
        if entries and refused:
            said = ", ".join(f"{each.status} {each.why}" for each in tries)
            at = entries[0].position
            yield Violation("C", "refused", f"{_named(tries[0])} ({said}) landed at {at}")


class _Span(NamedTuple):
    began: float
    told: float
    position: int
    named: str


def reordered(facts: Facts) -> Iterator[Violation]:
    """D: positions agree with the order in which things were acknowledged and begun."""
    spans = list(_spans(facts))
    by_end = sorted(spans, key=lambda span: span.told)
    furthest, ended = _Span(0, 0, 0, ""), 0
    for span in sorted(spans, key=lambda span: span.began):
        while ended < len(by_end) and by_end[ended].told < span.began:
            furthest = max(furthest, by_end[ended], key=lambda each: each.position)
            ended += 1
        if furthest.position > span.position:
            yield Violation("D", "reordered", f"{span.named} began after {furthest.named} was told")


def _spans(facts: Facts) -> Iterator[_Span]:
    """Each request in the prompts' log, from its first try to its first acknowledgement."""
    for tries in facts.requests.values():
        done = [each for each in tries if each.appended and each.position is not None]
        if done and not facts.given_up(done[0]):
            told = min(done, key=lambda each: each.ended)
            assert told.position is not None
            yield _Span(tries[0].began, told.ended, told.position, _named(told))


def _named(change: Change) -> str:
    at = f" at {change.position}" if change.position is not None else ""
    return f"{change.kind} {change.marker!r}{at}"
