"""A lag is told by the server's time, and bounded by a clock that nobody sets."""

from hypothesis import given
from hypothesis import strategies as st

from events.chain import Entry
from projections.looks import LOOKS_KEPT, Looks

SECOND, DAY = 1_000_000, 86_400_000_000
NOW_US = 1_800_000_000_000_000


def entry(position: int, at: int = NOW_US) -> Entry:
    return Entry(position, b"", "", at)


def looked(*looks: tuple[int, float]) -> Looks:
    made = Looks()
    for head, began in looks:
        made.note(head, began)
    return made


def test_what_was_there_at_the_first_look_is_replayed_and_what_came_since_is_followed():
    looks = looked((3, 10.0), (7, 11.0))
    assert [looks.is_live(entry(position)) for position in (3, 4, 9)] == [False, True, True]
    assert not Looks().is_live(entry(1))


def test_an_entry_is_followed_whatever_the_servers_clock_says_it_was_appended_at():
    looks = looked((3, 10.0))
    assert looks.is_live(entry(4, NOW_US - DAY))


def test_the_lag_is_the_servers_own_time_as_long_as_that_can_be():
    looks = looked((3, 10.0))
    assert looks.lag(entry(4, NOW_US - 2000), NOW_US, 10.5) == 2000
    assert looks.lag(entry(4, NOW_US + 2000), NOW_US, 10.5) == 0


def test_a_clock_that_was_set_makes_no_lag_longer_than_since_the_last_look_without_the_entry():
    looks = looked((3, 10.0), (3, 11.0), (4, 12.0))
    assert looks.lag(entry(4, NOW_US - DAY), NOW_US, 12.25) == 1.25 * SECOND
    assert looks.lag(entry(5, NOW_US - DAY), NOW_US, 12.25) == 0.25 * SECOND


def test_without_a_look_before_the_entry_only_the_servers_time_is_there():
    assert Looks().lag(entry(4, NOW_US - DAY), NOW_US, 10.0) == DAY
    assert looked((9, 10.0)).lag(entry(4, NOW_US - DAY), NOW_US, 10.0) == DAY


def test_of_another_log_nothing_is_known_yet():
    looks = looked((30, 10.0))
    looks.forget()
    looks.note(3, 20.0)
    assert (looks.is_live(entry(4)), looks.is_live(entry(3))) == (True, False)
    assert looks.lag(entry(4, NOW_US - DAY), NOW_US, 21.0) == SECOND


@given(st.lists(st.integers(0, 5), min_size=1, max_size=3 * LOOKS_KEPT), st.integers(1, 5))
def test_the_bound_is_never_before_the_entry_could_be_there(steps, beyond):
    """One look a second; the entry comes behind the last of them."""
    looks, head = Looks(), 0
    for second, step in enumerate(steps):
        head += step
        looks.note(head, float(second))
    lag = looks.lag(entry(head + beyond, NOW_US - DAY), NOW_US, len(steps) - 1 + 0.5)
    assert lag == 0.5 * SECOND
