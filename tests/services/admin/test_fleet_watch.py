"""Replicas and admins speak in one stream; only replicas are members."""

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
