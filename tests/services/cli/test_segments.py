"""Segments: what their names promise, and what they hold."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from events.lines import checked, to_line
from services.cli.compressed import Packer
from services.cli.errors import CliError
from services.cli.segments import Segment, gaps_and_overlaps, segments_in
from tests.services.cli.test_verify import log

DIR = Path("/backups")
POSITIONS = st.integers(1, 10**12 - 1)
RANGES = st.tuples(st.integers(1, 12), st.integers(0, 4)).map(lambda of: (of[0], sum(of)))


def at(first: int, last: int, directory: Path = DIR) -> Segment:
    return Segment("log", first, last, directory)


def put(segment: Segment, entries) -> Path:
    packer = Packer()
    data = b"".join(checked(to_line(entry)) + b"\n" for entry in entries)
    segment.path.write_bytes(packer.packed(data) + packer.end())
    return segment.path


@given(POSITIONS, POSITIONS, st.sampled_from(["log", "access"]))
def test_a_name_says_which_positions_of_which_log(one, other, name):
    segment = Segment(name, min(one, other), max(one, other), DIR)
    assert Segment.of(segment.path) == segment
    assert (Segment.of(Segment(name, max(one, other), min(one, other), DIR).path) is None) == (
        one != other
    )


@given(st.lists(st.tuples(POSITIONS, POSITIONS).map(sorted), max_size=20))
def test_names_stand_in_the_order_of_positions(ranges):
    names = [at(first, last).path.name for first, last in ranges]
    assert sorted(names) == [at(first, last).path.name for first, last in sorted(ranges)]


@pytest.mark.parametrize(
    "name",
    [
        "log-000000000000-000000000005.jsonl.zst", "log-1-5.jsonl.zst",
        "log-000000000001-000000000005.jsonl", "log-000000000001-000000000005.jsonl.zst.tmp",
        "other-000000000001-000000000005.jsonl.zst", ".log-000000000001-000000000005.jsonl.zst",
        "log-00000000000١-000000000005.jsonl.zst",
    ],
)  # fmt: skip
def test_no_other_name_is_one(name):
    assert Segment.of(DIR / name) is None


@example([(1, 3), (3, 5)])
@example([(1, 3), (5, 6)])
@example([(1, 5), (2, 3), (6, 6)])
@example([(2, 3)])
@example([(1, 3), (4, 4), (5, 9)])
@given(st.lists(RANGES, max_size=8))
def test_names_are_in_order_exactly_when_each_position_is_there_once(ranges):
    segments = [at(*of) for of in sorted(ranges)]
    held = Counter(position for first, last in ranges for position in range(first, last + 1))
    through = max(held, default=0)
    once = all(held[position] == 1 for position in range(1, through + 1))
    assert (list(gaps_and_overlaps(segments)) == []) == once


@given(st.lists(RANGES, max_size=8))
def test_every_position_that_is_missing_is_told_and_no_other(ranges):
    segments = [at(*of) for of in sorted(ranges)]
    held = {position for first, last in ranges for position in range(first, last + 1)}
    told = set()
    for finding in gaps_and_overlaps(segments):
        if finding.reason == "missing_segment":
            words = finding.detail.split()
            told |= set(range(int(words[1]), int(words[3]) + 1))
    assert told == set(range(1, max(held, default=0) + 1)) - held


def test_a_segment_holds_what_its_name_says(tmp_path):
    stored = log()
    put(at(3, 6, tmp_path), stored[2:6])
    (segment,) = segments_in(tmp_path)["log"]
    assert [entry for _, entry in segment.lines()] == stored[2:6]
    assert [entry for _, entry in segment.lines(through=4)] == stored[2:4]
    assert list(segment.lines(through=2)) == []


@pytest.mark.parametrize(
    ("held", "why"),
    [
        ((2, 5), "it ends where position 6 should be"), ((2, 7), "it should end, not 7"),
        ((1, 6), "position 3 is next, not 2"), ((3, 6), "position 3 is next, not 4"),
        ((2, 2), "it ends where position 3 should be"),
    ],
)  # fmt: skip
def test_a_segment_that_holds_something_else_is_named(tmp_path, held, why):
    path = put(at(3, 6, tmp_path), log()[slice(*held)])
    with pytest.raises(CliError, match=f"{path}: {why}"):
        list(at(3, 6, tmp_path).lines())


def test_a_segment_that_is_damaged_is_named_with_the_place(tmp_path):
    path = put(at(1, 7, tmp_path), log())
    spoilt = bytearray(path.read_bytes())
    spoilt[len(spoilt) // 2] ^= 1
    path.write_bytes(spoilt)
    with pytest.raises(CliError, match=str(path)):
        list(at(1, 7, tmp_path).lines())
    packer, entries = Packer(), log()
    line = checked(to_line(entries[1])).replace(b"ada", b"eve")
    data = checked(to_line(entries[0])) + b"\n" + line + b"\n"
    path.write_bytes(packer.packed(data) + packer.end())
    with pytest.raises(CliError, match=f"{path}: position 2: .*checksum"):
        list(at(1, 7, tmp_path).lines())
