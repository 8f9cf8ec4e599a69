"""Healing a log that was trimmed: what lies before its beginning is no loss, and no contradiction."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from events.chain import GENESIS, Chain, Entry, Head, head_of, read
from events.envelope import TYPES, digest
from events.errors import LogUnavailable
from events.model import ForkSettled, LogOpened, LogTrimmed
from events.signing import KeyRing
from projections.healing import Decision, Forked, Heal, Open, decide
from projections.tail import Tail
from projections.witnesses import Word
from services.admin.healing import putting_back as module
from services.admin.healing.forks import ForkFiles
from services.admin.healing.gate import Gate
from services.admin.healing.gathering import Facts, Gathering
from services.admin.healing.giving_up import GivingUp
from services.admin.healing.latecomers import Latecomers
from services.admin.healing.parting import common
from services.admin.healing.putting_back import PuttingBack
from services.admin.healing.roll import Roll
from services.admin.healing.settling import Settling
from services.admin.journal.archive import JournalArchive
from services.admin.journal.journal import Journal
from services.metrics import AdminMetrics
from tests.scribe import Scribe, outcomes, recorded

THROUGH, HEAD = 20, 31


def written(actor: str = "ann", parted: int = 0, ours: Sequence[Entry] = ()) -> Scribe:
    """A log of 31 events, of which the last says that the first 20 may go; up to ``parted`` it is
    ``ours``."""
    scribe = Scribe()
    for entry in ours[:parted]:
        scribe.put(entry)
    if not parted:
        scribe.opened()
    while scribe.head.position < HEAD - 1:
        scribe.saved("text", scribe.head.position, actor=actor)
    scribe.write(LogTrimmed(through=THROUGH, hash=scribe.entries[THROUGH - 1].hash))
    return scribe


OURS = written().entries


def chain_of(entries: Sequence[Entry]) -> Chain:
    chain = Chain()
    for entry in entries:
        if entry.position != chain.head.position + 1:
            before = Head(entry.position - 1, "", OURS[entry.position - 2].hash)
            chain = chain_of(OURS)._replace(head=before)
        chain, _ = read(chain, entry, KeyRing())
    return chain


class Bench:
    """One admin instance over a real log: what it has applied, and what its journal holds."""

    def __init__(self, log: Any, directory: Path) -> None:
        self.log, self.directory = log, directory
        applied = SimpleNamespace(chain=chain_of(OURS), keys=KeyRing())
        self.follower = SimpleNamespace(applied=applied, remembered=None, position=HEAD)
        self.journal = Journal(
            directory / "journal", "log", log, lambda: applied.chain, KeyRing(),
            AdminMetrics(CollectorRegistry()),
        )  # fmt: skip
        tracked: Any = SimpleNamespace(
            follower=self.follower, journal=self.journal, tail=Tail(), log=log
        )
        self.tracked, self.roll = tracked, Roll("me", "run-1")
        self.gathering = Gathering("log", log, tracked, self.roll, SimpleNamespace())  # type: ignore[arg-type]
        self.putting_back = PuttingBack(log, tracked, "/test")
        log.archive = JournalArchive(self.journal, lambda: applied.chain)
        self.forks = ForkFiles(directory / "forks", AdminMetrics(CollectorRegistry()))
        healer: Any = SimpleNamespace(
            turn=asyncio.Lock(), gate=Gate("log"), gathering=self.gathering,
            putting_back=self.putting_back,
        )  # fmt: skip
        self.giving_up = GivingUp(self.gathering, self.forks)
        self.settling = Settling(healer, self.forks, self.giving_up)

    async def has(self, *runs: Sequence[Entry]) -> None:
        """The journal holds these."""
        await self.journal.open()
        store = self.journal.store
        for run in runs:
            if run[0].position != store.chain.head.position + 1:
                store.skip(chain_of(OURS)._replace(head=head_of(OURS[run[0].position - 2])))
            store.append(run, confirmed=True)

    async def on_server(self, entries: Sequence[Entry]) -> None:
        begins = entries[0].position > 1
        after = head_of(OURS[entries[0].position - 2]) if begins else GENESIS
        await self.log.put_back(entries, after, "somebody", last=True, begins=begins)

    async def facts(self, *words: tuple[str, int, str]) -> Facts:
        """``words``: who has said what hash of which position."""
        heard = [(name, Word(position, hash)) for name, position, hash in words]
        self.roll.of["log"] = SimpleNamespace(words=lambda _: heard, known={})  # type: ignore[assignment]
        return await self.gathering.facts()

    async def decision(self, *words: tuple[str, int, str]) -> Decision:
        facts = await self.facts(*words)
        return decide(facts.log, facts.tails, facts.words, set(), waited_out=True)

    async def heals(self) -> None:
        facts = await self.facts()
        decision = decide(facts.log, facts.tails, facts.words, set(), waited_out=True)
        assert isinstance(decision, Heal), decision
        await self.putting_back.run(decision.parts, facts)


@pytest.fixture
async def bench(server, log_at, tmp_path) -> AsyncIterator[Bench]:
    made = Bench(log_at(server.url), tmp_path)
    yield made
    await made.journal.close()


def said(position: int, entries: Sequence[Entry] = OURS) -> tuple[str, int, str]:
    return ("chat-1", position, entries[position - 1].hash)


WRONG = ("chat-1", 7, "0" * 64)
LATER = Head(THROUGH, OURS[THROUGH - 1].hash, OURS[THROUGH - 1].hash)


# --- what there is --------------------------------------------------------------------------------


async def test_a_log_that_was_trimmed_is_whole(bench):
    await bench.has(OURS)
    await bench.on_server(OURS[THROUGH:])
    facts = await bench.facts(said(3), said(THROUGH), said(25))
    assert (facts.start, facts.head) == (LATER, head_of(OURS[-1]))
    assert not facts.begins
    assert [facts.log.at(at) for at in (3, THROUGH, 25)] == [
        OURS[at - 1].hash for at in (3, 20, 25)
    ]
    assert isinstance(await bench.decision(said(3), said(THROUGH), said(25)), Open)


@pytest.mark.parametrize("position", [7, THROUGH, THROUGH + 1])
async def test_a_word_that_contradicts_it_does_so_wherever_the_event_is(bench, position):
    await bench.has(OURS)
    await bench.on_server(OURS[THROUGH:])
    decision = await bench.decision(("chat-1", position, "0" * 64))
    assert isinstance(decision, Forked)
    assert f"position {position}" in decision.reason


@pytest.mark.parametrize("lacking", ["no journal", "a journal that begins later", "with a hole"])
async def test_a_word_that_nobody_can_check_any_more_makes_no_fork(bench, lacking):
    """Who was away may have said long ago what was trimmed since; it is not held against the log."""
    if lacking == "no journal":
        bench.tracked.journal = None
        bench.log.archive = JournalArchive(None, lambda: bench.follower.applied.chain)
    elif lacking == "with a hole":
        await bench.has(OURS[:9], OURS[THROUGH:])
    else:
        await bench.has(OURS[THROUGH:])
    await bench.on_server(OURS[THROUGH:])
    assert isinstance(await bench.decision(said(3), WRONG, said(25)), Open)
    at_floor = await bench.decision(("chat-1", THROUGH, "0" * 64))
    assert isinstance(at_floor, Forked), "the log says itself which event went last"
    assert isinstance(await bench.decision(said(THROUGH)), Open)


async def test_a_journal_that_ends_before_the_log_begins_contradicts_nobody(bench):
    """This instance was away: its journal is about to go on behind a hole."""
    await bench.has(OURS[:9])
    await bench.on_server(OURS[THROUGH:])
    facts = await bench.facts()
    assert facts.tails == []
    assert isinstance(await bench.decision(said(3)), Open)


async def test_a_journal_of_another_history_contradicts_where_that_can_be_told(bench):
    other = written("eve", parted=24, ours=OURS).entries
    await bench.has(other)
    await bench.on_server(OURS[THROUGH:])
    bench.follower.applied.chain = chain_of(OURS)
    decision = await bench.decision()
    assert isinstance(decision, Forked)
    assert "position 31" in decision.reason


async def test_while_it_is_being_trimmed_it_begins_where_it_does(bench):
    """It says more than is gone."""
    await bench.has(OURS)
    await bench.on_server(OURS[9:])
    facts = await bench.facts(said(3), said(9))
    assert facts.start == Head(9, "", OURS[8].hash)
    assert isinstance(await bench.decision(said(3), said(9), said(12)), Open)
    assert isinstance(await bench.decision(("chat-1", 9, "0" * 64)), Forked)


async def test_a_log_that_was_put_back_whole_begins_at_its_beginning(bench):
    """An old copy of the server's files may have all of it, from before it was trimmed."""
    await bench.has(OURS)
    await bench.on_server(OURS[:25])
    facts = await bench.facts()
    assert (facts.start, facts.head) == (GENESIS, head_of(OURS[24]))
    assert isinstance(await bench.decision(), Heal)


async def test_a_log_that_was_never_trimmed_begins_at_its_beginning(bench):
    await bench.has(OURS[:25])
    bench.follower.applied.chain = chain_of(OURS[:25])
    assert (await bench.facts()).start == GENESIS
    await bench.on_server(OURS[:25])
    assert (await bench.facts()).start == GENESIS


async def test_what_somebody_has_cut_off_was_not_trimmed(bench, server, keys):
    """What is missing behind the beginning is missing: a repair brings it back."""
    await bench.has(OURS)
    await bench.on_server(OURS[THROUGH:])
    server.call("XTRIM", keys.log, "MINID", "26-0")
    assert (await bench.facts()).start == GENESIS
    assert isinstance(await bench.decision(said(23)), Forked)


# --- healing --------------------------------------------------------------------------------------


EMPTY = ["gone", "empty", "no stream"]


def empties(server, keys, how) -> None:
    if how == "empty":
        server.call("XTRIM", keys.log, "MAXLEN", 0)
    else:
        server.call("DEL", keys.log)
    if how == "no stream":
        server.call("SET", keys.log, "text")


@pytest.mark.parametrize("how", EMPTY)
@pytest.mark.parametrize("has", ["all", "a hole", "the rest only"])
async def test_a_log_that_is_gone_is_healed_from_where_it_began(bench, server, keys, how, has):
    """An instance that lacks the past heals it as well: nobody else may be left."""
    runs = {"all": [OURS], "a hole": [OURS[:9], OURS[THROUGH:]], "the rest only": [OURS[THROUGH:]]}
    await bench.has(*runs[has])
    await bench.on_server(OURS[THROUGH:])
    empties(server, keys, how)
    facts = await bench.facts(said(THROUGH), said(25))
    assert (facts.begins, facts.start, facts.head) == (True, LATER, LATER)
    decision = await bench.decision(said(25))
    assert isinstance(decision, Heal)
    assert (decision.after, decision.through) == (THROUGH, HEAD)
    await bench.heals()
    assert await bench.log.read(THROUGH) == OURS[THROUGH:]
    assert (await bench.log.begins()).position == THROUGH + 1
    assert not server.call("EXISTS", keys.fence, keys.rebuilt)
    assert isinstance(await bench.decision(said(25)), Open)


@pytest.mark.parametrize("has", ["all", "the rest only", "a hole", "an older hole", "another past"])
async def test_of_a_log_that_is_gone_a_word_counts_as_far_as_the_journal_can_tell(bench, has):
    """Nothing but the journal tells of what was trimmed then; and only if it is what was trimmed."""
    other = written("eve").entries
    runs = {"all": [OURS], "the rest only": [OURS[THROUGH:]], "another past": [other]}
    behind = 14 if has == "an older hole" else THROUGH
    await bench.has(*runs.get(has, [OURS[:9], OURS[behind:]]))
    facts = await bench.facts(said(3), said(7, other), WRONG)
    counted = {word.position for _, word in facts.words if word.position < THROUGH}
    assert counted == ({3, 7} if has == "all" else set())
    if has == "all":
        assert isinstance(await bench.decision(said(3)), Heal)
        assert isinstance(await bench.decision(WRONG), Forked)
    elif has != "another past":
        assert isinstance(await bench.decision(said(3), WRONG), Heal)


async def test_what_is_cut_short_while_it_is_healed_is_gone_on_with(bench, monkeypatch):
    await bench.has(OURS)
    monkeypatch.setattr(module, "portions", lambda batch: [batch[:4], batch[4:]])
    put_back, put = type(bench.log).put_back, list[Entry]()

    async def breaks(log, entries, *args, **how):
        if put:
            raise LogUnavailable("gone")
        put.extend(entries)
        await put_back(log, entries, *args, **how)

    with monkeypatch.context() as broken:
        broken.setattr(type(bench.log), "put_back", breaks)
        with pytest.raises(LogUnavailable):
            await bench.heals()
    assert (await bench.log.pulse()).head_position == THROUGH + 4
    facts = await bench.facts()
    assert (facts.start, facts.begins) == (LATER, False)
    await bench.heals()
    assert await bench.log.read(THROUGH) == OURS[THROUGH:]


async def test_a_trimmed_log_that_went_back_is_healed_from_its_head(bench, server, keys):
    await bench.has(OURS)
    await bench.on_server(OURS[THROUGH:26])
    decision = await bench.decision(said(HEAD))
    assert isinstance(decision, Heal)
    assert (decision.after, decision.through) == (26, HEAD)
    await bench.heals()
    assert await bench.log.read(THROUGH) == OURS[THROUGH:]


async def test_ids_that_were_used_up_behind_the_head_make_it_rebuilt_from_where_it_began(
    bench, server, keys
):
    await bench.has(OURS)
    await bench.on_server(OURS[THROUGH:])
    server.call("XDEL", keys.log, *[f"{position}-0" for position in range(27, HEAD + 1)])
    await bench.heals()
    assert await bench.log.read(THROUGH) == OURS[THROUGH:]
    assert (await bench.log.begins()).position == THROUGH + 1


async def test_nobody_heals_with_a_past_that_is_not_what_was_trimmed(bench):
    """The journal is of another history: only its positions would fit."""
    other = written("eve").entries
    await bench.has(other)
    decision = await bench.decision(said(25))
    assert isinstance(decision, Forked)


# --- settling -------------------------------------------------------------------------------------


@pytest.fixture
async def forked(bench) -> Bench:
    """The log was trimmed; behind event 24 the journal holds another history, as far as the log goes."""
    other = written("eve", parted=24, ours=OURS).entries
    await bench.on_server(OURS[THROUGH:])
    await bench.has(other)
    bench.settling.healer.gate.diverge("forked")
    return bench


async def test_where_they_part_is_found_in_what_the_server_has(forked):
    assert await common(forked.gathering, forked.journal) == head_of(OURS[23])


async def test_where_they_part_is_found_though_the_journal_lacks_the_past(bench):
    """What it has before a hole is not asked about."""
    other = written("eve", parted=24, ours=OURS).entries
    await bench.on_server(OURS[THROUGH:])
    await bench.has(OURS[:9], other[THROUGH:])
    assert await common(bench.gathering, bench.journal) == head_of(OURS[23])


@pytest.mark.parametrize("has", ["log", "nothing behind", "nothing"])
async def test_two_that_part_right_behind_what_was_trimmed_have_that_in_common(bench, has):
    other = written("eve", parted=THROUGH, ours=OURS).entries
    if has == "log":
        await bench.on_server(OURS[THROUGH:])
    if has == "nothing behind":
        await bench.on_server(OURS[:THROUGH])
    await bench.has(other[THROUGH:])
    parted = await common(bench.gathering, bench.journal)
    if has == "nothing":
        assert parted == GENESIS
    else:
        assert (parted.position, parted.digest) == (THROUGH, OURS[THROUGH - 1].hash)


async def test_two_of_which_the_past_differs_have_nothing_in_common(bench):
    other = written("eve").entries
    await bench.on_server(OURS[THROUGH:])
    bench.follower.applied.chain = chain_of(OURS)
    await bench.journal.open()
    bench.journal.store.skip(Chain(head_of(other[THROUGH - 1]), "log-1"))
    bench.journal.store.append(other[THROUGH:], confirmed=True)
    assert bench.journal.lacks == [(1, THROUGH)]
    assert await common(bench.gathering, bench.journal) == GENESIS


async def test_the_log_goes_on_and_what_the_journal_had_otherwise_is_kept(forked):
    theirs = (await forked.journal.behind(24, 100))[:]
    done = await forked.settling.settle("log")
    assert done.changed
    (kept,) = forked.forks.list()
    assert (kept.first, kept.last) == (25, HEAD)
    assert forked.journal.chain.head.position == 24
    found = await forked.log.read(THROUGH)
    assert found[: HEAD - THROUGH] == OURS[THROUGH:]
    assert TYPES[ForkSettled].encode() in found[-1].event
    assert theirs[0].hash != OURS[24].hash


async def test_the_log_goes_on_though_the_journal_has_a_hole(bench):
    other = written("eve", parted=24, ours=OURS).entries
    await bench.on_server(OURS[THROUGH:])
    await bench.has(OURS[:9], other[THROUGH:])
    bench.settling.healer.gate.diverge("forked")
    await bench.settling.settle("log")
    (kept,) = bench.forks.list()
    assert (kept.first, kept.last) == (25, HEAD)
    assert bench.journal.chain.head.position == 24
    assert bench.journal.lacks == [(10, THROUGH)]


async def test_a_journal_with_a_hole_is_kept_as_a_whole_where_nothing_is_in_common(bench):
    other = written("eve").entries
    await bench.on_server(OURS[THROUGH:])
    await bench.journal.open()
    store = bench.journal.store
    store.append(other[:9])
    store.skip(Chain(head_of(other[THROUGH - 1]), "log-1"))
    store.append(other[THROUGH:], confirmed=True)
    kept = await bench.giving_up.keep_journal(GENESIS)
    (file,) = bench.forks.list()
    assert (file.first, file.last) == (1, HEAD)
    assert len((bench.directory / "forks" / file.name).read_bytes().splitlines()) == 9 + 11
    await bench.giving_up.cut(GENESIS, kept)
    assert bench.journal.chain.head == GENESIS


async def test_the_journal_goes_on_and_what_was_trimmed_stays_so(forked, server, keys):
    theirs = await forked.journal.behind(THROUGH, 100)
    done = await forked.settling.settle("journal")
    found = await forked.log.read(THROUGH)
    assert list(found[: HEAD - THROUGH]) == list(theirs)
    assert TYPES[ForkSettled].encode() in found[-1].event
    assert done.position == found[-1].position
    assert (await forked.log.begins()).position == THROUGH + 1
    (kept,) = forked.forks.list()
    assert (kept.first, kept.last) == (25, HEAD)
    assert not server.call("EXISTS", keys.fence, keys.rebuilt)


async def test_the_journal_goes_on_though_it_lacks_the_past(bench):
    """It goes on exactly where the log begins: nothing of what the server had is missing in it."""
    other = written("eve", parted=24, ours=OURS).entries
    await bench.on_server(OURS[THROUGH:])
    await bench.has(other[THROUGH:])
    bench.settling.healer.gate.diverge("forked")
    await bench.settling.settle("journal")
    found = await bench.log._read(0, 100, 10**7)
    assert list(found[: HEAD - THROUGH]) == other[THROUGH:]


async def test_a_log_that_is_gone_and_is_kept_begins_anew(bench):
    """The operator gives all of it up: an emptied log has nothing that a beginning could follow upon."""
    await bench.has(OURS[:9], OURS[THROUGH:])
    bench.settling.healer.gate.diverge("forked")
    done = await bench.settling.settle("log")
    found = await bench.log.read(0)
    assert found[0].position == 1
    opened = recorded(outcomes([found[0]])[0]).event
    assert isinstance(opened, LogOpened)
    assert opened.log_id != "log-1"
    assert done.position == found[-1].position > HEAD, "no position is used twice"
    (kept,) = bench.forks.list()
    assert (kept.first, kept.last) == (1, HEAD)
    assert bench.journal.chain.head == GENESIS
    assert digest(found[0].event) == found[0].hash


# --- latecomers -----------------------------------------------------------------------------------


async def taken(bench: Bench, entries: Sequence[Entry]) -> list[str]:
    """What is told when a member that says the log is another one offers these."""
    healer: Any = SimpleNamespace(gathering=bench.gathering, gate=Gate("log"))
    with capture_logs() as told:
        await Latecomers(healer, bench.giving_up)._take("chat-1", entries)
    return [line["event"] for line in told]


async def test_who_was_away_has_nothing_that_the_log_has_lost(bench):
    """It waits for a snapshot; whether its events are the log's cannot be told here any more."""
    await bench.has(OURS[THROUGH:])
    await bench.on_server(OURS[THROUGH:])
    assert await taken(bench, OURS[3:9]) == []
    assert bench.forks.list() == []


async def test_what_the_log_has_lost_or_has_otherwise_is_kept_though_it_was_trimmed(bench):
    await bench.has(OURS[THROUGH:])
    await bench.on_server(OURS[THROUGH:])
    other = written("eve", parted=24, ours=OURS).entries
    assert await taken(bench, other[15:]) == ["member_forked", "fork_kept"]
    (kept,) = bench.forks.list()
    assert (kept.first, kept.last) == (25, HEAD)


async def test_what_somebody_has_cut_off_is_kept_where_a_member_has_it(bench, server, keys):
    """It was not trimmed: it is missing."""
    await bench.has(OURS[:9])
    await bench.on_server(OURS[THROUGH:])
    server.call("XTRIM", keys.log, "MINID", "26-0")
    assert await taken(bench, OURS[15:24]) == ["member_forked", "fork_kept"]
    (kept,) = bench.forks.list()
    assert (kept.first, kept.last) == (THROUGH + 1, 24)
