from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.fleet import (
    LAGS_KEPT,
    Fleet,
    Limits,
    Member,
    Spread,
    answers,
    convergence,
    heard,
    known_groups,
    spread,
    state,
)
from projections.reports import LiveVersion, Rejection, Report, Status

LIMITS = Limits(lagging=3.0, gone=15.0)
HEAD = 10


def report(replica="chat-1", position=HEAD, sequence=1, instance="one", **fields):
    return Report(
        **{
            "replica": replica,
            "instance": instance,
            "sequence": sequence,
            "position": position,
            "hash": "",
            "state": "current",
            **fields,
        }
    )


def status(**fields):
    return Status(**{"started_at": 1, "head_position": HEAD, **fields})


def fleet_of(*reports, head=HEAD, now=100.0):
    fleet = Fleet()
    for one in reports:
        fleet = heard(fleet, one, head, now)
    return fleet


def the_member(*reports, **how) -> Member:
    (member,) = fleet_of(*reports, **how).members.values()
    return member


# --- reports --------------------------------------------------------------------------------------


def test_whoever_reports_is_a_member():
    fleet = fleet_of(report("a"), report("b", position=9))
    assert {name: member.position for name, member in fleet.members.items()} == {"a": 10, "b": 9}


def test_reports_are_cumulative_so_the_last_one_counts():
    assert the_member(report(position=5, sequence=1), report(position=9, sequence=4)).position == 9


@pytest.mark.parametrize("sequence", [1, 2])
def test_a_report_that_comes_late_or_twice_changes_nothing(sequence):
    fleet = fleet_of(report(position=9, sequence=2))
    assert heard(fleet, report(position=5, sequence=sequence), HEAD, 200.0) is fleet


def test_another_instance_of_a_replica_begins_to_count_anew():
    """A process that was started again has less behind it, and says so."""
    member = the_member(
        report(position=9, sequence=50, instance="one"),
        report(position=3, sequence=0, instance="two"),
    )
    assert member.position == 3


def test_what_the_instance_before_still_says_comes_too_late():
    """It stood still, lost its claim to another process, and went on for a moment."""
    fleet = fleet_of(
        report(position=9, instance="one"), report(position=3, sequence=0, instance="two")
    )
    for late in (
        report(position=9, sequence=60, instance="one"),
        report(sequence=61, instance="one", left=True),
    ):
        assert heard(fleet, late, HEAD, 200.0) is fleet
    again = heard(fleet, report(position=4, sequence=1, instance="two"), HEAD, 200.0)
    assert heard(again, report(sequence=62, instance="one"), HEAD, 200.0) is again
    assert again.members["chat-1"].position == 4


def test_a_member_that_leaves_is_gone_at_once_and_may_come_back():
    fleet = fleet_of(report("a"), report("b"), report("a", sequence=2, left=True))
    assert set(fleet.members) == {"b"}
    back = heard(fleet, report("a", sequence=0, instance="two"), HEAD, 101.0)
    assert set(back.members) == {"a", "b"}


def test_a_leaving_replica_that_nobody_knew_is_no_member():
    assert fleet_of(report(left=True)).members == {}


def test_what_a_heartbeat_told_is_kept_over_reports_that_tell_less():
    member = the_member(report(status=status(url="http://a")), report(sequence=2))
    assert member.status == status(url="http://a")
    newer = the_member(
        report(status=status(url="http://a")), report(sequence=2, status=status(url="http://b"))
    )
    assert newer.status == status(url="http://b")


def test_between_heartbeats_a_report_tells_what_has_changed():
    one, two = (LiveVersion(version=n, revision=n, content_hash="") for n in (1, 2))
    member = the_member(
        report(status=status(url="http://a", live={"system": one, "gone": one})),
        report(sequence=2, changed={"system": two, "gone": None, "new": one}),
    )
    assert member.status == status(url="http://a", live={"system": two, "new": one})
    assert the_member(report(changed={"system": one})).status is None


def test_answers_are_those_of_all_members_as_they_last_told():
    fleet = fleet_of(
        report("a", status=status(answers={"system": {1: 5, 2: 1}, "other": {1: 9}})),
        report("b", status=status(answers={"system": {2: 2}})),
        report("b", sequence=2),
        report("c"),
        report("d", status=status(answers={"system": {1: 100}})),
        report("d", sequence=2, left=True),
    )
    assert answers(fleet, "system") == {1: 5, 2: 3}
    assert answers(fleet, "unknown") == {}


def test_a_consumer_group_that_nobody_has_spoken_for_is_a_member_all_the_same():
    fleet = known_groups(fleet_of(report("a")), ["a", "silent"], 100.0)
    assert fleet.members["a"].report is not None
    assert fleet.members["silent"] == Member("silent", heard_at=100.0)


def test_a_silent_group_is_not_heard_again_by_looking_at_it():
    fleet = known_groups(Fleet(), ["silent"], 100.0)
    assert known_groups(fleet, ["silent"], 200.0).members["silent"].heard_at == 100.0


def test_who_has_no_group_any_more_is_a_member_until_it_has_left_or_was_reaped():
    """Its group may have gone with the log, which came back without; whoever is cut off makes none."""
    fleet = known_groups(fleet_of(report("a"), report("b"), now=100.0), ["b"], 999.0)
    assert set(fleet.members) == {"a", "b"}
    left = report("a", sequence=2, left=True)
    assert set(heard(fleet, left, HEAD, 999.0).members) == {"b"}
    assert set(heard(fleet, report("a").epitaph(), HEAD, 999.0).members) == {"b"}


def test_a_member_that_was_reaped_is_forgotten_until_it_speaks_again():
    last = report("a", sequence=7)
    fleet = fleet_of(last, report("b"), last.epitaph())
    assert set(fleet.members) == {"b"}
    assert set(heard(fleet, report("a", sequence=8), HEAD, 200.0).members) == {"a", "b"}


def test_the_last_word_for_an_instance_is_not_one_for_those_after_it():
    dead = report("a", instance="one", sequence=7)
    fleet = fleet_of(dead, report("a", instance="two"))
    assert heard(fleet, dead.epitaph(), HEAD, 200.0) is fleet


def test_whoever_spoke_again_before_its_last_word_came_is_a_member_still():
    fleet = fleet_of(report("a", sequence=7), report("a", sequence=8))
    assert heard(fleet, report("a", sequence=7).epitaph(), HEAD, 200.0) is fleet


def test_fleets_are_not_changed_but_replaced():
    before = fleet_of(report("a"))
    heard(before, report("a", sequence=2, left=True), HEAD, 1.0)
    known_groups(before, ["x"], 1.0)
    assert set(before.members) == {"a"}


# --- how far an event has spread ------------------------------------------------------------------


REJECTED = (
    Rejection(position=7, reason="invalid", detail="because"),
    Rejection(position=8, reason="bad_json"),
)


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        (10, Spread("chat-1", "applied")),
        (6, Spread("chat-1", "applied")),
        (11, Spread("chat-1", "pending")),
        (7, Spread("chat-1", "rejected", reason="invalid: because")),
        (8, Spread("chat-1", "rejected", reason="bad_json")),
    ],
)
def test_what_a_member_has_made_of_an_event(position, expected):
    assert spread(the_member(report(rejected=REJECTED)), position, "system") == expected


def test_a_member_that_was_never_heard_has_everything_pending():
    assert spread(Member("a", 1.0), 1, "system") == Spread("a", "pending")


def test_a_member_that_does_not_hold_the_prompt_skips_its_events_once_it_has_passed_them():
    member = the_member(report(status=status(globs=("a*",))))
    assert spread(member, 10, "system").outcome == "skipped"
    assert spread(member, 10, "abc").outcome == "applied"
    assert spread(member, 10, None).outcome == "applied"
    assert spread(member, 11, "system").outcome == "pending"


def test_a_member_on_another_log_has_said_nothing_of_ours():
    member = the_member(report(state="diverged", rejected=REJECTED))
    assert {spread(member, position, "system").outcome for position in (7, 10)} == {"pending"}


def test_a_rejection_counts_even_for_a_prompt_that_is_not_held():
    member = the_member(report(rejected=REJECTED, status=status(globs=("a*",))))
    assert spread(member, 7, "system").outcome == "rejected"


def test_the_lag_of_what_was_applied_is_told():
    member = the_member(
        report(position=8, sequence=1, lag_us=800),
        report(position=9, sequence=2, lag_us=900),
        report(position=9, sequence=3, lag_us=950),
        report(position=10, sequence=4),
    )
    assert [spread(member, p, None).lag_us for p in (7, 8, 9, 10)] == [None, 800, 900, None]


def test_so_many_lags_are_kept_and_no_more():
    reports = [report(position=n, sequence=n, lag_us=n) for n in range(1, 100)]
    lags = the_member(*reports).lags
    assert [position for position, _ in lags] == list(range(100 - LAGS_KEPT, 100))


def spreads(*outcomes):
    return [Spread(str(n), outcome) for n, outcome in enumerate(outcomes)]


@pytest.mark.parametrize(
    ("outcomes", "waiting", "in_vain"),
    [
        ([], "no_replicas", "no_replicas"),
        (["applied"], "converged", "converged"),
        (["applied", "skipped"], "converged", "converged"),
        (["skipped"], "converged", "converged"),
        (["pending"], "pending", "partial"),
        (["applied", "pending", "skipped"], "pending", "partial"),
        (["rejected"], "rejected", "rejected"),
        (["pending", "rejected", "applied"], "rejected", "rejected"),
    ],
)
def test_one_word_for_how_far_it_has_spread(outcomes, waiting, in_vain):
    assert convergence(spreads(*outcomes), waited=False) == waiting
    assert convergence(spreads(*outcomes), waited=True) == in_vain


# --- states ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("silent", "expected"),
    [(0.0, "current"), (3.0, "current"), (3.1, "lagging"), (15.0, "lagging"), (15.1, "gone")],
)
def test_a_member_that_is_silent_lags_and_then_is_gone_but_is_still_a_member(silent, expected):
    assert state(the_member(report(), now=100.0), 100.0 + silent, LIMITS) == expected


def test_a_member_s_own_word_counts_otherwise():
    for word in ("starting", "catching_up", "stale", "diverged"):
        assert state(the_member(report(state=word)), 100.0, LIMITS) == word
    assert state(Member("a", 100.0), 100.0, LIMITS) == "starting"


def test_a_member_that_reports_but_stays_behind_the_head_lags():
    fleet = Fleet()
    for second in range(5):
        fleet = heard(fleet, report(position=9, sequence=second), HEAD, 100.0 + second)
    member = fleet.members["chat-1"]
    assert state(member, 103.0, LIMITS) == "current"
    assert state(member, 103.1, LIMITS) == "lagging"


def test_a_member_that_caught_up_in_between_was_not_behind_all_the_time():
    fleet = Fleet()
    for second, position in enumerate([9, 9, 10, 9, 9]):
        fleet = heard(fleet, report(position=position, sequence=second), HEAD, 100.0 + second)
    assert fleet.members["chat-1"].behind_since == 103.0


def test_a_member_that_reports_a_position_beyond_our_head_is_not_behind():
    assert the_member(report(position=HEAD + 5)).behind_since is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.sampled_from(["one", "two"]),
            st.integers(0, 9),
            st.integers(0, 20),
        )
    )
)
def test_repeating_every_report_changes_nothing_but_when_it_was_heard(told):
    once, twice = Fleet(), Fleet()
    for replica, instance, sequence, position in told:
        said = report(replica, position, sequence, instance)
        once = heard(once, said, HEAD, 1.0)
        twice = heard(heard(twice, said, HEAD, 1.0), said, HEAD, 2.0)
    assert {n: replace(m, heard_at=0.0) for n, m in once.members.items()} == {
        n: replace(m, heard_at=0.0) for n, m in twice.members.items()
    }
