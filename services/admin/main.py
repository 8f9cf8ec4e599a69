"""The composition root of the admin service: what it is built of, and how it comes and goes."""

import asyncio
import random
import signal
import sys
from dataclasses import dataclass
from time import monotonic

import structlog
from prometheus_client import CollectorRegistry

from events.errors import LogDiverged
from events.streams.feeds import TailFeed
from events.streams.keys import Keys
from events.streams.link import Link, connector
from events.streams.log import RedisLog
from events.streams.shelf import Shelf
from projections.applying import Applied
from projections.follower import Follower, Pace
from projections.held import Held
from projections.history import History, fold
from services.admin.access.bootstrap import tell_if_locked_out
from services.admin.access.parts import AccessParts, build_access
from services.admin.app import build_app, make_runner
from services.admin.appending import AppendQueue
from services.admin.core import AdminCore
from services.admin.fleet_watch import FleetWatch
from services.admin.hub import Hub
from services.admin.keeping import Keeper
from services.admin.mirror import Mirror
from services.admin.opening import Memory, open_log
from services.admin.telling import Telling
from services.admin.views import Update
from services.admin.writer import Writer
from services.listening import listen
from services.membership import Reports
from services.metrics import AdminMetrics
from services.owned import Owned, first_of, persist
from services.settings import Settings


@dataclass(slots=True)
class Parts:
    """Everything that one admin instance is made of."""

    core: AdminCore
    access: AccessParts
    keeper: Keeper
    metrics: AdminMetrics
    source: str
    open_after: float

    async def join(self) -> None:
        """Recall, open the log if need be, and follow it; raises ``LogError`` to be tried again."""
        follower = self.core.mirror.follower
        if not follower.position:
            await self.keeper.recall()
        try:
            keys, watch = follower.applied.keys, self.core.watch
            await open_log(
                self.core.log,
                self.core.mirror,
                keys,
                self.source,
                watch.furthest,
                self.open_after,
            )
            self.keeper.memory.keep(follower.applied.chain)
        except LogDiverged as error:  # the follower takes it from here
            structlog.get_logger().error("log_diverged", error=str(error))
            follower.distrust(error)
        await follower.run()

    async def leave(self) -> None:
        """Keep what should be kept, and close what is open."""
        await self.access.close()
        await self.keeper.last()
        await self.core.mirror.follower.feed.close()
        await self.core.watch.reports.close()
        await self.keeper.shelf.link.close()
        await self.keeper.log.close()  # type: ignore[attr-defined]  # built below, as a RedisLog


def build(settings: Settings, registry: CollectorRegistry) -> Parts:
    """The parts, wired; nothing is connected or started."""
    connect, keys = connector(settings.redis_url), Keys(settings.namespace)
    log, ring = RedisLog.over(connect, keys), settings.key_ring()
    source = f"/promptcast/{settings.namespace}"
    metrics = AdminMetrics(registry)
    telling = Telling(metrics)
    held = Held(History(), History(), fold)
    follower = Follower(
        log,
        TailFeed(Link(connect), keys),
        Applied(held, ring),
        telling,
        pace=Pace(stale_after=settings.stale_after, rebuild_after=None),
        jitter=random.uniform,
    )
    mirror = Mirror(log, follower, held)
    watch = FleetWatch(
        Reports(Link(connect), Link(connect), keys),
        lambda: follower.head_position,
        telling.report,
        telling.looked,
        telling.converged,
    )
    writer = Writer(mirror, AppendQueue(mirror, ring, source), telling)
    telling.core = core = AdminCore(log, mirror, writer, watch, Hub())
    memory = Memory(settings.state_dir / "log.json" if settings.state_dir else None)
    keeper = Keeper(Shelf(Link(connect), keys), log, mirror, ring, memory)
    access = build_access(settings, connect, keys, ring, monotonic)
    access.book.on_change(lambda: core.hub.tell(Update(kind="access", data={})))
    return Parts(core, access, keeper, metrics, source, settings.open_after)


def run(settings: Settings) -> None:
    """Run the admin service until SIGTERM or SIGINT."""
    sys.exit(asyncio.run(serve(settings)))


async def serve(settings: Settings) -> int:
    """Serve until told to stop; the exit status."""
    registry = CollectorRegistry()
    parts = build(settings, registry)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = make_runner(build_app(parts.core, parts.access, settings, parts.metrics, registry))
    await runner.setup()
    url = await listen(runner, settings)
    owned = Owned()
    owned.start("follow", persist("follow", parts.join))
    owned.start("access", persist("access", parts.access.book.run))
    if settings.admin_key is None:
        owned.start("way in", tell_if_locked_out(parts.access.book))
    owned.start("reports", persist("reports", parts.core.watch.follow_reports))
    owned.start("groups", persist("groups", parts.core.watch.look_around))
    owned.start("snapshots", persist("snapshots", parts.keeper.keep_up))
    structlog.get_logger().info("admin_serving", url=url)
    await first_of(stop.wait(), owned.ended.wait())
    parts.core.hub.close()
    await runner.cleanup()
    await owned.stop()
    await parts.leave()
    return 1 if owned.dead else 0
