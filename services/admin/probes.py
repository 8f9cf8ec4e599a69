"""``/healthz``, ``/readyz``, ``/metrics``: for whoever runs the service. None needs a key."""

from aiohttp import web

from services.admin import bodies
from services.admin.answers import answer
from services.admin.context import CORE, REGISTRY, SETTINGS, WATCHERS
from services.admin.endpoint import Answer, Endpoint
from services.admin.port import Core
from services.metrics import CONTENT_TYPE, exposition

_TOO_EARLY = {"starting", "catching_up"}


async def healthz(_request: web.Request) -> web.Response:
    """200 while the event loop answers; asks nobody."""
    return answer(bodies.Health(status="ok"))


async def readyz(request: web.Request) -> web.Response:
    """503 while it starts or stops, and, with ``READY_WHEN_STALE=false``, when it is stale.

    A log that diverged is no reason: every instance would be gone, and nobody could say why.
    """
    checks = _checks(request.app)
    ready = all(check.ok for check in checks)
    return answer(bodies.Readiness(ready=ready, checks=checks), 200 if ready else 503)


def _checks(app: web.Application) -> list[bodies.Check]:
    core, stopping = app[CORE], app[WATCHERS].closing.is_set()
    stale = core.state == "stale" and not app[SETTINGS].ready_when_stale
    followed = core.state not in _TOO_EARLY and not stale
    return [
        bodies.Check(name="log", ok=followed, detail=core.state),
        bodies.Check(name="serving", ok=not stopping, detail="stopping" if stopping else "yes"),
        bodies.Check(name="writing", ok=True, detail=core.read_only or _saving(core) or "yes"),
    ]


def _saving(core: Core) -> str:
    """Why nothing can be saved now: told, but no reason to be sent away."""
    shut = [each for each in core.saving() if each["state"] != "open"]
    return "; ".join(f"{each['log']}: {each['reason']}" for each in shut)


async def metrics(request: web.Request) -> web.Response:
    """What Prometheus scrapes."""
    return web.Response(
        body=exposition(request.app[REGISTRY]), headers={"Content-Type": CONTENT_TYPE}
    )


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/healthz",
        handler=healthz,
        name="health",
        tag="Service",
        summary="Whether the process answers",
        role=None,
        answers=(Answer(200, "It does.", bodies.Health),),
    ),
    Endpoint(
        method="GET",
        path="/readyz",
        handler=readyz,
        name="readiness",
        tag="Service",
        summary="Whether requests should come here",
        role=None,
        answers=(
            Answer(200, "They should.", bodies.Readiness),
            Answer(503, "Not now; the checks say why.", bodies.Readiness),
        ),
    ),
    Endpoint(
        method="GET",
        path="/metrics",
        handler=metrics,
        name="metrics",
        tag="Service",
        summary="Metrics in Prometheus' text format",
        role=None,
        answers=(Answer(200, "The metrics.", media_type="text/plain"),),
    ),
)
