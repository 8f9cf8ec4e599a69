"""A stage: the edit API over a real core, which stands on a log in memory or on a real server."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from events.chain import Entry
from events.envelope import digest
from events.memory import MemoryFeed, MemoryLog
from events.signing import KeyRing
from events.streams.keys import Keys
from events.streams.link import Link, connector
from projections.applying import Applied
from projections.fleet import Member
from projections.follower import Follower
from projections.held import Held
from projections.history import History, fold
from projections.pace import Pace
from projections.reports import LiveVersion, Rejection, Report, Status
from services.admin.access.parts import AccessParts
from services.admin.app import build_app, make_runner
from services.admin.appending import AppendQueue
from services.admin.core import AdminCore
from services.admin.fleet_watch import FleetWatch
from services.admin.hub import Hub
from services.admin.main import build
from services.admin.mending.desk import DESK, Desk, Filled
from services.admin.mending.mended import Mended
from services.admin.mending.trimming import Trimmed
from services.admin.mirror import Mirror
from services.admin.telling import Telling
from services.admin.writer import Writer
from services.membership import Group, Membership
from services.metrics import AdminMetrics
from services.settings import load_settings
from tests.scribe import Scribe
from tests.services.admin.access.memory import access_in_memory
from tests.waiting import until

KEY = "a-key-of-some-length"
SOURCE = "/promptcast/test"
PROMPTS = "/api/v1/prompts"


@dataclass
class Reports:
    """The reports of replicas that exist only here."""

    queue: asyncio.Queue[Report] = field(default_factory=asyncio.Queue)

    async def recent(self) -> list[Report]:
        return []

    async def next(self) -> list[Report]:
        return [await self.queue.get()]

    async def groups(self) -> list[Group]:
        return []


@dataclass
class Stage:
    """The API's client, and what stands behind it."""

    core: AdminCore
    client: TestClient[Any, Any]
    publish: Callable[[Report], Awaitable[None]]
    put: Callable[[Entry], Awaitable[None]]
    registry: CollectorRegistry
    access: AccessParts
    sequence: int = 0

    async def call(self, method: str, path: str, **how: Any) -> ClientResponse:
        headers = {"Authorization": f"Bearer {KEY}", **how.pop("headers", {})}
        return await self.client.request(method, path, headers=headers, **how)

    async def get(self, path: str, status: int = 200, **how: Any) -> Any:
        response = await self.call("GET", path, **how)
        assert response.status == status, await response.text()
        return await response.json(content_type=None)

    async def save(
        self, template: str = "Be kind.", name: str = "system", on: Any = "new", **how: Any
    ) -> ClientResponse:
        """Save; ``on`` is a revision, ``*``, or ``new`` to create the prompt."""
        body = {"template": template, **how.pop("body", {})}
        headers = {**condition(on), **how.pop("headers", {})}
        path = f"{PROMPTS}/{name}/versions"
        return await self.call("POST", path, json=body, headers=headers, **how)

    async def saved(self, *args: Any, **how: Any) -> dict[str, Any]:
        response = await self.save(*args, **how)
        assert response.status == 201, await response.text()
        return await response.json()

    async def restore(
        self, version: Any, name: str = "system", on: Any = "*", **how: Any
    ) -> ClientResponse:
        body = {"version": version, **how.pop("body", {})}
        headers = {**condition(on), **how.pop("headers", {})}
        path = f"{PROMPTS}/{name}/restore"
        return await self.call("POST", path, json=body, headers=headers, **how)

    async def archive(self, name: str = "system", on: Any = "*", **how: Any) -> ClientResponse:
        headers = {**condition(on), **how.pop("headers", {})}
        return await self.call("DELETE", f"{PROMPTS}/{name}", headers=headers, **how)

    async def report(self, replica: str, position: int, **more: Any) -> None:
        """Let a replica say that it has applied through ``position``, and wait until it is heard."""
        self.sequence += 1
        live = {"system": LiveVersion(version=1, revision=2, content_hash="c" * 64)}
        status = Status(
            url="http://127.0.0.1:1", started_at=1, head_position=position, live=live,
            globs=more.pop("globs", ("*",)),
        )  # fmt: skip
        report = Report(
            replica=replica, instance="run-1", sequence=self.sequence, position=position,
            hash="a" * 64, state="current", status=status, **more,
        )  # fmt: skip
        await self.publish(report)
        await until(lambda: (member := self.members.get(replica)) and member.report == report)

    @property
    def members(self) -> Mapping[str, Member]:
        return self.core.watch.fleet.members

    async def poison(self, event: bytes, **fields: Any) -> int:
        """Write bytes into the log as anybody with access to it could; their position."""
        position = self.core.head_position + 1
        await self.put(Entry(position, event, fields.pop("hash", digest(event)), 1, **fields))
        await until(lambda: self.core.mirror.follower.position >= position)
        return position


def rejection(position: int) -> Rejection:
    return Rejection(position=position, reason="invalid", detail="no good")


def condition(on: Any) -> dict[str, str]:
    if on is None:
        return {}
    if on == "new":
        return {"If-None-Match": "*"}
    return {"If-Match": "*" if on == "*" else f'"{on}"'}


def problem(response: ClientResponse, body: dict[str, Any]) -> str:
    """The type of the problem that an answer is; it is one in all respects."""
    assert response.content_type == "application/problem+json"
    assert body["status"] == response.status
    assert body["title"]
    assert body["detail"]
    return str(body["type"]).removeprefix("/problems/")


async def refusal(response: ClientResponse) -> tuple[int, str]:
    """The status of an answer, and the type of the problem that it is."""
    return response.status, problem(response, json.loads(await response.read()))


@asynccontextmanager
async def in_memory() -> AsyncIterator[Stage]:
    """The core over a log in memory."""
    log, registry, ring = MemoryLog(), CollectorRegistry(), KeyRing()
    telling = Telling(AdminMetrics(registry))
    held = Held(History(), History(), fold)
    follower = Follower(
        log, MemoryFeed(log, 1.0), Applied(held, ring), telling, pace=Pace(rebuild_after=None)
    )
    mirror, reports = Mirror(log, follower, held), Reports()
    watch = FleetWatch(
        reports,  # type: ignore[arg-type]  # all of it that is used
        lambda: follower.head_position,
        telling.report,
        telling.looked,
        telling.converged,
    )
    writer = Writer(mirror, AppendQueue(mirror, ring, SOURCE), telling)
    telling.core = core = AdminCore(log, mirror, writer, watch, Hub())
    await log.put(Scribe().opened())
    settings = load_settings({"PROMPTCAST_ADMIN_KEY": KEY}, service="admin")
    access = access_in_memory()
    async with (
        _served(core, access, telling.metrics, settings, registry, IdleDesk()) as client,
        _running(follower.run, watch.follow_reports, access.book.run),
    ):
        await until(lambda: core.state == access.book.state == "current")
        yield Stage(core, client, reports.queue.put, log.put, registry, access)


@asynccontextmanager
async def on_server(
    url: str, namespace: str, opened: bool = False, **settings_in_environment: str
) -> AsyncIterator[Stage]:
    """The core as the admin service builds it, on a real server; ``opened``: beside another one."""
    registry, keys, link = CollectorRegistry(), Keys(namespace), Link(connector(url))
    environment = {
        "PROMPTCAST_ADMIN_KEY": KEY,
        "REDIS_URL": url,
        "PROMPTCAST_NAMESPACE": namespace,
        "PROMPTCAST_OPEN_AFTER": "0",
        "PROMPTCAST_REJOIN_AFTER": "0.5",
        **settings_in_environment,
    }
    settings = load_settings(environment, service="admin")
    parts = build(settings, registry)
    core = parts.core

    async def publish(report: Report) -> None:
        member = Membership(link, keys, report.replica, report.instance)
        await member.publish(report.to_bytes)

    async def put(entry: Entry) -> None:
        fields: dict[str, bytes | str | int] = {
            "event": entry.event,
            "hash": entry.hash,
            "at": entry.at,
        }
        fields |= {name: getattr(entry, name) for name in ("kid", "sig") if getattr(entry, name)}
        flat = [part for pair in fields.items() for part in pair]
        await link.call("XADD", keys.log, f"{entry.position}-0", *flat)

    if not opened:
        await put(Scribe().opened())
    access = parts.access
    desk = Desk(parts.healing, parts.trimming())
    async with _served(core, access, parts.metrics, settings, registry, desk) as client:
        works = [parts.join, core.watch.follow_reports, access.book.run]
        works += [journal.keep_up for journal in parts.journals()]
        works += parts.healing.works()
        async with _running(*works):
            await until(lambda: core.state == access.book.state == "current")
            await until(lambda: all(each.healer.gate.is_open for each in parts.healing.of.values()))
            yield Stage(core, client, publish, put, registry, access)
        await parts.leave()
    await link.close()


@asynccontextmanager
async def _served(
    core: Any, access: Any, metrics: Any, settings: Any, registry: Any, desk: Any
) -> AsyncIterator[Any]:
    app = build_app(core, access, settings, metrics, registry)
    app[DESK] = desk
    async with TestClient(OurServer(app)) as client:
        yield client


class IdleDesk:
    """Of logs in memory, which nothing ever happens to."""

    async def forks(self) -> dict[str, Any]:
        log: dict[str, Any] = {
            "state": "open",
            "reason": "",
            "since": "1970-01-01T00:00:00.000000Z",
            "beyond": [],
            "trimmed": 0,
            "lacks": [],
        }
        log |= {"head": None, "journal": None, "common": None}
        return {"log": {**log, "log": "log"}, "access": {**log, "log": "access"}, "files": []}

    def file(self, _name: str) -> None:
        return None

    async def nothing(self, *_asked: Any) -> Mended:
        return Mended(0, 0, "0" * 64, changed=False)

    settle = repair = import_file = nothing

    async def trim(self, *_asked: Any) -> Trimmed:
        return Trimmed(0, 0, 0)

    async def fill(self, *_asked: Any) -> Filled:
        return Filled(0, [])


class OurServer(TestServer):
    """With the runner that the service itself has."""

    async def _make_runner(self, **_theirs: Any) -> Any:
        return make_runner(self.app)


@asynccontextmanager
async def _running(*works: Callable[[], Any]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(work()) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
