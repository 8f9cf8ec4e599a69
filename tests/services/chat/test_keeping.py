"""Keeping: no heartbeat waits for the disk, and one that makes a round late is told of."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.chat import keeping as keeping_module
from services.chat.keeping import LATE_SECONDS, Keeping, keeping_of
from tests.waiting import until

ROUND = ["tail", "last-good", "quarantine"]


class Disk:
    """Takes what is kept, unless it is told otherwise; with a clock that only this test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.hangs = self.refuses = self.breaks = ""
        self.moves = asyncio.Event()
        self.begun: list[str] = []
        self.failed: list[str] = []
        works = {what: self._work(what) for what in ROUND}
        self.keeping = Keeping(works, self.failed.append)

    def _work(self, what):
        async def keep() -> bool:
            self.begun.append(what)
            if what == self.hangs:
                await self.moves.wait()
            if what == self.breaks:
                raise ZeroDivisionError(what)
            return what != self.refuses

        return keep

    async def hang(self, what: str) -> None:
        """Begin a round that comes as far as this, and hangs."""
        self.hangs = what
        self.moves.clear()
        self.begun.clear()
        self.keeping.again()
        await until(lambda: what in self.begun)

    async def go_on(self) -> None:
        """What hangs goes on, to the end of its round."""
        self.moves.set()
        await self.keeping._ended()

    async def whole_round(self) -> None:
        self.keeping.again()
        await self.keeping._ended()


@pytest.fixture
async def disk(monkeypatch):
    made = Disk()
    monkeypatch.setattr(keeping_module, "monotonic", lambda: made.now)
    yield made
    await made.go_on()


async def test_a_round_keeps_all_that_there_is_and_nobody_waits_for_it(disk):
    disk.keeping.again()
    assert disk.begun == []
    await until(lambda: disk.begun == ROUND)
    await disk.whole_round()
    assert (disk.begun, disk.failed) == (2 * ROUND, [])


async def test_no_round_is_begun_while_one_is_under_way(disk):
    await disk.hang("last-good")
    for _ in range(3):
        disk.keeping.again()
    await disk.go_on()
    assert disk.begun == ROUND
    await disk.whole_round()
    assert disk.begun == 2 * ROUND


async def test_what_is_not_kept_is_told_by_its_name_each_round_and_the_others_are_kept(disk):
    disk.refuses = "last-good"
    for _ in range(3):
        await disk.whole_round()
    assert (disk.begun, disk.failed) == (3 * ROUND, 3 * ["last-good"])
    disk.refuses = ""
    await disk.whole_round()
    assert disk.failed == 3 * ["last-good"]


async def test_a_round_that_is_late_is_told_once_and_that_it_went_on(disk):
    await disk.hang("last-good")
    with capture_logs() as told:
        disk.now += LATE_SECONDS - 1
        disk.keeping.again()
        assert (told, disk.failed) == ([], [])
        for _ in range(3):
            disk.now += 1
            disk.keeping.again()
        await disk.go_on()
    assert disk.failed == ["last-good"]
    assert told == [
        {
            "event": "keeping_is_late",
            "log_level": "error",
            "what": "last-good",
            "seconds": LATE_SECONDS,
        },
        {"event": "keeping_goes_on", "log_level": "info", "seconds": LATE_SECONDS + 2},
    ]


async def test_each_late_round_is_told_and_one_in_time_is_not(disk):
    with capture_logs() as told:
        for _ in range(2):
            await disk.hang("tail")
            disk.now += LATE_SECONDS
            disk.keeping.again()
            await disk.go_on()
        disk.now += LATE_SECONDS  # between two rounds nobody is late
        await disk.whole_round()
    assert [line["event"] for line in told] == 2 * ["keeping_is_late", "keeping_goes_on"]
    assert disk.failed == ["tail", "tail"]


async def test_what_breaks_in_a_round_is_told_and_costs_the_others_nothing(disk):
    disk.breaks = "tail"
    with capture_logs() as told:
        await disk.whole_round()
    assert (disk.begun, disk.failed) == (ROUND, ["tail"])
    assert [(line["event"], line["what"]) for line in told] == [("keeping_failed", "tail")]


async def test_at_the_end_all_is_kept_once_more_behind_the_round_that_is_under_way(disk):
    await disk.hang("quarantine")
    ending = asyncio.create_task(disk.keeping.last())
    await asyncio.sleep(0)
    assert (ending.done(), disk.begun) == (False, ROUND)
    disk.moves.set()
    await ending
    assert disk.begun == 2 * ROUND


async def test_a_replica_keeps_its_last_good_state_once_that_is_settled():
    """While it is not, that is nothing that failed either."""
    kept: list[Any] = []

    def keeps(what: str) -> Any:
        async def keep(*given: object) -> bool:
            kept.append((what, *given))
            return False

        return SimpleNamespace(keep=keep)

    follower: Any = SimpleNamespace(
        position=7, applied=SimpleNamespace(settled=False, chain="chain")
    )
    held: Any = SimpleNamespace(state="state")
    last_good, tail, quarantine = keeps("last-good"), keeps("tail"), keeps("quarantine")
    failed: list[str] = []
    keeping = keeping_of(follower, held, last_good, tail, quarantine, failed.append)
    keeping.again()
    await keeping._ended()
    assert kept == [("tail",), ("quarantine", 7)]
    assert failed == ["tail", "quarantine"]
    follower.applied.settled = True
    keeping.again()
    await keeping._ended()
    assert kept[2:] == [("tail",), ("last-good", "chain", "state"), ("quarantine", 7)]
    assert failed[2:] == ["tail", "last-good", "quarantine"]
