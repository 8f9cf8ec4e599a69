"""The fork: where two histories of a log part, by what everybody has said. Pure."""

from typing import NamedTuple

from events.chain import Head
from projections.healing import Side
from projections.witnesses import Word
from services.admin.healing.gathering import Facts


class Fork(NamedTuple):
    """``common`` is the last event that the log and the journal both hold; ``after`` lies before
    whatever anybody has said against the side that is kept; ``furthest`` behind all that was said."""

    common: Head
    after: int
    furthest: int


def fork_of(facts: Facts, kept: Side, common: Head) -> Fork:
    """The fork, when ``kept`` is the side that goes on."""
    said = _said(facts)
    against = [word.position - 1 for word in said if kept.at(word.position) != word.hash]
    furthest = max([facts.head.position, *(word.position for word in said)])
    return Fork(common, min([common.position, kept.last, *against]), furthest)


def is_contradicted(facts: Facts) -> bool:
    """Whether somebody has seen what the log does not hold."""
    return any(facts.log.at(word.position) != word.hash for word in _said(facts))


def _said(facts: Facts) -> list[Word]:
    """What was said, and what the tails' ends say by themselves."""
    ends = [Word(tail.last, tail.at(tail.last) or "") for tail in facts.tails]
    return [*(word for _, word in facts.words), *ends]
