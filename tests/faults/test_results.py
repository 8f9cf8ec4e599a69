"""Results add up in a file; only those of the present code count, and a violation stays one."""

from pathlib import Path

import pytest

from tests.faults import results
from tests.faults.code_hash import code_hash
from tests.faults.results import Counts, Result, are_enough
from tests.faults.scenarios import every_scenario
from tests.faults.table import printed, verdict


def test_results_of_other_code_do_not_count(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "results.jsonl"
    mine = Result("killed", 1, 2.0, counts=Counts(ok=3, answers=4))
    results.add(file, mine, "mine")
    results.add(file, Result("killed", 2, 2.0), "another")
    assert results.read(file, "mine") == [mine]
    assert results.read(tmp_path / "none", "mine") == []


def test_a_seed_that_was_bad_is_not_made_good_by_another_try(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    for violations in ([], ["A lost: it"], []):
        results.add(file, Result("killed", 1, 2.0, violations=violations), "mine")
    (only,) = results.read(file, "mine")
    assert only.verdict == "BAD"


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([Result("k", 1, 1.0)], "good"),
        ([Result("k", 1, 1.0), Result("k", 2, 1.0, void="no bite")], "good (1 void)"),
        ([Result("k", 1, 1.0, void="no bite")], "VOID"),
        ([Result("k", 1, 1.0, void="no bite", violations=["A lost: it"])], "BAD (seeds 1)"),
    ],
)
def test_a_scenario_has_one_verdict(runs: list[Result], expected: str) -> None:
    assert verdict(runs) == expected


def test_the_table_adds_the_seeds_of_a_scenario_up() -> None:
    runs = [
        Result("k", seed, 1.0, converge=float(seed), counts=Counts(ok=10, lost=1, answers=5))
        for seed in (1, 2, 3)
    ]
    _, row = printed(runs).splitlines()
    assert row.split() == [
        "k", "3", "30/0/0", "3", "0", "15", "0", "(0)", "2.00", "s", "3.00", "s", "good",
    ]  # fmt: skip


def test_the_hash_of_the_code_changes_with_the_code(tmp_path: Path) -> None:
    for folder in ("events", "projections", "services"):
        (tmp_path / folder).mkdir()
    file = tmp_path / "events" / "log.py"
    file.write_text("a = 1\n")
    before = code_hash(tmp_path)
    (tmp_path / "events" / "notes.txt").write_text("no code\n")
    assert code_hash(tmp_path) == before
    file.write_text("a = 2\n")
    assert code_hash(tmp_path) != before


def test_every_scenario_says_in_one_line_what_it_does() -> None:
    scenarios = every_scenario()
    assert len({each.name for each in scenarios}) == len(scenarios)
    assert all(each.about and len(each.about) < 90 for each in scenarios)
    assert any(each.quick for each in scenarios)


def good(seconds: float, count: int) -> list[Result]:
    return [Result("k", seed, seconds) for seed in range(count)]


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        (good(1.0, 19), False),
        (good(1.0, 20), True),
        (good(12.0, 2), False),
        (good(12.0, 3), True),
        ([*good(12.0, 2), Result("k", 9, 12.0, void="no bite")], False),
        ([*good(1.0, 3), Result("k", 9, 60.0)], False),
    ],
)
def test_of_a_long_scenario_few_runs_are_enough_and_void_ones_never_count(
    runs: list[Result], expected: bool
) -> None:
    assert are_enough(runs) is expected
