"""Healing: may a log be written to, must something be put back, or must a person decide?

Pure: what the log holds, who said what of it, and who holds which events go in; a decision comes out.
A log is whole when it contradicts nobody's word, and nobody's word lies beyond its head. Nothing is
put back but what continues the log by its hash chain and agrees with every word. Where chains fork,
or nobody has what somebody has seen, nobody guesses.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from events.chain import GENESIS, GENESIS_HASH
from projections.settlements import Settlement
from projections.witnesses import Word


class Side(NamedTuple):
    """A run of events without a gap: the log as it stands, or what somebody holds of it.

    ``hashes`` (recomputed from the bytes) holds at least the positions that anybody's word names,
    and the ends of all sides, as far as they lie within.
    """

    name: str
    first: int
    last: int
    hashes: Mapping[int, str]
    before: str = ""
    """The hash of the event before the first, as the first one tells it."""

    def at(self, position: int) -> str | None:
        """The hash there; the same for all sides before the first event."""
        return GENESIS_HASH if position == GENESIS.position else self.hashes.get(position)

    def continues(self, position: int, hash: str | None) -> bool:
        """Whether it goes on exactly behind the event of this hash at ``position``."""
        if self.last <= position or hash is None:
            return False
        if self.first == position + 1:
            return (self.at(position) or self.before) == hash
        return self.first <= position and self.at(position) == hash


class Part(NamedTuple):
    """What ``side`` holds behind ``after`` through ``through``."""

    side: str
    after: int
    through: int


class Open(NamedTuple):
    """The log is whole, as far as those know who can be asked. ``missed`` were waited for in vain."""

    missed: tuple[str, ...] = ()


class Wait(NamedTuple):
    """For ``names``; ``what`` goes on from there: "to report again"."""

    what: str
    names: tuple[str, ...]


class Heal(NamedTuple):
    """These parts are put back, in this order."""

    parts: tuple[Part, ...]

    @property
    def after(self) -> int:
        """The last position that the log has kept."""
        return self.parts[0].after

    @property
    def through(self) -> int:
        """The last position that is put back."""
        return self.parts[-1].through


class Forked(NamedTuple):
    """A person must decide. ``beyond``: it is only that nobody shows what somebody has seen."""

    reason: str
    beyond: bool = False


Decision = Open | Wait | Heal | Forked


def decide(
    log: Side,
    tails: Sequence[Side],
    words: Sequence[tuple[str, Word]],
    missing: Collection[str],
    waited_out: bool,
    settlements: Sequence[Settlement] = (),
) -> Decision:
    """What to do about a log that is in doubt.

    ``words`` is what counts of what was said, and by whom; ``missing`` are those who have not
    spoken since the log came into doubt; ``waited_out``: they had time enough. The word of who holds
    a tail counts by the tail.
    """
    said = [*words, *((t.name, Word(t.last, t.at(t.last) or "")) for t in tails if t.last)]
    said = [(name, word) for name, word in said if not _is_void(word, log, settlements)]
    for name, word in sorted(said, key=lambda each: each[1]):
        if word.position <= log.last and log.at(word.position) != word.hash:
            return Forked(f"{name} has seen another event at position {word.position}")
    beyond = [(name, word) for name, word in said if word.position > log.last]
    if missing and not waited_out:
        return Wait("to report again", tuple(sorted(missing)))
    if not beyond:
        return Open(tuple(sorted(missing)))
    return _put_back(log, tails, beyond, waited_out)


def _put_back(
    log: Side, tails: Sequence[Side], beyond: Sequence[tuple[str, Word]], waited_out: bool
) -> Decision:
    """The log lacks something: somebody's tails reach as far as anybody has seen, or they do not."""
    parts = _path(log, tails)
    by_name = {tail.name: tail for tail in tails}
    reach = parts[-1].through if parts else log.last
    for name, word in beyond:
        part = next((p for p in parts if p.after < word.position <= p.through), None)
        if part is not None and by_name[part.side].at(word.position) != word.hash:
            return Forked(
                f"{name} and {part.side} have seen different events at position {word.position}"
            )
    name, word = max(beyond, key=lambda each: each[1].position)
    if word.position <= reach:
        return Heal(parts)
    if not waited_out:
        return Wait(f"to show what lies behind position {reach}", (name,))
    lacks = f"{name} has seen position {word.position}"
    return Forked(f"{lacks}; nobody who is here has what lies behind position {reach}", beyond=True)


def _path(log: Side, tails: Sequence[Side]) -> tuple[Part, ...]:
    """The way on from the log's head: at each step the longest tail that continues it exactly."""
    position, hash, parts = log.last, log.at(log.last), []
    while onward := [tail for tail in tails if tail.continues(position, hash)]:
        longest = max(onward, key=lambda tail: tail.last)  # the first of equals: the own journal
        parts.append(Part(longest.name, position, longest.last))
        position, hash = longest.last, longest.at(longest.last)
    return tuple(parts)


def _is_void(word: Word, log: Side, settlements: Sequence[Settlement]) -> bool:
    """Whether an operator has decided against the event that this word names."""
    if log.at(word.position) == word.hash:
        return False
    return any(each.after < word.position <= each.position for each in settlements)
