import pytest
from prometheus_client.parser import text_string_to_metric_families

from services.admin.app import build_app, leave
from services.metrics import AdminMetrics
from services.settings import load_settings
from tests.services.admin.stage import in_memory


@pytest.fixture
async def stage():
    """In memory: nothing here depends on where the log is kept."""
    async with in_memory() as made:
        yield made


async def test_healthz_asks_nobody(stage, monkeypatch):
    monkeypatch.setattr(type(stage.core), "state", property(lambda self: 1 / 0))
    response = await stage.client.get("/healthz?anything=1")
    assert (response.status, await response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("state", "status"),
    [("starting", 503), ("catching_up", 503), ("current", 200), ("stale", 200), ("diverged", 200)],
)
async def test_readyz_tells_what_it_looked_at(stage, monkeypatch, state, status):
    monkeypatch.setattr(type(stage.core), "state", property(lambda self: state))
    response = await stage.client.get("/readyz")
    body = await response.json()
    assert response.status == status
    assert body["ready"] is (status == 200)
    assert body["checks"][0] == {"name": "log", "ok": status == 200, "detail": state}


async def test_a_stale_instance_is_not_ready_where_that_is_wanted(
    stage, monkeypatch, aiohttp_client
):
    environ = {"PROMPTCAST_ADMIN_KEY": "k" * 16, "PROMPTCAST_READY_WHEN_STALE": "false"}
    settings = load_settings(environ, service="admin")
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry()
    client = await aiohttp_client(
        build_app(stage.core, stage.access, settings, AdminMetrics(registry), registry)
    )
    assert (await client.get("/readyz")).status == 200
    monkeypatch.setattr(type(stage.core), "state", property(lambda self: "stale"))
    assert (await client.get("/readyz")).status == 503


async def test_a_stopping_instance_is_not_ready(stage):
    await leave(stage.client.app)
    response = await stage.client.get("/readyz")
    checks = {check["name"]: check["ok"] for check in (await response.json())["checks"]}
    assert response.status == 503
    assert checks == {"log": True, "serving": False, "writing": True}


async def test_being_read_only_is_told_but_is_no_reason_to_go(stage, monkeypatch):
    monkeypatch.setattr(type(stage.core), "read_only", property(lambda self: "position 7: new"))
    response = await stage.client.get("/readyz")
    assert response.status == 200
    assert (await response.json())["checks"][-1]["detail"] == "position 7: new"


async def test_metrics_are_what_prometheus_reads(stage):
    await stage.saved()
    response = await stage.client.get("/metrics")
    families = {f.name: f for f in text_string_to_metric_families(await response.text())}
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert families["promptcast_log_head_position"].samples[0].value == 2
    assert families["promptcast_sse_clients"].samples[0].value == 0
