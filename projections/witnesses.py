"""Witnesses: what admins and replicas have said of a log, remembered apart from the log itself.

A server that went back has forgotten its members and their reports, too. So each admin keeps the last
words in its own memory: who was there, and the furthest event that each has seen.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

Kind = Literal["replica", "admin"]
WORDS_KEPT = 8
"""Of one witness while a log is in doubt; more are only said by somebody who makes them up."""
SILENT_SECONDS = 15.0
"""Who was silent for this long before a log came into doubt is not waited for."""


class Word(NamedTuple):
    """ "I have the log through ``position``, and the event there has this ``hash``" (recomputed)."""

    position: int
    hash: str


@dataclass(frozen=True, slots=True)
class Witness:
    """One member of the fleet, or another admin, as far as it spoke of one log."""

    name: str
    kind: Kind
    log_id: str | None
    """None: it knows of no log yet."""
    last: Word
    words: tuple[Word, ...]
    """The furthest; while the log is in doubt, everything beyond or beside it that was said."""
    heard_at: float
    """Monotonic seconds."""
    diverged: bool = False
    """By its own word: the log is not the one that it has followed."""
    overruled: int = 0
    """Through this position its words count no more: its events are in no log, and were kept."""

    @property
    def furthest(self) -> Word:
        """The furthest that it has ever been, as far as that counts."""
        return max(self.words, default=self.last)


@dataclass(frozen=True, slots=True)
class Witnesses:
    """All of them, by name. ``in_doubt``: nothing that anybody has said is let go of."""

    known: Mapping[str, Witness] = field(default_factory=dict)
    in_doubt: bool = False

    def of(self, log_id: str) -> dict[str, Witness]:
        """Those who speak of the log of this id; of any when it is ""."""
        return {n: w for n, w in self.known.items() if not log_id or w.log_id in (log_id, None)}

    def strangers(self, log_id: str) -> set[str]:
        """Those who follow another log: no word of theirs counts, and nobody waits for them."""
        return self.known.keys() - self.of(log_id).keys()

    def words(self, log_id: str) -> list[tuple[str, Word]]:
        """Everything that was said of the log of this id and still counts, with who said it."""
        said = []
        for witness in self.of(log_id).values():
            words = dict.fromkeys((*witness.words, witness.last))
            floor = witness.overruled
            said += [(witness.name, word) for word in words if word.position > floor]
        return said

    def heard_since(self, moment: float) -> set[str]:
        """Who has spoken since."""
        return {name for name, witness in self.known.items() if witness.heard_at >= moment}


def heard(
    witnesses: Witnesses, name: str, kind: Kind, log_id: str | None, word: Word, now: float,
    diverged: bool = False,
) -> Witnesses:  # fmt: skip
    """The witnesses after somebody spoke."""
    before = witnesses.known.get(name)
    same = before is not None and (log_id is None or before.log_id in (log_id, None))
    words = _words(before.words if before and same else (), word, witnesses.in_doubt)
    floor = before.overruled if before and same and diverged else 0
    id = log_id if log_id is not None or not same or before is None else before.log_id
    spoke = Witness(name, kind, id, word, words, now, diverged, floor)
    return replace(witnesses, known={**witnesses.known, name: spoke})


def _words(before: tuple[Word, ...], word: Word, in_doubt: bool) -> tuple[Word, ...]:
    """What is kept of what was said: the furthest; in doubt also whatever it did not follow from."""
    if not word.position:
        return before
    furthest = max((each.position for each in before), default=0)
    if not in_doubt:
        return (word,) if word.position >= furthest else before
    if word in before or word.position < furthest:
        return before
    return (*before, word)[-WORDS_KEPT:]


def left(witnesses: Witnesses, name: str) -> Witnesses:
    """The witnesses after somebody left by its own word, or was reaped.

    While the log is in doubt what it said still counts; only nobody waits for it any more.
    """
    gone = {n: w for n, w in witnesses.known.items() if n != name}
    if witnesses.in_doubt and name in witnesses.known:
        gone[name] = replace(witnesses.known[name], heard_at=float("-inf"))
    return replace(witnesses, known=gone)


def doubted(witnesses: Witnesses) -> Witnesses:
    """From now on nothing that was said is let go of."""
    return replace(witnesses, in_doubt=True)


def settled(witnesses: Witnesses) -> Witnesses:
    """The log is known to be whole: of each only the last word counts, and who has left is let go."""
    kept = {
        name: replace(witness, words=(witness.last,) if witness.last.position else ())
        for name, witness in witnesses.known.items()
        if witness.heard_at != float("-inf")
    }
    return Witnesses(kept)


def overruled(witnesses: Witnesses, name: str) -> Witnesses:
    """The witnesses once what ``name`` alone holds was given up and kept elsewhere."""
    witness = witnesses.known.get(name)
    if witness is None:
        return witnesses
    changed = replace(witness, overruled=max(witness.furthest.position, witness.last.position))
    return replace(witnesses, known={**witnesses.known, name: changed})


def awaited(
    witnesses: Witnesses, groups: Iterable[str], log_id: str, doubted_at: float, since: float
) -> set[str]:
    """Whose word is waited for: those heard shortly before ``doubted_at``, and who has a group.

    A group tells nothing of who is alive; whoever listens here since long (``since``) would have
    heard of its replica, and so does not wait for it.
    """
    shortly = doubted_at - SILENT_SECONDS
    ours = witnesses.of(log_id)
    alive = {name for name, witness in ours.items() if witness.heard_at >= shortly}
    if since > shortly:
        alive |= set(groups) - witnesses.known.keys()
    return alive
