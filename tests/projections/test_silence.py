"""Silence: who has said nothing for how long, and that one's own absence says nothing of others."""

from hypothesis import given
from hypothesis import strategies as st

from projections.silence import LATE_SECONDS, Silence, observed, overdue

LIMIT = 10.0
NAMES = ("a", "b", "c")


def watched(*looks, members=NAMES):
    """After looks at (now, heard) or (now, heard, whole)."""
    silence = Silence()
    for now, heard, *whole in looks:
        silence = observed(silence, now, members, heard, *(whole or [True]))
    return silence


def each_second(count, heard=(), start=0.0):
    return [(start + n, heard) for n in range(count)]


def test_a_member_that_says_nothing_is_overdue_once_the_limit_is_passed_and_not_before():
    assert overdue(watched(*each_second(11)), LIMIT) == []
    assert overdue(watched(*each_second(12)), LIMIT) == list(NAMES)


def test_a_member_that_is_heard_is_never_overdue():
    assert overdue(watched(*each_second(100, heard=["a"])), LIMIT) == ["b", "c"]


def test_one_word_begins_the_silence_anew():
    looks = [*each_second(10), (10.0, ["b"]), *each_second(10, start=11.0)]
    assert overdue(watched(*looks), LIMIT) == ["a", "c"]


def test_the_longest_silence_comes_first():
    assert overdue(watched((0, []), (1, ["a"]), *each_second(20, start=2.0)), LIMIT)[-1] == "a"


def test_silence_begins_with_the_first_look_at_a_member():
    silence = watched(*each_second(20), members=("a",))
    silence = observed(silence, 20.0, ("a", "b"), (), whole=True)
    assert overdue(silence, LIMIT) == ["a"]


def test_who_is_no_member_is_forgotten():
    silence = observed(watched(*each_second(20)), 20.0, ("b",), (), whole=True)
    assert list(silence.since) == ["b"]


def test_an_observer_that_was_away_has_heard_nobody_and_begins_anew():
    """It was stopped for an hour: the members may have spoken all the time."""
    assert overdue(watched(*each_second(9), (3600.0, [])), LIMIT) == []
    late = 8.0 + LATE_SECONDS
    assert overdue(watched(*each_second(9), (late, [])), LIMIT) == list(NAMES), "just in time"
    assert overdue(watched(*each_second(9), (late + 0.01, [])), LIMIT) == []


def test_an_observer_that_heard_nothing_reliably_begins_anew():
    looks = [*each_second(11), (11.0, [], False)]
    assert overdue(watched(*looks), LIMIT) == []
    assert overdue(watched(*looks, *each_second(11, start=12.0)), LIMIT) == list(NAMES)


def test_a_clock_that_goes_backwards_is_no_observation():
    assert overdue(watched(*each_second(20), (5.0, [])), LIMIT) == []


looks = st.lists(
    st.tuples(
        st.one_of(st.floats(0, LATE_SECONDS), st.floats(0, 100)),
        st.sets(st.sampled_from(NAMES)),
        st.sampled_from([True] * 9 + [False]),
    ),
    max_size=40,
)


@given(looks, st.floats(0.1, 20))
def test_nobody_is_overdue_who_was_heard_within_the_limit_of_unbroken_observation(steps, limit):
    now, silence, history = 0.0, Silence(), []
    for seconds, heard, whole in steps:
        now += seconds
        history.append((now, seconds, heard, whole))
        silence = observed(silence, now, NAMES, heard, whole)
        for name in overdue(silence, limit):
            for at, since_last, spoke, reliable in reversed(history):
                if now - at > limit:
                    break
                assert name not in spoke, "it was heard"
                assert reliable, "something may have been missed"
                assert since_last <= LATE_SECONDS, "the observer was away"
            else:
                raise AssertionError("not observed for as long as the limit")


@given(st.floats(0.1, 20))
def test_a_dead_member_is_overdue_at_the_first_look_behind_the_limit(limit):
    silence, now = watched((0.0, NAMES)), 0.0
    while not overdue(silence, limit):
        now += 1.0
        silence = observed(silence, now, NAMES, (), whole=True)
        assert now <= limit + 1.0
    assert now > limit
