"""Settling in steps: what is given up speaks against the log until the log says that it was settled."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from events.chain import GENESIS, GENESIS_HASH, Chain, Entry, Head, head_of
from events.envelope import TYPES
from events.errors import LogUnavailable
from events.model import ForkSettled, PositionPassed
from events.signing import KeyRing
from events.streams.log import RedisLog
from events.streams.rebuilding import Rebuilding
from projections.healing import Side
from projections.tail import Tail
from projections.witnesses import Word
from services.admin.healing.forks import ForkFiles
from services.admin.healing.gate import Gate
from services.admin.healing.gathering import JOURNAL, Facts
from services.admin.healing.giving_up import GivingUp
from services.admin.healing.settling import Settling
from services.metrics import AdminMetrics
from tests.scribe import Scribe

COMMON, HEAD = 3, 4


def history(last: str) -> list[Entry]:
    """Four events, of which the last is of its own."""
    scribe = Scribe()
    scribe.opened()
    for version, text in enumerate(("v1", "v2", last), 1):
        scribe.saved(text, version)
    return scribe.entries


OURS, THEIRS = history("ours"), history("theirs")


class Journal:
    """Holds the first of ``OURS``; ``steps`` notes when something is taken away."""

    def __init__(self, steps: list[str], count: int = len(OURS)) -> None:
        self.entries, self.steps = OURS[:count], steps
        self.is_open, self.trouble = True, None
        self.lacks, self.first = list[tuple[int, int]](), 1

    async def before(self) -> str:
        return GENESIS_HASH

    @property
    def chain(self) -> Chain:
        return Chain(head_of(self.entries[-1]), "log-1")

    async def holds(self, head: Head) -> bool:
        return any((e.position, e.hash) == (head.position, head.stored) for e in self.entries)

    async def behind(self, position: int, *_: int) -> list[Entry]:
        return [each for each in self.entries if each.position > position]

    async def cut(self, after: int) -> int:
        self.steps.append("cut")
        self.entries = self.entries[:after]
        return 0


class Desk:
    """An operator's desk over a real log that holds ``THEIRS``."""

    def __init__(self, log: RedisLog, tmp_path: Any) -> None:
        self.log, self.steps, self.theirs = log, list[str](), list(THEIRS)
        self.journal = Journal(self.steps)
        self.forks = ForkFiles(tmp_path / "forks", AdminMetrics(CollectorRegistry()))
        gathering: Any = SimpleNamespace(
            name="log", log=log, keys=KeyRing(), facts=self.facts, offers=self.offers,
            entry=self.entry, hindrance="", tracked=SimpleNamespace(journal=self.journal, tail=Tail()),
        )  # fmt: skip
        healer: Any = SimpleNamespace(
            turn=asyncio.Lock(), gate=Gate("log"), gathering=gathering,
            putting_back=SimpleNamespace(source="/test"),
        )  # fmt: skip
        self.settling = Settling(healer, self.forks, GivingUp(gathering, self.forks))

    async def facts(self) -> Facts:
        theirs = Side("log", 1, len(self.theirs), {e.position: e.hash for e in self.theirs})
        ours = Side(JOURNAL, 1, HEAD, {e.position: e.hash for e in OURS})
        said = [("chat-1", Word(HEAD, OURS[-1].hash))]
        return Facts(head_of(self.theirs[-1]), True, theirs, [ours], said, {})

    async def offers(self, _names: set[str]) -> dict[str, list[Entry]]:
        return {}

    async def entry(self, position: int) -> Entry:
        return self.theirs[position - 1]

    async def closes(self) -> bool:
        """Whether the log says that it was settled."""
        found = await self.log.read(HEAD)
        return any(TYPES[ForkSettled].encode() in each.event for each in found)


@pytest.fixture
async def desk(server, log_at, tmp_path) -> Desk:
    log = log_at(server.url)
    await log.put_back(THEIRS, GENESIS, "somebody", last=True)
    return Desk(log, tmp_path)


PUT_BACK = RedisLog.put_back


async def test_the_journal_lets_go_only_of_what_is_in_a_file_and_settled_in_the_log(
    desk, monkeypatch
):
    async def put_back(*args: Any, **kwargs: Any) -> None:
        await PUT_BACK(*args, **kwargs)
        desk.steps.append("put")

    monkeypatch.setattr(RedisLog, "put_back", put_back)
    done = await desk.settling.settle("log")
    assert desk.steps == ["put", "put", "cut"]  # the fence, what closes the fork, and only then
    assert await desk.closes()
    assert [each.name for each in desk.forks.list()] == [done.file]
    assert desk.journal.entries == OURS[:COMMON]


async def test_a_decision_that_is_interrupted_leaves_the_journal_as_it_was_and_may_be_made_again(
    desk, monkeypatch
):
    async def put_back(log: RedisLog, entries: Any, *args: Any, **kwargs: Any) -> None:
        if entries:
            raise LogUnavailable("gone")
        await PUT_BACK(log, entries, *args, **kwargs)

    with monkeypatch.context() as broken:
        broken.setattr(RedisLog, "put_back", put_back)
        with pytest.raises(LogUnavailable):
            await desk.settling.settle("log")
    assert desk.journal.entries == OURS
    assert not await desk.closes()
    (kept,) = desk.forks.list()
    done = await desk.settling.settle("log")
    assert (await desk.closes(), done.file) == (True, kept.name)
    assert desk.forks.list() == [kept]


async def test_what_others_append_until_the_journal_is_put_in_its_place_is_passed_too(
    desk, link_to, server, keys, monkeypatch
):
    """Its position is used once: what is said of the fork stands behind it."""
    scribe = Scribe()
    scribe.opened()
    for version, text in enumerate(("v1", "v2", "theirs", "and theirs"), 1):
        scribe.saved(text, version)
    late = scribe.entries[-1]

    class Slow(Rebuilding):
        async def begin(self, start: Head = GENESIS) -> None:
            if late not in desk.theirs:
                await PUT_BACK(desk.log, [late], head_of(THEIRS[-1]), "other", last=True)
                desk.theirs.append(late)
            await super().begin(start)

    desk.settling.healer.putting_back.rebuilding = lambda: Slow(link_to(server.url), keys, "me")
    desk.journal.entries = list(OURS)
    done = await desk.settling.settle("journal")
    held = await desk.log.read(0)
    assert [each.hash for each in held[:HEAD]] == [each.hash for each in OURS]
    assert TYPES[PositionPassed].encode() in held[late.position - 1].event
    assert TYPES[ForkSettled].encode() in held[-1].event
    assert (held[-1].position, done.position) == (late.position + 1, late.position + 1)
    (kept,) = desk.forks.list()
    assert (kept.first, kept.last) == (HEAD, late.position)
