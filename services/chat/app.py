"""The chat service's application: what it is made of, and which path leads where."""

from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry

from services.chat.auth import ChatKey
from services.chat.body import MAX_BODY_BYTES
from services.chat.boundary import make_boundary
from services.chat.completions import Completions
from services.chat.cors import Cors
from services.chat.drain import Drain
from services.chat.headers import Stamp
from services.chat.models import Models
from services.chat.replica import Replica
from services.chat.simple import Simple
from services.chat.status import Status
from services.chat.turn import Turns
from services.chat.upstream import Upstream
from services.front_door.door import FrontDoor
from services.front_door.runner import GuardedRunner, guard
from services.metrics import ReplicaMetrics
from services.settings import Settings

DRAIN: Final = web.AppKey("drain", Drain)
UPSTREAM: Final = web.AppKey("upstream", Upstream)


def build_app(
    replica: Replica,
    settings: Settings,
    metrics: ReplicaMetrics,
    registry: CollectorRegistry,
    upstream: Upstream,
) -> web.Application:
    """The application over its parts; it closes ``upstream`` at its end.

    To leave without cutting anybody off: ``app[DRAIN].leave(…)``, then clean the runner up.
    """
    drain, cors = Drain(), Cors(settings.cors_origins)
    app = web.Application(middlewares=[make_boundary(cors)], client_max_size=MAX_BODY_BYTES)
    app[DRAIN], app[UPSTREAM] = drain, upstream
    guard(app, FrontDoor(settings.connections_per_address, metrics.connections_refused))
    app.cleanup_ctx.append(_model_client)
    app.on_response_prepare.append(Stamp(replica, drain))
    app.on_response_prepare.append(cors.stamp)
    turns = Turns(replica, metrics, drain, concurrency=settings.chat_concurrency)
    _route_chat(app, replica, settings, turns, upstream)
    # beyond the limit the admins count it as dead, and wait for it no more
    stale_for = settings.reap_after if settings.ready_when_stale else 0.0
    _route_status(app, Status(replica, drain, registry, stale_for=stale_for))
    return app


def make_runner(app: web.Application, *, shutdown_seconds: float = 1.0) -> web.AppRunner:
    """A runner that cancels a handler when its client leaves, and with it the call to the model.

    ``shutdown_seconds`` is what is left to handlers once draining has had its time.
    """
    return GuardedRunner(app, handler_cancellation=True, shutdown_seconds=shutdown_seconds)


def _route_chat(
    app: web.Application, replica: Replica, settings: Settings, turns: Turns, upstream: Upstream
) -> None:
    key = settings.chat_key
    guard = ChatKey(None if key is None else key.get_secret_value()).guard
    completions = Completions(
        turns,
        upstream,
        model=settings.model,
        allow_client_system=settings.allow_client_system,
    )
    simple = Simple(turns, upstream, model=settings.model, replica=replica.id)
    models = Models(replica, settings.model)
    app.router.add_post("/v1/chat/completions", guard(completions.answer))
    app.router.add_post("/chat", guard(simple.answer))
    app.router.add_get("/v1/models", guard(models.list))
    app.router.add_get("/v1/models/{model:.+}", guard(models.one))


def _route_status(app: web.Application, status: Status) -> None:
    app.router.add_get("/healthz", status.healthz)
    app.router.add_get("/readyz", status.readyz)
    app.router.add_get("/metrics", status.metrics)
    app.router.add_get("/prompt", status.prompt)


async def _model_client(app: web.Application) -> AsyncIterator[None]:
    yield
    await app[UPSTREAM].close()
