"""G: every chat answer used exactly one version that was live then, and none failed because of us."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from events.chain import Entry, Recorded
from events.model import PromptRestored, PromptSaved
from tests.faults.facts import Facts, Violation, data_of, marker_of
from tests.faults.history import Chat, Sighting
from tests.faults.invariants.following import by_life


@dataclass(frozen=True, slots=True)
class Live:
    """A version came into force at a position."""

    position: int
    version: int
    first_line: str
    marker: str


def failed(facts: Facts) -> Iterator[Violation]:
    """G: no answer failed while its replica was up, and the model behind it too."""
    for chat in facts.chats:
        if not chat.ok and not excused(facts, chat):
            yield Violation("G", "failed", f"{chat.client} at {chat.replica}: {chat.why[:200]}")


def excused(facts: Facts, chat: Chat) -> bool:
    """Whether a question that failed could not have been answered by anybody."""
    return any(facts.out(who, chat.began, chat.ended) for who in (chat.replica, "model"))


def wrong(facts: Facts) -> Iterator[Violation]:
    """G: text, version and revision belong together, and were in force on that replica then."""
    live: dict[int, list[Live]] = defaultdict(list)  # where the log was settled anew: of both sides
    for each in (*_activations(facts.recorded), *_forked(facts.forks)):
        live[each.position].append(each)
    positions = sorted(position for position, made in live.items() if _is_due(facts, made))
    lives = {life: Bounds.of(seen) for life, seen in by_life(facts.sightings).items()}
    for chat in facts.chats:
        if chat.ok:
            yield from _judged(facts, chat, live, positions, lives.get(chat.life))


def _is_due(facts: Facts, made: Sequence[Live]) -> bool:
    """Whether every replica that gets there must have it in force."""
    return any(each.first_line not in facts.limits.passed_over for each in made)


def _judged(
    facts: Facts,
    chat: Chat,
    live: Mapping[int, Sequence[Live]],
    positions: Sequence[int],
    bounds: "Bounds | None",
) -> Iterator[Violation]:
    said = f"{chat.client} at {chat.life} was answered from v{chat.version} of {chat.revision}"
    there = live.get(chat.revision)
    if there is None:
        yield Violation("G", "unheard", f"{said}, which nothing in the log made live")
        return
    told = (chat.version, chat.text)
    used = next((each for each in there if (each.version, each.first_line) == told), None)
    if used is None:
        shown = ", ".join(f"v{each.version} {each.first_line!r}" for each in there)
        yield Violation("G", "mixed", f"{said} with the text {chat.text!r}; there is {shown}")
        return
    asked = facts.requests.get(used.marker)
    if asked and asked[0].began > chat.ended:
        yield Violation("G", "early", f"{said}, which nobody had asked for yet")
    if bounds is None or facts.limits.rebuilds:
        return
    reached, not_beyond = bounds.at(chat)
    due = bisect_right(positions, reached)
    if due and chat.revision < positions[due - 1]:
        yield Violation("G", "outdated", f"{said}, but it had applied {reached}")
    if chat.revision > not_beyond:
        yield Violation("G", "ahead", f"{said}, but had applied only {not_beyond} afterwards")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a life of a replica had applied, by its own answers."""

    ended: Sequence[float]
    began: Sequence[float]
    positions: Sequence[int]

    @classmethod
    def of(cls, seen: Sequence[Sighting]) -> "Bounds":
        """Of sightings in their order."""
        return cls([s.ended for s in seen], [s.began for s in seen], [s.position for s in seen])

    def at(self, chat: Chat) -> tuple[int, float]:
        """What it had applied for certain before the question, and at most at the answer."""
        before = bisect_right(self.ended, chat.began) - 1
        after = bisect_right(self.began, chat.ended)
        most = self.positions[after] if after < len(self.positions) else float("inf")
        return (self.positions[before] if before >= 0 else 0), most


def _activations(recorded: Sequence[Recorded]) -> Iterator[Live]:
    for each in recorded:
        event = each.event
        if isinstance(event, PromptSaved | PromptRestored):
            first_line = event.template.strip().splitlines()[0]
            yield Live(each.position, event.version, first_line, event.note)


def _forked(entries: Sequence[Entry]) -> Iterator[Live]:
    """Of what was kept in fork files: a replica may have answered from it before."""
    for entry in entries:
        data = data_of(entry)
        template = data.get("template")
        if isinstance(template, str) and isinstance(data.get("version"), int):
            first_line = template.strip().splitlines()[0]
            yield Live(entry.position, int(str(data["version"])), first_line, marker_of(entry))
