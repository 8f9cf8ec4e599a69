"""The composition root of the admin service: what it is built of, and how it comes and goes."""

import asyncio
import random
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import structlog
from prometheus_client import CollectorRegistry

from events.errors import LogDiverged
from events.streams import rights
from events.streams.durability import Durability
from events.streams.feeds import TailFeed
from events.streams.keys import Keys
from events.streams.link import Connect, Link, connector
from events.streams.log import RedisLog
from events.streams.shelf import Shelf
from projections.applying import Applied
from projections.follower import Follower
from projections.held import Held
from projections.history import History, fold
from projections.pace import Pace
from services.admin.access.bootstrap import tell_if_locked_out
from services.admin.access.lost_credentials import LostCredentials
from services.admin.access.parts import AccessParts, build_access
from services.admin.app import build_app, make_runner
from services.admin.appending import AppendQueue
from services.admin.core import AdminCore
from services.admin.extent import Extent
from services.admin.fleet_watch import FleetWatch
from services.admin.healing.parts import HEAR_SECONDS, Healing, build_healing, gates
from services.admin.hub import Hub
from services.admin.journal.archive import archive_of
from services.admin.journal.journal import Journal, journal_of
from services.admin.keeping import Keeper
from services.admin.mending.desk import DESK, Desk
from services.admin.mending.trimming import Trimming
from services.admin.mirror import Mirror
from services.admin.opening import open_log
from services.admin.reaper import Reaper
from services.admin.telling import Telling
from services.admin.views import Update
from services.admin.writer import Writer
from services.failover import follow_master
from services.leaving import in_time
from services.listening import listen
from services.membership import Reports
from services.metrics import AdminMetrics
from services.owned import Owned, first_of, persist
from services.server_checks import ServerChecks, on_gauges
from services.settings import Settings


@dataclass(slots=True)
class Parts:
    """Everything that one admin instance is made of."""

    core: AdminCore
    access: AccessParts
    keeper: Keeper
    metrics: AdminMetrics
    source: str
    connect: Connect
    checks: ServerChecks
    reaper: Reaper
    healing: Healing
    lost: LostCredentials
    extent: Extent

    async def join(self) -> None:
        """Recall, open the log if need be, and follow it; raises ``LogError`` to be tried again."""
        follower = self.core.mirror.follower
        if not follower.position:
            await self.keeper.recall()
        try:
            await open_log(self.core.log, self.core.mirror, follower.applied.keys, self.source)
        except LogDiverged as error:  # the follower takes it from here
            structlog.get_logger().error("log_diverged", error=str(error))
            follower.distrust(error)
        await follower.run()

    def trimming(self) -> Trimming:
        """What an operator trims the log with."""
        core, log = self.core, self.healing.of["log"].log
        queue, watch, roll = core.writer.queue, core.watch, self.healing.roll
        return Trimming(log, core.mirror, queue, self.keeper, watch, roll)

    def journals(self) -> list[Journal]:
        """The journals that are kept: none without a directory to keep them in."""
        kept = (self.core.mirror.journal, self.access.book.tracked.journal)
        return [journal for journal in kept if journal]

    async def leave(self) -> None:
        """Keep what should be kept, and close what is open."""
        await self.healing.leave()
        await self.access.close()
        await self.keeper.last()
        await self.core.mirror.follower.feed.close()
        if self.core.mirror.journal:
            await self.core.mirror.journal.close()
        await self.core.watch.reports.close()
        await self.keeper.shelf.link.close()
        await self.keeper.log.close()  # type: ignore[attr-defined]  # built below, as a RedisLog


def build(settings: Settings, registry: CollectorRegistry) -> Parts:
    """The parts, wired; nothing is connected or started."""
    connect, keys = connector(settings.redis_url), Keys(settings.namespace)
    shut, ring = gates(), settings.key_ring()
    gate, durability = shut["log"], Durability.of(settings.durability)
    log = RedisLog.over(connect, keys, durability, gate.met, gate.noted)
    source = f"/promptcast/{settings.namespace}"
    metrics = AdminMetrics(registry)
    telling = Telling(metrics, doubt=gate.doubt)
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
    mirror.journal = journal_of(settings.state_dir, "log", log, follower, metrics)
    mirror.gate = gate
    log.archive = archive_of(mirror)
    watch = FleetWatch(
        Reports(Link(connect), Link(connect), keys),
        lambda: follower.head_position,
        telling.report,
        telling.looked,
        telling.converged,
    )
    writer = Writer(mirror, AppendQueue(mirror, ring, source), telling)
    telling.core = core = AdminCore(log, mirror, writer, watch, Hub())
    keeper = Keeper(Shelf(Link(connect), keys), log, mirror, ring)
    follower.skip = keeper.skip
    access = build_access(settings, connect, keys, ring, monotonic, metrics, shut["access"])
    access.book.on_change(lambda: core.hub.tell(Update(kind="access", data={})))
    healing = build_healing(
        settings, connect, keys, metrics, {"log": mirror, "access": access.book.tracked},
        lambda view: core.hub.tell(Update(kind="log", data=view)),
    )  # fmt: skip
    core.gates = healing.views
    watch.on_admin = watch.also_told = healing.roll.hear
    checks = ServerChecks(
        Link(connect),
        rights.admin(keys, log.durability),
        log.durability,
        settings.server_checks,
        on_gauges(metrics),
    )
    reaper = Reaper(watch, settings.reap_after, metrics.replicas_reaped.inc)
    shown = metrics.credentials_lost.set
    lost = LostCredentials(access.book, access.credentials, shut["access"], shown)
    return Parts(
        core,
        access,
        keeper,
        metrics,
        source,
        connect,
        checks,
        reaper,
        healing,
        lost,
        Extent(log, lambda: follower.applied.chain, metrics),
    )


def run(settings: Settings) -> None:
    """Run the admin service until SIGTERM or SIGINT."""
    sys.exit(asyncio.run(serve(settings, in_time)))


async def serve(settings: Settings, leaving: Callable[[int], object] = lambda _status: None) -> int:
    """Serve until told to stop; the exit status, which ``leaving`` is told when the rest is only to let
    go."""
    registry = CollectorRegistry()
    parts = build(settings, registry)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    app = build_app(parts.core, parts.access, settings, parts.metrics, registry)
    app[DESK] = Desk(parts.healing, parts.trimming())
    runner = make_runner(app)
    await runner.setup()
    url = await listen(runner, settings)
    await parts.healing.begin()
    owned = Owned()
    parts.healing.start(owned)
    owned.start("master", follow_master(parts.connect))
    checks = parts.checks
    owned.start("server checks", checks.run())
    owned.start("follow", persist("follow", lambda: checks.behind(parts.join)))
    owned.start("access", persist("access", lambda: checks.behind(parts.access.book.run)))
    if settings.admin_key is None:
        owned.start("way in", tell_if_locked_out(parts.access.book))
    owned.start("credentials", persist("credentials", parts.lost.run))
    owned.start("reports", persist("reports", parts.core.watch.follow_reports, HEAR_SECONDS))
    owned.start("groups", persist("groups", parts.core.watch.look_around))
    owned.start("reaper", persist("reaper", parts.reaper.run))
    owned.start("extent", persist("extent", parts.extent.run))
    owned.start("snapshots", persist("snapshots", parts.keeper.keep_up))
    for journal in parts.journals():
        owned.start(f"journal {journal.name}", journal.keep_up())
    if not parts.journals():
        structlog.get_logger().warning("no_journal", reason="PROMPTCAST_STATE_DIR is not set")
    structlog.get_logger().info("admin_serving", url=url)
    await first_of(stop.wait(), owned.ended.wait())
    parts.core.hub.close()
    await runner.cleanup()
    await owned.stop()
    status = 1 if owned.dead else 0
    leaving(status)
    await parts.leave()
    return status
