"""Three servers and three sentinels with the committed files: the master is killed under load."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
import redis

from services.dev.ports import HOST
from tests.deploy.certificates import Certificates
from tests.deploy.redis_server import FILES, KEYS, RedisServer, password
from tests.system.busy import asking
from tests.system.chat_port import ChatPort
from tests.system.edit_api import EditApi
from tests.system.patience import becomes, wait_until
from tests.system.services import KEY, Services

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(150)]
RESUMED_SECONDS = 5.0
"""Between the master's death and the answer to a save that was sent after it."""
NAME = "main"
PROMPT = "system"


class Group:
    """A master, two replicas and a sentinel beside each: every user with a password, all over TLS."""

    def __init__(self, files: Certificates) -> None:
        self._files = files
        own = (*files.lines, f"masterauth {password('server-replica')}")
        secured: dict[str, Any] = {
            "includes": ("redis.conf", "tls.conf", "replication.conf"),
            "tls": files.client,
        }
        master = RedisServer(lines=own, **secured)
        copying = (*own, f"replicaof {HOST} {master.port}")
        self.servers = [master, *(RedisServer(lines=copying, **secured) for _ in range(2))]
        watching: dict[str, Any] = {
            "includes": ("tls.conf",),
            "lines": ((FILES / "sentinel.conf").read_text(), *files.lines),
            "fill": {"MASTER_HOST": HOST, "MASTER_PORT": master.port},
        }
        self.sentinels = [
            RedisServer(is_sentinel=True, tls=files.client, **watching) for _ in range(3)
        ]

    @property
    def nodes(self) -> list[RedisServer]:
        return [*self.servers, *self.sentinels]

    def url_of(self, user: str) -> str:
        hosts = ",".join(f"{HOST}:{each.port}" for each in self.sentinels)
        asks = f"sentinel_username=promptcast&sentinel_password={password('promptcast')}"
        how = f"{asks}&ssl_ca_certs={self._files.ca}"
        return f"rediss+sentinel://{user}:{password(user)}@{hosts}/{NAME}?{how}"

    def start(self) -> None:
        """Start all, and wait until everybody knows everybody."""
        for node in self.nodes:
            node.start()
        wait_until(self._is_whole, 30, self.said)

    def _is_whole(self) -> bool:
        linked = [each.info().get("master_link_status") == "up" for each in self.servers[1:]]
        return all(linked) and all(self._knows(each) for each in self.sentinels)

    def _knows(self, sentinel: RedisServer) -> bool:
        told = sentinel.call("SENTINEL", "MASTER", NAME)
        known = dict(zip(told[::2], told[1::2], strict=True))
        return (known[b"num-slaves"], known[b"num-other-sentinels"]) == (b"2", b"2")

    @property
    def master(self) -> RedisServer:
        """Whom the sentinels name."""
        _, port = self.sentinels[0].call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)
        return next(each for each in self.servers if each.port == int(port))

    def client(self) -> redis.Redis:
        """Of the present master; whoever asks for it closes it."""
        return self.master.client()

    def said(self) -> str:
        return "\n".join(f"--- {node.port}\n{node.said()}" for node in self.nodes)

    def close(self) -> None:
        for node in self.nodes:
            node.close()


class Saved(NamedTuple):
    """One save: when it was sent and answered (monotonic), how, and the hash of its event."""

    sent: float
    answered: float
    status: int
    hash: str


@dataclass(slots=True)
class Saver:
    """Saves one version after the other, each until it has landed."""

    admin: EditApi
    done: list[Saved] = field(default_factory=list)

    async def save(self) -> None:
        version = 2
        while True:
            sent, text, key = time.monotonic(), f"You are version {version}.", f"key-{version}"
            answer = await self.admin.save(PROMPT, text, wait=None, key=key)
            landed = answer.status in (201, 202)
            hash = answer.json["hash"] if landed else ""
            self.done.append(Saved(sent, time.monotonic(), answer.status, hash))
            version += landed

    async def has(self, more_than: int) -> bool:
        """Whether more than so many were acknowledged."""
        return len(self.acknowledged()) > more_than

    def acknowledged(self) -> list[Saved]:
        return [each for each in self.done if each.status == 201]


@asynccontextmanager
async def saving(admin: EditApi) -> AsyncIterator[Saver]:
    saver = Saver(admin)
    task = asyncio.create_task(saver.save())
    try:
        yield saver
    finally:
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(ended, asyncio.CancelledError), ended


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Group]:
    made = Group(Certificates(tmp_path))
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def services(group: Group) -> Iterator[Services]:
    made = Services(group, KEYS)  # type: ignore[arg-type]  # it has all that is asked of a server here
    try:
        yield made
    finally:
        made.close()


async def test_a_master_that_is_killed_costs_no_answer_and_no_save_and_saving_goes_on_soon(
    group: Group, services: Services
) -> None:
    model = await asyncio.to_thread(services.model)
    how = {"state_dir": str(services.directory / "admin"), "durability": "replicas:1"}
    service = await asyncio.to_thread(lambda: services.admin(group.url_of("admin"), **how))
    chats = [
        await asyncio.to_thread(partial(services.chat, id, group.url_of("replica"), model=model))
        for id in ("chat-1", "chat-2")
    ]
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        admin = EditApi(session, service.url, KEY)
        (await admin.create(PROMPT, "You are version 1.")).expect(201)
        ports = [ChatPort(session, chat.url) for chat in chats]
        old = group.master
        async with asking(ports[0], PROMPT, 2) as first, asking(ports[1], PROMPT, 2) as second:
            async with saving(admin) as saver:
                await becomes(saver.has, 10)
                old.kill()
                killed = time.monotonic()
                await becomes(has_resumed, saver, killed)
                resumed = min(each.answered for each in after(saver, killed)) - killed
                await becomes(saver.has, len(saver.acknowledged()) + 10)
            for users in (first, second):
                await becomes(users.have_had, users.answers + 20)
        assert not first.failed + second.failed
        assert group.master is not old
        await nothing_is_lost(services, admin, saver)
    print(f"saves resumed {resumed:.2f} s after the master's death")
    assert resumed < RESUMED_SECONDS, f"{resumed:.1f} s\n{group.said()}"
    await the_old_master_follows(group, old)
    assert {node.port: node.denied() for node in group.nodes if node.denied()} == {}


def after(saver: Saver, moment: float) -> list[Saved]:
    """What was acknowledged of what was sent since."""
    return [each for each in saver.acknowledged() if each.sent > moment]


async def has_resumed(saver: Saver, killed: float) -> bool:
    return bool(after(saver, killed))


async def nothing_is_lost(services: Services, admin: EditApi, saver: Saver) -> None:
    """What was acknowledged stands in the new master's log, and so does what had landed."""
    with services.hand() as hand:
        entries = hand.entries()
    assert [each.position for each in entries] == list(range(1, len(entries) + 1))
    stored = {each.hash for each in entries}
    assert [each for each in saver.done if each.hash and each.hash not in stored] == []
    fleet = await admin.all_members(state="current", applied_position=len(entries))
    assert set(fleet) == {"chat-1", "chat-2"}


async def the_old_master_follows(group: Group, old: RedisServer) -> None:
    """Started again as it was, it is made a copy of the new one, and can log in there."""
    await asyncio.to_thread(old.start)

    async def follows() -> bool:
        with contextlib.suppress(redis.RedisError):  # whose role changes cuts its clients off
            return old.info().get("master_link_status") == "up"
        return False

    await becomes(follows, seconds=30.0)
    assert "replicaof" in old.config.read_text(), "its own file was written anew"
    assert old.call("XLEN", KEYS.log) == group.master.call("XLEN", KEYS.log)
