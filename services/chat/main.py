"""The composition root of a chat replica: what it is built of, and how it comes and goes."""

import asyncio
import random
import secrets
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from events.errors import ClaimError, LogError
from events.streams import rights
from events.streams.durability import Durability
from events.streams.feeds import GroupFeed
from events.streams.keys import Keys
from events.streams.link import Link, connector
from events.streams.log import RedisLog
from events.streams.shelf import Shelf
from projections.applying import Applied
from projections.follower import Follower
from projections.held import Held
from projections.live import Live
from projections.pace import Pace
from projections.tail import Tail
from services.chat.app import DRAIN, UPSTREAM, build_app, make_runner
from services.chat.keeping import Keeping, keeping_of
from services.chat.last_good import LastGood
from services.chat.loading import Loading, tried_out
from services.chat.marks import Marks
from services.chat.member import Member, ReplicaObserver
from services.chat.offering import Offering
from services.chat.quarantine import Quarantine
from services.chat.sdk import UpstreamOptions
from services.chat.start import Start
from services.chat.tail_file import TailFile
from services.chat.upstream import Upstream
from services.failover import follow_master
from services.leaving import in_time
from services.listening import listen, listen_shared
from services.membership import Membership
from services.metrics import ReplicaMetrics
from services.owned import Owned, first_of
from services.server_checks import ServerChecks
from services.settings import Settings

FORGET_EVERY = 60
"""Heartbeats between two clean-ups of label sets."""


WARM_UP_SECONDS = 0.5
"""Between ready and importing the model's SDK, which takes a second of a core: those who start on the
same machine go first. A question that comes earlier does not wait for it."""


@dataclass(slots=True)
class Parts:
    """Everything that one replica is made of."""

    settings: Settings
    member: Member
    follower: Follower
    membership: Membership
    offering: Offering
    shelf: Shelf
    loading: Loading
    start: Start
    log: RedisLog
    metrics: ReplicaMetrics
    app: web.Application
    keeping: Keeping
    beats: int = 0

    async def beat(self) -> None:
        """One heartbeat: the claim, the report, and now and then a clean-up."""
        await self.membership.beat(self.member.heartbeat)
        await self.offering.renew(self.follower.state)
        self.keeping.again()
        self.beats += 1
        if self.beats % FORGET_EVERY == 0:
            live = self.member.prompts()
            self.metrics.forget({name: each.version for name, each in live.items()})

    async def join(self) -> None:
        """Claim the replica id, start from a snapshot if there is one, and follow until cancelled."""
        await asyncio.to_thread(self.loading.open)
        await self._claim()
        await asyncio.to_thread(self.loading.open)  # again: the one before has gone by now
        self.member.started_at = self.log.clock.now()
        await self.start.go_on()
        await self.shelf.link.close()  # nothing more comes from there; a fleet's connections count
        await self.follower.run()

    async def _claim(self) -> None:
        while True:
            try:
                await self.membership.claim()
                return
            except LogError as error:
                structlog.get_logger().warning("log_lost", error=str(error))
                await self.start.serve_last_good()
                await asyncio.sleep(0.5)

    async def leave(self) -> None:
        """Say good-bye, if Redis can be reached; close what is open."""
        try:
            await self.membership.leave(self.member.last_word())
        except LogError as error:
            structlog.get_logger().warning("left_silently", error=str(error))
        await self.keeping.last()
        await self.follower.feed.close()
        await self.membership.link.close()
        await self.shelf.link.close()
        await self.log.close()


def build(settings: Settings, registry: CollectorRegistry) -> Parts:
    """The replica's parts, wired; nothing is connected or started."""
    connect, keys = connector(settings.redis_url), Keys(settings.namespace)
    log, ring = RedisLog.over(connect, keys), settings.key_ring()
    instance = secrets.token_hex(8)
    empty = Live(settings.prompts)
    held, tail = Held(empty, empty, tried_out), Tail()
    metrics = ReplicaMetrics(registry)
    quarantine = Quarantine(_kept(settings, "quarantine"), ring, metrics.quarantined.set)
    loading = Loading(held, Marks(_kept(settings, "loading")), quarantine)
    member = Member(settings.replica_id, instance, held)
    member.chat_key = settings.chat_key.get_secret_value() if settings.chat_key else None
    observer = ReplicaObserver(
        held, metrics, lambda: log.clock.offset_seconds, lambda: follower.position
    )
    feed = GroupFeed(Link(connect), keys, settings.replica_id, instance)
    follower = Follower(
        log,
        feed,
        Applied(loading, ring, judge=loading.judge),
        observer,
        report=member.acknowledgement,
        beat=lambda: parts.beat(),  # noqa: PLW0108  the parts are made below
        pace=Pace(stale_after=settings.stale_after),
        jitter=random.uniform,
    )
    member.follower, follower.taken = follower, tail.take
    membership = Membership(Link(connect), keys, settings.replica_id, instance)
    shelf = Shelf(Link(connect), keys)
    tail_file = TailFile(_kept(settings, "tail.jsonl"), tail)
    last_good = LastGood(_kept(settings, "last-good"), ring, settings.prompts, loading)
    failed = metrics.state_errors
    keeping = keeping_of(
        follower, held, last_good, tail_file, quarantine, lambda what: failed.labels(what).inc()
    )
    start = Start(held, follower, last_good, shelf, loading, tail_file)
    follower.skip = start.skip
    parts = Parts(
        settings=settings,
        member=member,
        follower=follower,
        membership=membership,
        offering=Offering(membership, tail),
        shelf=shelf,
        loading=loading,
        start=start,
        log=log,
        metrics=metrics,
        app=build_app(member, settings, metrics, registry, Upstream(UpstreamOptions.of(settings))),
        keeping=keeping,
    )
    return parts


def _kept(settings: Settings, what: str) -> Path | None:
    """Where a file of this replica's stands, if anything is kept."""
    directory = settings.state_dir
    return directory / f"{settings.replica_id}.{what}" if directory else None


def run(settings: Settings) -> None:
    """Run one replica until SIGTERM or SIGINT; exits 1 when its id is taken."""
    structlog.contextvars.bind_contextvars(replica=settings.replica_id)
    sys.exit(asyncio.run(serve(settings, in_time)))


async def serve(settings: Settings, leaving: Callable[[int], object] = lambda _status: None) -> int:
    """Serve until told to stop; the exit status, which ``leaving`` is told when the rest is only to let
    go."""
    parts = build(settings, CollectorRegistry())
    unwatch = parts.loading.watchdog.install()
    try:
        return await _serve(parts, settings, leaving)
    finally:
        unwatch()
        parts.loading.marks.close()


async def _serve(parts: Parts, settings: Settings, leaving: Callable[[int], object]) -> int:
    parts.metrics.set_state(parts.follower.state)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = make_runner(parts.app)
    await runner.setup()
    url = await listen(runner, settings)
    parts.member.url = settings.advertise_url or url
    owned = Owned()
    owned.start("master", follow_master(parts.log.writer.connect))
    owned.start("server checks", _checks(settings, parts.log).run())
    owned.start("follow", parts.join())
    owned.start("open", _open_when_ready(parts, runner, settings))
    await first_of(stop.wait(), owned.ended.wait())
    status = _status(owned)
    await _drain(parts)
    leaving(status)
    await owned.stop()
    await parts.leave()
    await runner.cleanup()
    return status


def _checks(settings: Settings, log: RedisLog) -> ServerChecks:
    """The server is judged as at the admin, so both should have the same durability set."""
    needed = rights.chat(log.keys, settings.replica_id)
    durability = Durability.of(settings.durability)
    return ServerChecks(Link(log.writer.connect), needed, durability, settings.server_checks)


async def _open_when_ready(parts: Parts, runner: web.AppRunner, settings: Settings) -> None:
    """Take part in the shared port only once there is something to serve."""
    log = structlog.get_logger()
    while not parts.follower.serving:  # noqa: ASYNC110  only at the start
        await asyncio.sleep(0.01)
    await listen_shared(runner, settings)
    log.info("replica_ready", url=parts.member.url, position=parts.follower.position)
    await asyncio.sleep(WARM_UP_SECONDS)
    parts.app[UPSTREAM].open()
    await asyncio.Event().wait()


async def _drain(parts: Parts) -> None:
    drain, settings = parts.app[DRAIN], parts.settings
    # nobody sends anything to a replica that has never been ready
    notice = settings.drain_notice if parts.follower.serving else 0.0
    if not await drain.leave(notice, settings.drain_timeout):
        structlog.get_logger().warning("answers_cut", answers=drain.cut)


def _status(owned: Owned) -> int:
    for error in owned.dead.values():
        if isinstance(error, ClaimError):
            print(f"promptcast chat: {error}", file=sys.stderr)  # noqa: T201  the one clear line
        return 1
    return 0
