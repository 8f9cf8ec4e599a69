"""I: barrier answers, metrics, the fleet view and the stale mark told the truth."""

from bisect import bisect_left
from collections.abc import Iterator

from tests.faults.facts import Facts, Violation
from tests.faults.history import Change, Chat

EVERYWHERE = ("converged", "no_replicas")


def premature(facts: Facts) -> Iterator[Violation]:
    """I: once a change was called converged, nobody who is in that answer answers from before it."""
    chats = sorted((each for each in facts.chats if each.ok), key=lambda each: each.began)
    starts = [each.began for each in chats]
    told = sorted(_converged(facts), key=lambda each: each.ended)
    for replica in sorted({chat.replica for chat in chats}):
        furthest: Change | None = None
        left = iter(told)
        upcoming = next(left, None)
        for chat in chats[bisect_left(starts, 0.0) :]:
            while upcoming and upcoming.ended < chat.began:
                furthest = _later(furthest, upcoming, replica)
                upcoming = next(left, None)
            if furthest and chat.replica == replica and _older(chat, furthest):
                what = f"{furthest.marker!r} at {furthest.position} was converged, then {chat.life}"
                yield Violation("I", "premature", f"{what} answered from {chat.revision}")
                break


def _converged(facts: Facts) -> list[Change]:
    changes = (e for e in facts.changes if e.outcome == "ok" and e.position)
    changes = (each for each in changes if not facts.given_up(each))
    return [each for each in changes if each.barrier and each.barrier.state == "converged"]


def _later(known: Change | None, found: Change, replica: str) -> Change | None:
    assert found.barrier is not None
    if found.barrier.outcomes.get(replica) != "applied":
        return known
    return max((each for each in (known, found) if each), key=lambda each: each.position or 0)


def _older(chat: Chat, change: Change) -> bool:
    """Whether the answer is of before the change. One that says that it is stale says the truth."""
    return chat.revision < (change.position or 0) and not chat.stale


def unnamed(facts: Facts) -> Iterator[Violation]:
    """I: a barrier that is called passed has heard of every replica that was up all the time."""
    if not facts.limits.everybody:
        return
    for each in facts.changes:
        if each.barrier and each.barrier.state in EVERYWHERE:
            missing = facts.replicas - set(each.barrier.outcomes)
            up = [who for who in sorted(missing) if not facts.out(who, each.began, each.ended)]
            if up:
                what = f"{each.marker!r} was told {each.barrier.state} without {', '.join(up)}"
                yield Violation("I", "unnamed", what)


def unmarked(facts: Facts) -> Iterator[Violation]:
    """I: whoever answers from a version that was replaced long ago says that it is stale."""
    within = facts.limits.unmarked
    if within is None:
        return
    made = (each for each in facts.changes if each.appended and not facts.given_up(each))
    done = sorted((each.ended, each.position or 0) for each in made)
    furthest, index = 0, 0
    for chat in sorted((each for each in facts.chats if each.ok), key=lambda each: each.began):
        while index < len(done) and done[index][0] < chat.began - within:
            furthest = max(furthest, done[index][1])
            index += 1
        if chat.revision < furthest and not chat.stale:
            what = f"{chat.life} answered from {chat.revision}, {within:g} s after {furthest}"
            yield Violation("I", "unmarked", f"{what} was acknowledged, and did not say so")
            return


def untrue(facts: Facts) -> Iterator[Violation]:
    """I: once all is quiet, metrics and the fleet view say what is."""
    for each in facts.told:
        if each.said != each.true:
            what = f"{each.who} says {each.what} = {each.said!r}; it is {each.true!r}"
            yield Violation("I", "untrue", what)
