"""Nothing is let go of before it is kept as a file; and where there is no place for one, that is told."""

from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from events.chain import head_of
from events.errors import LogUnavailable
from projections.tail import Tail
from services.admin.healing.forks import ForkFiles
from services.admin.healing.giving_up import GivingUp
from services.admin.healing.latecomers import Latecomers
from services.metrics import AdminMetrics
from tests.services.admin.healing.test_settling import COMMON, OURS, Journal

PARTED = head_of(OURS[COMMON - 1])


class Log:
    """Holds the first events of ``OURS``, and others behind."""

    async def pulse(self, position: int = 0) -> Any:
        stored = OURS[position - 1].hash if 0 < position <= COMMON else "another"
        return SimpleNamespace(stored_at=stored, head_position=len(OURS), head_stored="another")


class Desk:
    """What one instance has to give up: a journal of ``written`` events, and all of them in memory."""

    def __init__(self, directory: Any, written: int | None) -> None:
        self.forks = ForkFiles(directory, AdminMetrics(CollectorRegistry()))
        self.tail, self.steps = Tail(), list[str]()
        self.tail.take(OURS)
        journal = None if written is None else Journal(self.steps, written)
        tracked = SimpleNamespace(journal=journal, tail=self.tail)
        self.overruled: list[str] = []
        roll = SimpleNamespace(overrule=lambda _, name: self.overruled.append(name))
        self.gathering: Any = SimpleNamespace(
            name="log", log=Log(), tracked=tracked, roll=roll, hindrance=""
        )
        self.giving_up = GivingUp(self.gathering, self.forks)  # type: ignore[arg-type]  # all of it that is used

    def kept(self) -> list[tuple[int, int]]:
        """The first and last positions in the files."""
        return [(each.first, each.last) for each in self.forks.list()]


@pytest.fixture
def place(tmp_path):
    return tmp_path / "forks"


@pytest.mark.parametrize("written", [len(OURS), COMMON, COMMON - 1])
async def test_what_a_failing_disk_has_not_taken_yet_is_kept_too(place, written):
    desk = Desk(place, written)
    kept = await desk.giving_up.keep_journal(PARTED)
    assert desk.kept() == [(COMMON + 1, len(OURS))]
    await desk.giving_up.cut(PARTED, kept)
    assert desk.steps == ["cut"]


async def test_a_journal_that_somebody_else_has_cut_is_not_cut_again(place):
    desk = Desk(place, len(OURS))
    kept = await desk.giving_up.keep_journal(PARTED)
    del desk.gathering.tracked.journal.entries[COMMON:]
    await desk.giving_up.cut(PARTED, kept)
    assert desk.steps == []


async def test_a_journal_that_has_grown_meanwhile_is_kept_anew_before_it_is_cut(place):
    desk = Desk(place, len(OURS))
    kept = await desk.giving_up.keep_journal(PARTED)
    desk.gathering.tracked.journal.entries.append(OURS[-1]._replace(position=len(OURS) + 1))
    with pytest.raises(LogUnavailable, match="grown"):
        await desk.giving_up.cut(PARTED, kept)
    assert desk.steps == []


async def test_a_journal_that_is_not_open_is_neither_kept_nor_cut_and_that_is_told_once(place):
    """Nobody knows what is in it; it may be another process' own."""
    desk = Desk(place, len(OURS))
    journal = desk.gathering.tracked.journal
    journal.is_open, journal.trouble = False, "another process writes to it"
    with capture_logs() as lines:
        for _ in range(3):
            with pytest.raises(LogUnavailable, match="another process"):
                await desk.giving_up.give_up()
    assert [line["event"] for line in lines] == ["cannot_give_up"]
    assert "another process" in desk.gathering.hindrance
    assert (desk.steps, desk.kept()) == ([], [])


async def test_a_memory_that_does_not_reach_back_to_the_journal_is_kept_and_the_hole_is_told(place):
    desk = Desk(place, 1)
    desk.tail.clear()
    desk.tail.take(OURS[COMMON:])
    with capture_logs() as lines:
        await desk.giving_up.keep_journal(head_of(OURS[0]))
    assert desk.kept() == [(COMMON + 1, len(OURS))]
    (hole,) = (line for line in lines if line["event"] == "fork_has_a_hole")
    assert (hole["after"], hole["before"]) == (1, COMMON + 1)


async def test_without_a_journal_the_memory_is_kept(place):
    desk = Desk(place, None)
    await desk.giving_up.give_up()
    assert desk.kept() == [(COMMON + 1, len(OURS))]


async def test_without_a_place_it_is_told_what_is_lost():
    desk = Desk(None, None)
    with capture_logs() as lines:
        await desk.giving_up.give_up()
    (line,) = lines
    assert (line["event"], line["first"], line["last"]) == ("fork_not_kept", COMMON + 1, len(OURS))


async def test_a_member_is_overruled_once_what_it_holds_is_kept_and_not_before(place, monkeypatch):
    desk = Desk(place, len(OURS))
    late = Latecomers(SimpleNamespace(gathering=desk.gathering), desk.giving_up)  # type: ignore[arg-type]

    async def full(*_: Any) -> str:
        raise LogUnavailable("the disk is full")

    with monkeypatch.context() as broken, capture_logs() as lines:
        broken.setattr(ForkFiles, "keep", full)
        for _ in range(3):
            await late._give_up("chat-1", OURS[COMMON:])
    assert [each["event"] for each in lines] == ["member_forked", "fork_not_kept"]
    assert desk.overruled == []
    await late._give_up("chat-1", OURS[COMMON:])
    assert (desk.overruled, desk.kept()) == (["chat-1"], [(COMMON + 1, len(OURS))])
