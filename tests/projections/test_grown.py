import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.grown import Grown

numbers = st.lists(st.integers(), max_size=8)


@given(numbers, st.integers(-10, 10), st.slices(10))
def test_it_reads_as_a_tuple_of_the_same_items_does(items, index, part):
    grown, plain = Grown(items), tuple(items)
    assert (len(grown), tuple(grown), tuple(reversed(grown))) == (len(plain), plain, plain[::-1])
    assert grown == plain
    assert grown[part] == plain[part]
    if -len(plain) <= index < len(plain):
        assert grown[index] == plain[index]
    else:
        with pytest.raises(IndexError):
            grown[index]


@given(numbers, numbers, numbers, numbers)
def test_each_state_stays_as_it_was_however_often_others_grow_from_it(first, then, also, last):
    one = Grown(first)
    two, other = one.plus(then), one.plus(also)
    three = two.plus(last)
    assert [list(each) for each in (one, two, other, three)] == [
        first,
        first + then,
        first + also,
        first + then + last,
    ]


def test_growing_copies_nothing():
    one = Grown(range(1000))
    two = one.plus([1000])
    assert two._items is one._items
    assert one != two


def test_growing_a_state_that_was_grown_already_copies():
    one = Grown([1])
    two, other = one.plus([2]), one.plus([3])
    assert two._items is not other._items


def test_iterating_an_old_state_ends_where_it_ended():
    one = Grown([1, 2])
    rest = iter(one)
    next(rest)
    one.plus([3])
    assert list(rest) == [2]


def test_it_is_no_equal_of_what_is_no_sequence():
    assert Grown([1]) != 1
