"""The tail: what it holds follows upon each other, and is never more than it may be."""

from hypothesis import given
from hypothesis import strategies as st

from events.chain import Entry
from projections.tail import Tail


def entry(position, size=1):
    return Entry(position, b"x" * size, f"hash-{position}", position)


def positions(entries):
    return [each.position for each in entries]


def test_it_holds_the_last_entries():
    tail = Tail(most=3)
    tail.take([entry(n) for n in range(1, 3)])
    tail.take([entry(n) for n in range(3, 6)])
    assert positions(tail.entries) == [3, 4, 5]


def test_it_gives_what_follows_a_position_that_it_reaches_back_to():
    tail = Tail(most=3)
    tail.take([entry(n) for n in range(1, 6)])
    assert positions(tail.behind(2)) == [3, 4, 5]
    assert positions(tail.behind(4)) == [5]
    assert tail.behind(5) == tail.behind(9) == ()
    assert tail.behind(1) == tail.behind(0) == (), "position 2 would be missing"
    assert Tail().behind(0) == ()


def test_it_holds_no_more_bytes_than_it_may():
    tail = Tail(most_bytes=10)
    tail.take([entry(1, 5), entry(2, 5)])
    assert positions(tail.entries) == [1, 2]
    tail.take([entry(3, 1)])
    assert positions(tail.entries) == [2, 3]
    tail.take([entry(4, 11)])
    assert tail.entries == ()
    tail.take([entry(5, 10)])
    assert positions(tail.behind(4)) == [5]


def test_what_was_held_before_a_gap_is_let_go_of():
    tail = Tail(most_bytes=10)
    tail.take([entry(1, 9), entry(3, 9)])
    assert positions(tail.entries) == [3]
    tail.take([entry(1, 10)])
    assert positions(tail.entries) == [1], "a log that was begun again"


def test_cleared_it_holds_nothing_and_begins_anew():
    tail = Tail(most_bytes=2)
    tail.take([entry(1), entry(2)])
    tail.clear()
    assert tail.entries == ()
    tail.take([entry(7), entry(8)])
    assert positions(tail.entries) == [7, 8]


@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 9)), max_size=30))
def test_it_is_always_in_order_and_within_its_bounds(taken):
    tail = Tail(most=4, most_bytes=15)
    for position, size in taken:
        tail.take([entry(position, size)])
        held = tail.entries
        assert len(held) <= 4
        assert sum(len(each.event) for each in held) <= 15
        first = held[0].position if held else 0
        assert positions(held) == list(range(first, first + len(held)))
        assert not held or held[-1].position == position
