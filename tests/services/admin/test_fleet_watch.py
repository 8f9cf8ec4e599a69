"""Replicas and admins speak in one stream; only replicas are members."""

from dataclasses import replace
from time import monotonic

from projections.fleet import Limits, known_groups
from projections.reports import AdminReport, Report, Told
from services.admin.fleet_watch import FleetWatch


def watching(heard):
    return FleetWatch(
        reports=None,  # type: ignore[arg-type]  # nothing is read here
        head=lambda: 1,
        on_report=lambda report, _before, _member: heard.append(report),
        on_look=lambda _groups: None,
        on_converged=lambda _seconds: None,
        on_admin=heard.append,
    )


async def test_an_admin_s_report_makes_no_member_and_is_passed_on():
    heard: list[object] = []
    watch = watching(heard)
    admin = AdminReport("chat-1", "i", 1, {"log": Told("log-1", 1, "a" * 64)})
    replica = Report("chat-2", "i", 1, 1, "a" * 64, "current")
    for each in (admin, replica):
        watch._hear(each)  # as it does with what it has read
    assert heard == [admin, replica]
    assert list(watch.fleet.members) == ["chat-2"]


async def test_a_group_that_nobody_speaks_for_is_unclaimed_once_it_had_the_time():
    watch = watching([])
    watch.limits = Limits(lagging=10.0, gone=20.0)
    watch.fleet = known_groups(watch.fleet, ["chat-1", "chat-2"], 0.0)
    watch._hear(Report("chat-1", "i", 1, 1, "a" * 64, "current"))
    watch.fleet = known_groups(watch.fleet, ["chat-1", "chat-2"], 1.0)
    assert watch.unclaimed() == ["chat-2"]
    silent = replace(watch.fleet.members["chat-1"], heard_at=0.0)
    watch.fleet.members["chat-1"] = silent  # as a day later
    assert watch.state(silent) == "gone", "silent, but it has spoken: its group is its own"
    assert watch.unclaimed() == ["chat-2"]
    watch.fleet = known_groups(watch.fleet, ["chat-1", "new"], monotonic())
    assert watch.unclaimed() == [], "a new one may yet speak; one that is gone is no member"
