"""A lag is told by the server's time, and bounded by a clock that nobody sets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.chain import GENESIS, STRAY_FROM, Entry, Head
from events.errors import LogDiverged, LogForked, LogMissing, LogShorter, TrimmedPast
from events.log import Pulse
from projections.looks import LOOKS_KEPT, Looks, confirm

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


# --- is it the log that we know? ------------------------------------------------------------------

KNOWN = Head(7, "stored", "digest")


def pulse(head: int, stored_at: str | None = None, first: int = 0) -> Pulse:
    return Pulse(True, head, "h", stored_at, NOW_US, first, "f" if first else "")


@pytest.mark.parametrize("head", [7, 8, 100])
def test_a_log_that_holds_what_is_known_is_ours(head):
    confirm(pulse(head, "stored"), KNOWN)
    confirm(pulse(head, None, first=1), GENESIS)


def looked_at(found: Pulse, known: Head) -> LogDiverged:
    with pytest.raises(LogDiverged) as error:
        confirm(found, known)
    return error.value


@pytest.mark.parametrize("first", [8, 9, 20])
def test_a_log_that_begins_behind_what_is_known_was_trimmed_past_it(first):
    error = looked_at(pulse(20, None, first), KNOWN)
    assert type(error) is TrimmedPast
    assert (error.known, error.first) == (7, first)


def test_a_log_that_begins_behind_its_first_event_was_trimmed_past_who_knows_nothing():
    assert type(looked_at(pulse(20, None, 2), GENESIS)) is TrimmedPast


@pytest.mark.parametrize("first", [1, 2, 6])
def test_a_log_that_begins_before_what_is_known_and_does_not_hold_it_is_another_one(first):
    assert type(looked_at(pulse(20, None, first), KNOWN)) is LogForked
    assert type(looked_at(pulse(20, "other"), KNOWN)) is LogForked


def test_a_log_that_ends_before_what_is_known_is_shorter_wherever_it_begins():
    assert type(looked_at(pulse(6, None, 4), KNOWN)) is LogShorter
    assert type(looked_at(pulse(0, None), KNOWN)) is LogShorter
    missing = pulse(0)._replace(exists=False)
    assert type(looked_at(missing, KNOWN)) is LogMissing
    assert type(looked_at(missing, GENESIS)) is LogMissing


@pytest.mark.parametrize("first", [STRAY_FROM, 1_700_000_000_000])
def test_what_somebody_else_wrote_into_an_emptied_log_is_not_where_it_begins(first):
    """``XADD *``: no position of ours, so nothing says that anything was trimmed."""
    assert type(looked_at(pulse(first, None, first), KNOWN)) is LogForked
    confirm(pulse(first, None, first), GENESIS)  # whoever reads it finds the strange id


def test_a_strange_id_at_the_end_does_not_hide_what_the_log_begins_with():
    assert type(looked_at(pulse(1_700_000_000_000, None, 3), KNOWN)) is LogForked
