import pytest

from projections.fleet import Limits
from tests.services.admin.conftest import STAGES
from tests.services.admin.stage import refusal, rejection
from tests.system.patience import becomes
from tests.waiting import until

FLEET = "/api/v1/fleet"
PROPAGATION = "/api/v1/propagation"


async def test_the_fleet_shows_what_each_member_says_of_itself(stage):
    await stage.saved()
    await stage.report("chat-2", 2, lag_us=800)
    await stage.report("chat-1", 1, rejected=(rejection(1),))
    fleet = await stage.get(FLEET)
    assert (fleet["head"], fleet["next"]) == (2, None)
    first, second = fleet["items"]
    assert (first["id"], second["id"]) == ("chat-1", "chat-2")
    assert second == {
        "id": "chat-2",
        "instance": "run-1",
        "url": "http://127.0.0.1:1",
        "state": "current",
        "applied_position": 2,
        "hash": "a" * 64,
        "live": {"system": {"version": 1, "revision": 2, "content_hash": "c" * 64}},
        "lag_ms": 0.8,
        "last_reload": None,
        "rejected": [],
        "uptime_seconds": second["uptime_seconds"],
        "silent_seconds": second["silent_seconds"],
        "prompts": ["*"],
        "recent_lags": [{"position": 2, "lag_ms": 0.8}],
    }
    assert 0 <= second["silent_seconds"] < 60
    assert first["rejected"] == [
        {"position": 1, "reason": "invalid", "detail": "no good", "prompt": None}
    ]


async def test_who_has_an_event_can_be_asked_later(stage):
    await stage.report("chat-1", 1)
    saved = await stage.saved()
    path = f"{PROPAGATION}/{saved['position']}"
    assert (await stage.get(path))["state"] == "pending"
    await stage.report("chat-1", 2, lag_us=1500)
    spread = await stage.get(f"{path}?wait=all&timeout=10")
    assert spread["state"] == "converged"
    assert spread["replicas"] == [{"replica": "chat-1", "outcome": "applied", "lag_ms": 1.5}]


@pytest.mark.parametrize("position", ["0", "-1", "x", "3", "9" * 30])
async def test_a_position_that_is_not_in_the_log_is_not_found(stage, position):
    await stage.saved()
    response = await stage.call("GET", f"{PROPAGATION}/{position}")
    assert await refusal(response) == (404, "not-found")


async def test_waiting_for_an_event_is_bounded(stage):
    await stage.get(f"{PROPAGATION}/1?wait=all&timeout=31", status=422)


@pytest.mark.parametrize("stage", STAGES[1:], indirect=True)
async def test_a_group_that_somebody_else_has_made_is_counted_until_it_goes(stage, server, keys):
    watch = stage.core.watch
    watch.limits = Limits(lagging=0.0, gone=0.001)

    async def counted() -> float | None:
        await watch._look()  # as it does each two seconds
        return stage.registry.get_sample_value("promptcast_groups_without_replica")

    assert await counted() == 0
    server.call("XGROUP", "CREATE", keys.log, "stray", "$")
    await becomes(counted)
    assert await counted() == 1
    server.call("XGROUP", "DESTROY", keys.log, "stray")
    await until(lambda: watch.state(watch.fleet.members["stray"]) == "gone")
    assert await counted() == 0
