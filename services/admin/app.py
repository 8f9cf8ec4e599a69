"""The admin service's application: what it is made of."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

from aiohttp import web
from prometheus_client import CollectorRegistry

from services.admin.access.denials import DENIALS, Denials
from services.admin.access.guard import GUARD, Guard
from services.admin.access.parts import ACCESS, AccessParts
from services.admin.access.signing_in import SIGN_INS
from services.admin.body import MAX_BODY_BYTES
from services.admin.boundary import boundary, stamp
from services.admin.context import COMPARING, CORE, REGISTRY, SETTINGS, WATCHERS
from services.admin.endpoint import mount
from services.admin.port import Core
from services.admin.routes import routes
from services.admin.trying.trials import TRIALS, Trials
from services.admin.watchers import Watchers
from services.front_door.door import FrontDoor
from services.front_door.runner import GuardedRunner, guard
from services.metrics import AdminMetrics
from services.settings import Settings


def build_app(
    core: Core,
    access: AccessParts,
    settings: Settings,
    metrics: AdminMetrics,
    registry: CollectorRegistry,
) -> web.Application:
    """The application over its parts, which somebody else starts and stops."""
    app = web.Application(middlewares=[boundary], client_max_size=MAX_BODY_BYTES)
    app[CORE], app[SETTINGS], app[REGISTRY] = core, settings, registry
    app[WATCHERS] = Watchers(metrics.sse_clients)
    app[COMPARING] = asyncio.Lock()
    app[ACCESS], app[SIGN_INS] = access, metrics.sign_ins
    app[DENIALS] = Denials(metrics.denials, monotonic)
    key = settings.admin_key.get_secret_value() if settings.admin_key else None
    app[GUARD] = Guard(key, access, app[DENIALS])
    app[TRIALS] = Trials(core, settings)
    guard(app, FrontDoor(settings.connections_per_address, metrics.connections_refused))
    app.cleanup_ctx.append(_trials)
    app.on_response_prepare.append(stamp)
    app.on_shutdown.append(leave)
    mount(app, routes(), app[GUARD])
    return app


async def _trials(app: web.Application) -> AsyncIterator[None]:
    yield
    await app[TRIALS].close()


async def leave(app: web.Application) -> None:
    """Fail readiness and end the streams of updates; the rest is answered. May be called early."""
    app[WATCHERS].closing.set()


def make_runner(app: web.Application, *, shutdown_seconds: float = 5.0) -> web.AppRunner:
    """A runner that lets a change under way finish, even if its client has left."""
    return GuardedRunner(app, handler_cancellation=False, shutdown_seconds=shutdown_seconds)
