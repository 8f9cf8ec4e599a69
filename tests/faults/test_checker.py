"""The checker is tried with doctored histories: each lie is caught by its invariant, and by no other."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from events.chain import Entry
from events.envelope import digest
from events.model import LogTrimmed
from tests.faults.checker import check
from tests.faults.facts import MB, Facts, Holding, Limits, Settled, Told
from tests.faults.history import Barrier, Change, Chat, Outage, Sighting
from tests.faults.past import past
from tests.scribe import Scribe

REPLICA, LIFE = "chat-1", "chat-1#7"
SAVES = 5


def scribe() -> Scribe:
    """Positions 2 to 6 are versions 1 to 5, marked m1 to m5."""
    made = Scribe()
    made.opened()
    for version in range(1, SAVES + 1):
        made.saved(f"You are m{version}.", version, note=f"m{version}")
    return made


def change(entries: Sequence[Entry], version: int, **more: object) -> Change:
    """The save of a version, told the truth; it takes from ``version`` to ``version + 0.2`` seconds."""
    entry = entries[version]
    told = Change(
        "s0", "save", f"m{version}", float(version), version + 0.2, "ok", 201,
        position=entry.position, version=version, hash=entry.hash,
        barrier=Barrier("converged", {REPLICA: "applied"}),
    )  # fmt: skip
    return replace(told, **more)  # type: ignore[arg-type]  # whatever the test names


def chat(saved: int, at: float, **more: object) -> Chat:
    """An answer from a version, in a tenth of a second."""
    told = Chat(
        "u0", REPLICA, LIFE, at, at + 0.1, ok=True,
        version=saved, revision=saved + 1, text=f"You are m{saved}.",
    )  # fmt: skip
    return replace(told, **more)  # type: ignore[arg-type]  # whatever the test names


def seen(position: int, at: float, **more: object) -> Sighting:
    """The replica says where it is."""
    return replace(Sighting(REPLICA, LIFE, at, at + 0.01, position), **more)  # type: ignore[arg-type]


def clean() -> Facts:
    """A run in which all was well: each version is applied and answered from right after its save."""
    entries = scribe().entries
    versions = range(1, SAVES + 1)
    return Facts(
        log=entries,
        head=SAVES + 1,
        changes=[change(entries, version) for version in versions],
        chats=[chat(version, version + 0.5) for version in versions],
        sightings=[seen(version + 1, version + 0.3) for version in versions],
        settled=[Settled(REPLICA, SAVES + 1, 0.1)],
        holdings=[Holding(REPLICA, (50 * MB, 51 * MB), (20, 21))],
        told=[Told("admin-1", "head", SAVES + 1.0, SAVES + 1)],
        replicas=frozenset({REPLICA}),
    )


def doctored(facts: Facts, **fields: object) -> Facts:
    """The same with something else in it."""
    return replace(facts, **fields)  # type: ignore[arg-type]  # whatever the test names


def with_change(version: int, **more: object) -> Facts:
    """One save was told something else."""
    facts = clean()
    changes = list(facts.changes)
    changes[version - 1] = change(facts.log, version, **more)
    return doctored(facts, changes=changes)


def with_chat(number: int, **more: object) -> Facts:
    """One answer was another."""
    facts = clean()
    chats = list(facts.chats)
    chats[number - 1] = chat(number, number + 0.5, **more)
    return doctored(facts, chats=chats)


def test_a_clean_run_is_found_clean() -> None:
    assert check(clean()) == []


def lost_last() -> Facts:
    """The last acknowledged save is gone, as after a failover; everybody is at the new head."""
    facts = clean()
    head = SAVES
    return doctored(
        facts, log=facts.log[:-1], head=head, chats=facts.chats[:-1],
        sightings=facts.sightings[:-1], settled=[Settled(REPLICA, head, 0.1)], told=[],
    )  # fmt: skip


def lost_in_the_middle() -> Facts:
    """One event was cut out of the log: the chain shows it, too."""
    facts = clean()
    return doctored(facts, log=[*facts.log[:3], *facts.log[4:]], chats=facts.chats[:2])


def doubled() -> Facts:
    """A save that was tried twice landed twice."""
    made = scribe()
    made.saved("You are m5.", 6, note="m5")
    facts = clean()
    again = SAVES + 2
    return doctored(
        facts, log=made.entries, head=again, settled=[Settled(REPLICA, again, 0.1)], told=[]
    )


def refused_landed() -> Facts:
    """What was refused is in the log."""
    return with_change(3, outcome="refused", status=503, why="log-unavailable", barrier=None)


def reordered() -> Facts:
    """The save of m4 was begun and told only after that of m5; nobody chatted meanwhile."""
    facts = with_change(4, began=8.0, ended=8.2, barrier=None)
    return doctored(facts, chats=[], sightings=[])


def forked() -> Facts:
    """From m4 on the log says something else than was told; the chain as such is whole."""
    made = Scribe()
    made.opened()
    for version in range(1, SAVES + 1):
        text = f"You are m{version}." if version < 4 else "You are another."
        made.saved(text, version, note=f"m{version}", actor="ann" if version < 4 else "bob")
    facts = clean()
    return doctored(facts, log=made.entries, chats=facts.chats[:3])


def settled_fork() -> Facts:
    """An operator decided against m4 and m5: others stand in their place, and they are in a fork file.
    The replica answered from m5 before, and from another event at m4's position afterwards."""
    made, facts = Scribe(), clean()
    made.opened()
    for version in range(1, SAVES):
        text = f"You are m{version}." if version < 4 else "You are another."
        made.saved(text, version, note=f"m{version}" if version < 4 else "")
    another = chat(4, 20.0, text="You are another.")
    return doctored(
        facts, log=made.entries, head=SAVES, forks=facts.log[4:], chats=[*facts.chats, another],
        settled=[Settled(REPLICA, SAVES, 0.1)], told=[], limits=Limits(rebuilds=True),
    )  # fmt: skip


def backward_position() -> Facts:
    """A replica that was at 6 says that it is at 5."""
    facts = clean()
    return doctored(facts, sightings=[*facts.sightings, seen(SAVES, 7.0)], chats=[])


def astray() -> Facts:
    """A replica reports a hash that no log had at that position."""
    report = seen(3, 3.0, life="chat-1/instance", hash="f" * 64, sequence=1)
    facts = clean()
    return doctored(facts, sightings=[*facts.sightings, report])


def passed_over() -> Facts:
    """A replica has got to version 4, and answers from the one before; it says that this may be old."""
    return with_chat(4, version=3, revision=4, text="You are m3.", stale=True)


def tampered() -> Facts:
    """Somebody changed an event's bytes where it stands; its hash was not asked for by anybody."""
    facts = clean()
    log = list(facts.log)
    log[1] = log[1]._replace(event=log[1].event.replace(b'"note"', b'"nute"', 1))
    assert digest(log[1].event) != log[1].hash
    return doctored(facts, log=log, changes=facts.changes[1:], chats=[])


def trimmed(through: int = 3, begins: int = 4, hash: str = "") -> Facts:
    """Behind all saves the log says that it was trimmed; the server begins where it should, or not. The
    past is there out of a journal."""
    made, facts = scribe(), clean()
    made.write(LogTrimmed(through=through, hash=hash or digest(made.entries[through - 1].event)))
    served, head = made.entries[begins - 1 :], SAVES + 2
    return doctored(
        facts, log=[*past(served[0], facts.log), *served], begins=begins, head=head,
        settled=[Settled(REPLICA, head, 0.1)], told=[],
    )  # fmt: skip


def trimmed_with_a_hole() -> Facts:
    """No journal has what was saved as m2, though the log says rightly how far it was trimmed."""
    facts = trimmed()
    copies = [each for each in facts.log[:3] if each.position != 3]
    served = facts.log[3:]
    chats = [each for each in facts.chats if each.revision > 3]
    return doctored(facts, log=[*past(served[0], copies), *served], chats=chats)


def trimmed_with_a_forgery() -> Facts:
    """The journal has another event in the place of m1: it is not taken for what was trimmed."""
    facts, forger = trimmed(), Scribe()
    forger.opened()
    forger.saved("You are m1.", 1, note="m1", actor="somebody else")
    copies = [forger.entries[1], *facts.log[2:3]]
    served = facts.log[3:]
    chats = [each for each in facts.chats if each.revision > 2]
    return doctored(facts, log=[*past(served[0], copies), *served], chats=chats)


def cut_short() -> Facts:
    """Somebody else has trimmed the log; journals have all of it, and the log says nothing."""
    return doctored(clean(), begins=4)


GAP = {("A", "lost"), ("B", "gap"), ("B", "broken_chain"), ("B", "version_out_of_order")}
CUT_OFF = {*GAP, ("B", "not_opened"), ("G", "unheard")}
CAUGHT: list[tuple[Callable[[], Facts], set[tuple[str, str]]]] = [
    (lost_last, {("A", "lost")}),
    (lost_in_the_middle, GAP),
    (doubled, {("C", "doubled")}),
    (refused_landed, {("C", "refused")}),
    (reordered, {("D", "reordered")}),
    (forked, {("A", "another")}),
    (backward_position, {("E", "backward")}),
    (astray, {("E", "astray")}),
    (tampered, {("B", "wrong_hash"), ("B", "version_out_of_order"), ("B", "broken_chain")}),
    (trimmed_with_a_hole, {*CUT_OFF, ("B", "trimmed_another")}),
    (trimmed_with_a_forgery, CUT_OFF),
    (cut_short, {("B", "cut_short")}),
    (lambda: trimmed(through=3, begins=5), {("B", "cut_short")}),
    (lambda: trimmed(hash="f" * 64), {("B", "trimmed_another")}),
    (lambda: doctored(clean(), settled=[Settled(REPLICA, 3, None)]), {("F", "behind")}),
    (lambda: doctored(clean(), settled=[Settled(REPLICA, 6, 99.0)]), {("F", "late")}),
    (lambda: with_chat(3, ok=False, why="500"), {("G", "failed")}),
    (lambda: with_chat(3, text="You are m2."), {("G", "mixed")}),
    (lambda: with_chat(3, version=2), {("G", "mixed")}),
    (
        lambda: doctored(settled_fork(), chats=[chat(4, 20.0, text="You are a third.")]),
        {("G", "mixed")},
    ),
    (lambda: doctored(settled_fork(), forks=[], chats=[]), {("A", "lost")}),
    (lambda: with_chat(3, revision=99), {("G", "unheard")}),
    (
        lambda: doctored(with_chat(3, version=5, revision=6, text="You are m5."), sightings=[]),
        {("G", "early")},
    ),
    (
        lambda: with_chat(4, version=3, revision=4, text="You are m3.", stale=True),
        {("G", "outdated")},
    ),
    (
        lambda: doctored(passed_over(), limits=Limits(passed_over=frozenset({"You are m2."}))),
        {("G", "outdated")},
    ),
    (
        lambda: doctored(clean(), chats=[chat(5, 5.25)], sightings=[seen(5, 6.0)]),
        {("G", "ahead")},
    ),
    (
        lambda: doctored(clean(), holdings=[Holding("x", (0, 900 * MB), (9, 9))]),
        {("H", "memory")},
    ),
    (
        lambda: doctored(clean(), holdings=[Holding("x", (0, 0), (9, 99))]),
        {("H", "descriptors")},
    ),
    (lambda: doctored(clean(), died=["chat-1"]), {("H", "died")}),
    (lambda: doctored(clean(), wrong=["two won"]), {("S", "demanded")}),
    (
        lambda: doctored(
            with_chat(4, version=3, revision=4, text="You are m3.", life="chat-1#8"),
        ),
        {("I", "premature")},
    ),
    (lambda: with_change(3, barrier=Barrier("converged", {})), {("I", "unnamed")}),
    (lambda: with_change(3, barrier=Barrier("no_replicas", {})), {("I", "unnamed")}),
    (
        lambda: doctored(
            clean(), chats=[chat(2, 30.0)], sightings=[],
            changes=[replace(each, barrier=None) for each in clean().changes],
        ),
        {("I", "unmarked")},
    ),
    # … even if it reaches the log in the next moment
    (
        lambda: doctored(
            clean(), chats=[chat(2, 30.0)], sightings=[seen(6, 30.5)],
            changes=[replace(each, barrier=None) for each in clean().changes],
        ),
        {("I", "unmarked")},
    ),
    (lambda: doctored(clean(), told=[Told("admin-1", "head", 5, 6)]), {("I", "untrue")}),
]  # fmt: skip


@pytest.mark.parametrize(("lie", "expected"), CAUGHT)
def test_a_lie_is_caught_by_its_invariant_and_by_no_other(
    lie: Callable[[], Facts], expected: set[tuple[str, str]]
) -> None:
    found = {(each.invariant, each.word) for each in check(lie())}
    assert found == expected, [str(each) for each in check(lie())]


EXCUSED: list[Callable[[], Facts]] = [
    # an unknown outcome may have landed, or not
    lambda: with_change(3, outcome="unknown", status=503, barrier=None),
    # what was given up for a fork is kept there
    lambda: doctored(lost_last(), forks=[clean().log[-1]]),
    # nor is what was given up compared with what stands in its place
    settled_fork,
    # what was never called durable may be lost where the scenario says so
    lambda: doctored(
        lost_last(),
        limits=Limits(loses_not_durable=True),
        changes=[*clean().changes[:-1], change(clean().log, 5, durable=False)],
    ),
    # one request, tried twice, landed once
    lambda: doctored(
        clean(),
        changes=[
            change(clean().log, 1, began=0.5, ended=0.9, outcome="unknown"),
            *clean().changes,
        ],
    ),
    # whoever is killed does not answer
    lambda: doctored(
        with_chat(3, ok=False, why="refused"), outages=[Outage(REPLICA, 3.0, 4.0, "killed")]
    ),
    # a declared rebuild goes back
    lambda: doctored(backward_position(), limits=Limits(rebuilds=True)),
    # who says that it is stale may be
    lambda: doctored(
        clean(), chats=[chat(2, 30.0, stale=True)], sightings=[],
    ),
    # poison that the scenario has put in is no finding
    lambda: doctored(
        tampered(),
        limits=Limits(rejected=frozenset({"wrong_hash", "version_out_of_order", "broken_chain"})),
    ),
    # who cannot load a version stays with the one before
    lambda: doctored(passed_over(), limits=Limits(passed_over=frozenset({"You are m4."}))),
    # what was trimmed by the log's own word is in a journal, to the event that it says, or not so far
    trimmed,
    lambda: trimmed(through=3, begins=2),
    # who is out need not be named
    lambda: doctored(
        with_change(3, barrier=Barrier("converged", {})),
        outages=[Outage(REPLICA, 2.9, 3.1, "stopped")],
    ),
]  # fmt: skip


@pytest.mark.parametrize("facts", EXCUSED)
def test_what_is_allowed_is_no_violation(facts: Callable[[], Facts]) -> None:
    assert [str(each) for each in check(facts())] == []
