import asyncio

import pytest

from events.errors import LogUnavailable
from projections.reading import ReadAhead
from tests.projections.rig import TroubledLog, other_log
from tests.waiting import until


class CountingLog(TroubledLog):
    """Five entries, read two at a time; knows what it was asked for."""

    def __init__(self):
        super().__init__()
        self.entries += other_log("1", "2", "3", "4").entries
        self.page = 2
        self.asked: list[int] = []

    async def read(self, after, *bounds):
        self.asked.append(after)
        return await super().read(after, *bounds)


@pytest.fixture
def log():
    return CountingLog()


def positions(entries):
    return [entry.position for entry in entries]


async def test_a_log_is_read_to_its_end(log):
    async with ReadAhead(log) as ahead:
        assert positions(await ahead.behind(0)) == [1, 2]
        assert positions(await ahead.behind(2)) == [3, 4]
        assert positions(await ahead.behind(4)) == [5]
        assert positions(await ahead.behind(5)) == []
    assert log.asked == [0, 2, 4, 5]


async def test_the_next_read_is_on_its_way_while_the_last_is_folded(log):
    async with ReadAhead(log) as ahead:
        await ahead.behind(0)
        assert log.asked == [0, 2]


async def test_when_somebody_else_has_applied_more_it_goes_on_from_there(log):
    async with ReadAhead(log) as ahead:
        await ahead.behind(0)
        assert positions(await ahead.behind(3)) == [4, 5]


async def test_what_a_read_ahead_raises_is_raised_when_it_is_asked_for(log):
    async with ReadAhead(log) as ahead:
        log.may_read.set()
        await ahead.behind(0)
        log.trouble = LogUnavailable("down")
        assert positions(await ahead.behind(2)) == [3, 4]
        with pytest.raises(LogUnavailable):
            await ahead.behind(4)
        log.trouble = None
        assert positions(await ahead.behind(4)) == [5]


async def test_no_read_outlives_it(log):
    others = asyncio.all_tasks()
    async with ReadAhead(log) as ahead:
        await ahead.behind(0)
        log.may_read.clear()
        await ahead.behind(2)
        await until(lambda: log.asked[-1] == 4)
        assert asyncio.all_tasks() > others
    assert asyncio.all_tasks() == others
