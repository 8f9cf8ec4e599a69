"""What the fan-out bench reckons by itself; that it runs at all is for ``make bench-smoke``."""

import pytest

from tests.bench.fanout.members import Tally
from tests.bench.fanout.meter import Used
from tests.bench.fanout.result import Fleet, Idle, Run, Spread, Times
from tests.bench.fanout.room import CONNECTIONS, OTHERS, TooFewFiles, make_room
from tests.bench.fanout.table import IDLE, SAVES, markdown

USED = Used(seconds=2.0, cpu=1.0, sent=200.0, logged=50.0, commands=20.0)
IDLY = Used(seconds=1.0, cpu=0.25, sent=10.0, logged=5.0, commands=4.0)


def test_what_saves_cost_is_what_the_idle_fleet_would_not_have_used():
    assert USED.beyond(IDLY).by(2) == Used(
        seconds=0.0, cpu=0.25, sent=90.0, logged=20.0, commands=6.0
    )


def test_a_time_is_what_lies_between_two_readings():
    later = Used(seconds=12.0, cpu=3.0, sent=300.0, logged=60.0, commands=30.0)
    assert later.since(USED).a_second() == Used(1.0, 0.2, 10.0, 1.0, 1.0)


def test_the_99th_percentile_of_few_samples_is_the_longest():
    assert (Times((1.0, 2.0, 9.0)).p50, Times((1.0, 2.0, 9.0)).p99) == (2.0, 9.0)


def test_an_event_is_everywhere_when_the_last_has_it_and_not_before(capsys):
    tally = Tally(3)
    tally.note()  # while they join, what they read is no news
    tally.counts = True
    for _ in range(5):
        tally.note()
    assert len(capsys.readouterr().out.splitlines()) == 1
    tally.note()
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_too_few_open_files_are_told_in_one_line_with_the_remedy(monkeypatch):
    monkeypatch.setattr("resource.getrlimit", lambda _: (1024, 1024))
    with pytest.raises(TooFewFiles, match=r"ulimit -Hn 3256.*--counts") as raised:
        make_room(1000)
    assert "\n" not in str(raised.value)


def test_a_soft_limit_is_raised_to_what_is_needed(monkeypatch):
    limits = []
    monkeypatch.setattr("resource.getrlimit", lambda _: (256, 20_000))
    monkeypatch.setattr("resource.setrlimit", lambda _, limit: limits.append(limit))
    assert make_room(100) == 100 * CONNECTIONS + OTHERS
    assert limits == [(556, 20_000)]


def test_both_tables_have_a_cell_for_every_heading(monkeypatch):
    monkeypatch.setenv("PROMPTCAST_TEST_SERVER", "redis-server")
    spread = Spread(2_048, Times((4.0,)), Times((2.0,)), 3.0, 5_000.0, 900.0, 70_000)
    floor = Spread(2_048, Times((2.0,)), Times((2.0,)), 0.0, 5_000.0, 900.0, 70_000)
    idle = Idle(80_000.0, IDLY, Times((0.1,)), 4_000, None, 70_000_000)
    fleet = Fleet(1000, 4.0, idle, Times((9.0,)), 1, [spread], [floor])
    told = markdown(Run(2, "redis 7.0.15", fleets=[fleet]))
    assert told.startswith("`PROMPTCAST_TEST_SERVER=redis-server make fan-out`: redis 7.0.15")
    rows = [line.strip("|").split("|") for line in told.splitlines() if line.startswith("|")]
    assert [len(row) for row in rows] == [len(SAVES)] * 3 + [len(IDLE)] * 3
    assert rows[2][:5] == [" 1,000 ", " 2 KB ", " 4 ", " 4 ", " 2.00 "]
    assert "1 saves were answered before all had reported" in told
