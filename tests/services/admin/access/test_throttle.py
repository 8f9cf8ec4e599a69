"""Failed sign-ins: five of an account and twenty of an address are free, then each waits longer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.admin.access.throttle import (
    ACCOUNT_FREE,
    ADDRESS_FREE,
    FORGET_SECONDS,
    HOMES,
    MOST_SECONDS,
    REMEMBERED,
    Throttle,
)

HERE, ELSEWHERE = "192.0.2.1", "198.51.100.7"


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def throttle(clock):
    return Throttle(clock)


def fail(throttle, times, account="mia", address=HERE):
    for _ in range(times):
        throttle.failed(account, address)


def fail_everywhere(throttle, times, account="mia"):
    """From another address each time, so that only the account's count can make anybody wait."""
    for n in range(times):
        throttle.failed(account, f"10.0.{n // 256}.{n % 256}")


def fail_everybody(throttle, times, address=HERE):
    """Of another account each time, so that only the address's count can make anybody wait."""
    for n in range(times):
        throttle.failed(f"person-{n}", address)


def test_who_has_not_failed_does_not_wait(throttle):
    assert throttle.seconds_to_wait("mia", HERE) == 0


def test_five_failures_of_an_account_are_free(throttle):
    fail_everywhere(throttle, ACCOUNT_FREE)
    assert throttle.seconds_to_wait("mia", HERE) == 0


def test_after_that_an_account_waits_twice_as_long_each_time_up_to_five_minutes(throttle):
    fail_everywhere(throttle, ACCOUNT_FREE)
    waits = []
    for _ in range(11):
        throttle.failed("mia", HERE)
        waits.append(throttle.seconds_to_wait("mia", ELSEWHERE))
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_twenty_failures_of_an_address_are_free_and_then_it_waits_whoever_it_asks_for(throttle):
    fail_everybody(throttle, ADDRESS_FREE)
    assert throttle.seconds_to_wait("mia", HERE) == 0
    fail_everybody(throttle, 3)
    assert throttle.seconds_to_wait("somebody-new", HERE) == 4
    assert throttle.seconds_to_wait("somebody-new", ELSEWHERE) == 0


def test_the_longer_of_both_waits_counts(throttle):
    fail(throttle, ADDRESS_FREE + 2)
    assert throttle.seconds_to_wait("mia", HERE) == MOST_SECONDS
    assert throttle.seconds_to_wait("noa", HERE) == 2
    assert throttle.seconds_to_wait("mia", ELSEWHERE) == MOST_SECONDS


def test_a_wait_runs_down_with_the_clock(throttle, clock):
    fail(throttle, ACCOUNT_FREE + 4)
    clock.now += 3
    assert throttle.seconds_to_wait("mia", HERE) == 5
    clock.now += 5
    assert throttle.seconds_to_wait("mia", HERE) == 0
    throttle.failed("mia", HERE)
    assert throttle.seconds_to_wait("mia", HERE) == 16


def test_what_has_not_failed_for_fifteen_minutes_is_forgotten(throttle, clock):
    fail(throttle, ACCOUNT_FREE + 4)
    clock.now += FORGET_SECONDS - 1
    throttle.failed("mia", HERE)
    assert throttle.seconds_to_wait("mia", HERE) == 16
    clock.now += FORGET_SECONDS
    fail(throttle, ACCOUNT_FREE)
    assert throttle.seconds_to_wait("mia", HERE) == 0


def test_a_success_forgets_the_account(throttle):
    fail(throttle, ACCOUNT_FREE + 4)
    throttle.succeeded("mia", HERE)
    assert throttle.seconds_to_wait("mia", HERE) == 0
    fail(throttle, ACCOUNT_FREE)
    assert throttle.seconds_to_wait("mia", HERE) == 0


def test_people_who_mistype_and_then_succeed_never_slow_their_office(throttle):
    for n in range(10 * ADDRESS_FREE):
        fail(throttle, 3, account=f"person-{n}")
        assert throttle.seconds_to_wait(f"person-{n}", HERE) == 0
        throttle.succeeded(f"person-{n}", HERE)


def test_signing_in_with_an_account_of_his_own_does_not_free_a_guesser(throttle):
    for n in range(ADDRESS_FREE + 4):
        throttle.failed(f"person-{n}", HERE)
        throttle.failed("guesser", HERE)
        throttle.succeeded("guesser", HERE)
    assert throttle.seconds_to_wait("person-99", HERE) == 8


def test_a_success_without_a_failure_gives_no_credit(throttle):
    for _ in range(50):
        throttle.succeeded("mia", HERE)
    fail(throttle, ACCOUNT_FREE + 1)
    assert throttle.seconds_to_wait("mia", HERE) == 1


def test_a_guesser_elsewhere_does_not_slow_who_has_signed_in_here_before(throttle, clock):
    throttle.succeeded("mia", HERE)
    fail_everywhere(throttle, ACCOUNT_FREE + 10)
    assert throttle.seconds_to_wait("mia", ELSEWHERE) == MOST_SECONDS
    assert throttle.seconds_to_wait("noa", HERE) == throttle.seconds_to_wait("mia", HERE) == 0
    throttle.succeeded("mia", HERE)
    assert throttle.seconds_to_wait("mia", ELSEWHERE) == MOST_SECONDS
    clock.now += FORGET_SECONDS
    assert throttle.seconds_to_wait("mia", ELSEWHERE) == 0


def test_who_has_signed_in_here_before_is_slowed_here_too(throttle):
    throttle.succeeded("mia", HERE)
    fail(throttle, ACCOUNT_FREE + 2)
    assert throttle.seconds_to_wait("mia", HERE) == 2
    assert throttle.seconds_to_wait("mia", ELSEWHERE) == 0


def test_no_name_stands_for_somebody_at_an_address(throttle):
    throttle.succeeded("mia", HERE)
    for name in (f"mia {HERE}", f"home mia {HERE}", f"mia\0{HERE}"):
        fail_everywhere(throttle, ACCOUNT_FREE + 2, name)
    assert throttle.seconds_to_wait("mia", HERE) == 0


def test_not_every_place_of_a_success_is_remembered(throttle):
    for n in range(HOMES + 1):
        throttle.succeeded("mia", f"10.{n // 65536}.{n // 256 % 256}.{n % 256}")
    fail(throttle, ACCOUNT_FREE + 1)
    assert throttle.seconds_to_wait("mia", "10.0.0.0") == 1
    assert throttle.seconds_to_wait("mia", "10.0.0.1") == 0


def test_without_an_account_only_the_address_is_counted(throttle):
    for _ in range(ADDRESS_FREE):
        throttle.failed(None, HERE)
    assert throttle.seconds_to_wait(None, HERE) == 0
    throttle.failed(None, HERE)
    assert throttle.seconds_to_wait(None, HERE) == throttle.seconds_to_wait("mia", HERE) == 1
    throttle.succeeded(None, HERE)
    assert throttle.seconds_to_wait(None, HERE) == 0


def test_there_is_no_wait_of_less_than_nothing(throttle, clock):
    fail_everybody(throttle, ADDRESS_FREE + 1)
    clock.now += 100
    assert throttle.seconds_to_wait(None, HERE) == 0


def test_failures_elsewhere_give_no_credit_here(throttle):
    fail(throttle, ACCOUNT_FREE, address=ELSEWHERE)
    fail(throttle, 1)
    throttle.succeeded("mia", HERE)
    fail_everybody(throttle, ADDRESS_FREE + 1)
    assert throttle.seconds_to_wait(None, HERE) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("a socket", "a socket", True),
        ("", "192.0.2.2", False),
    ],
)
def test_an_address_of_ipv6_stands_for_its_whole_network(throttle, one, other, same):
    fail_everybody(throttle, ADDRESS_FREE + 1, address=one)
    assert throttle.seconds_to_wait("mia", other) == (1 if same else 0)


def test_ten_thousand_accounts_are_remembered_and_then_the_oldest_goes(throttle):
    fail_everywhere(throttle, ACCOUNT_FREE + 1)
    for n in range(REMEMBERED - 1):
        throttle.failed(f"person-{n}", HERE)
    assert throttle.seconds_to_wait("mia", ELSEWHERE) == 1
    throttle.failed("one-more", HERE)
    assert throttle.seconds_to_wait("mia", ELSEWHERE) == 0


def test_who_failed_again_is_no_longer_the_oldest(throttle):
    for account in ("mia", *(f"person-{n}" for n in range(REMEMBERED - 1)), "mia", "one-more"):
        throttle.failed(account, HERE)
    fail_everywhere(throttle, ACCOUNT_FREE - 1)
    assert throttle.seconds_to_wait("mia", ELSEWHERE) == 1


def test_memory_is_bounded_however_many_fail_and_however_long_their_names_are(throttle):
    for n in range(REMEMBERED + 500):
        throttle.failed(f"{n}-" + "x" * 1000, f"2001:db8:{n:x}::1")
    for counted in (throttle._accounts, throttle._addresses):
        assert len(counted._counts) == REMEMBERED
        assert max(map(len, counted._counts)) <= 110


def test_what_is_forgotten_takes_no_memory(throttle, clock):
    fail_everybody(throttle, 100)
    clock.now += FORGET_SECONDS
    throttle.seconds_to_wait("mia", ELSEWHERE)
    assert not throttle._accounts._counts
    assert not throttle._addresses._counts


def expected(failures, now, free):
    """From the whole history of one name: the seconds that are left to wait."""
    count, last = 0, None
    for at in failures:
        count = 1 if last is None or at - last >= FORGET_SECONDS else count + 1
        last = at
    if last is None or now - last >= FORGET_SECONDS or count <= free:
        return 0
    return max(0, last + min(2 ** (count - free - 1), MOST_SECONDS) - now)


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 0, 0.5, 1, 7, 250, FORGET_SECONDS - 1, FORGET_SECONDS]),
        st.sampled_from(["mia", "noa"]),
        st.sampled_from([HERE, ELSEWHERE]),
    ),
    max_size=80,
)


@given(STEPS)
def test_the_wait_follows_from_the_history_of_the_account_and_of_the_address(steps):
    clock = Clock()
    failures: dict[str, list[float]] = {}
    throttle = Throttle(clock)
    for pause, account, address in steps:
        clock.now += pause
        wait = max(
            expected(failures.get(account, []), clock.now, ACCOUNT_FREE),
            expected(failures.get(address, []), clock.now, ADDRESS_FREE),
        )
        assert throttle.seconds_to_wait(account, address) == wait
        throttle.failed(account, address)
        for name in (account, address):
            failures.setdefault(name, []).append(clock.now)
