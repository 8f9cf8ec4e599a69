"""Services over Sentinel: the master dies or is replaced, and nobody who chats notices."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count

import aiohttp
import pytest

from events.streams.keys import Keys
from tests.sentinel import Node, Sentinels
from tests.system.answers import Answer
from tests.system.busy import asking
from tests.system.chat_port import ChatPort
from tests.system.edit_api import EditApi
from tests.system.hand import Hand
from tests.system.patience import becomes
from tests.system.services import KEY, Service, Services
from tests.system.system import System

pytestmark = [pytest.mark.redis, pytest.mark.faults, pytest.mark.soak]
RESUMED_SECONDS = 5.0
"""Between a server's promotion and the first save that it has."""
SAVED = (201, 202)
"""202: it landed, and whether it is as durable as was asked for was not heard."""


@pytest.fixture
def group() -> Iterator[Sentinels]:
    made = Sentinels()
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def over_group(group: Sentinels) -> Iterator[Services]:
    made = Services(group)  # type: ignore[arg-type]  # it has all that is asked of a server here
    try:
        yield made
    finally:
        made.close()


class Saver:
    """Saves one version after the other, each until it is acknowledged."""

    def __init__(self, admin: EditApi, prompt: str) -> None:
        self.hashes: dict[int, str] = {}
        """Of what was acknowledged, by version."""
        self._admin, self._prompt = admin, prompt

    async def save(self) -> None:
        """Save until cancelled."""
        for version in count(2):
            text, key = f"You are version {version}.", f"key-{version}"
            while (answer := await self._try(text, key)).status not in SAVED:
                answer.expect(503)
            assert answer.json["version"] == version
            self.hashes[version] = answer.json["hash"]

    async def _try(self, text: str, key: str) -> Answer:
        return await self._admin.save(self._prompt, text, wait=None, key=key)

    async def has(self, more_than: int) -> bool:
        """Whether more than so many were acknowledged."""
        return len(self.hashes) > more_than


@asynccontextmanager
async def saving(admin: EditApi, prompt: str = "system") -> AsyncIterator[Saver]:
    """One who saves as long as the block runs."""
    saver = Saver(admin, prompt)
    task = asyncio.create_task(saver.save())
    try:
        yield saver
    finally:
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
    if not isinstance(ended, asyncio.CancelledError):
        raise AssertionError(f"the saver ended: {ended!r}")


async def test_a_master_that_is_killed_under_saves_costs_no_answer_and_no_replicated_save(
    group: Sentinels, over_group: Services, model: str, session: aiohttp.ClientSession
) -> None:
    over_group.open_log()
    state = str(over_group.directory / "state")
    admin = EditApi(session, (await asyncio.to_thread(over_group.admin, state_dir=state)).url, KEY)
    chats = [await asyncio.to_thread(_chat, over_group, id, model) for id in ("chat-1", "chat-2")]
    (await admin.create("system", "You are version 1.")).expect(201)
    ports = [ChatPort(session, chat.url) for chat in chats]
    async with asking(ports[0], "system", 2) as first, asking(ports[1], "system", 2) as second:
        async with saving(admin) as saver:
            await becomes(saver.has, 20)
            await asyncio.to_thread(group.wait_replicated)
            replicated = dict(saver.hashes)
            old = await asyncio.to_thread(group.kill_master)
            await asyncio.to_thread(group.wait_promoted, old)
            promoted, landed = time.monotonic(), len(saver.hashes)
            await becomes(saver.has, landed)
            assert time.monotonic() - promoted < RESUMED_SECONDS
            await becomes(saver.has, landed + 20)
        for users in (first, second):
            await becomes(users.have_had, users.answers + 10)
    assert not first.failed + second.failed
    with over_group.hand() as hand:
        assert group.master is not old
        await _all_is_there(hand, admin, group.master, {**saver.hashes, **replicated})


async def _all_is_there(hand: Hand, admin: EditApi, master: Node, hashes: dict[int, str]) -> None:
    """On the new master itself; and every replica serves the end of it."""
    assert hand.client.connection_pool.connection_kwargs["port"] == master.port
    entries = hand.entries()
    assert [entry.position for entry in entries] == list(range(1, len(entries) + 1))
    stored = {entry.hash for entry in entries}
    assert [version for version, hash in hashes.items() if hash not in stored] == []
    fleet = await admin.all_members(state="current", applied_position=len(entries))
    assert set(fleet) == {"chat-1", "chat-2"}


def _chat(services: Services, id: str, model: str) -> Service:
    return services.chat(id, model=model)


async def test_promptcast_dev_goes_on_over_a_planned_failover_and_loses_nothing(
    group: Sentinels, start_system: Callable[..., System], session: aiohttp.ClientSession
) -> None:
    """With one sentinel that is gone, too. Saves wait while the master moves."""
    system = await asyncio.to_thread(start_system, "--replicas", "2", REDIS_URL=group.url)
    admin = EditApi(session, system.ready.admin, system.ready.admin_key)
    (await admin.create("planned", "You are version 1.")).expect(201)
    group.sentinels[2].kill()
    async with asking(ChatPort(session, system.ready.chat), "planned", 4) as users:
        async with saving(admin, "planned") as saver:
            await becomes(saver.has, 20)
            old = await asyncio.to_thread(group.fail_over)
            new = await asyncio.to_thread(group.wait_promoted, old)
            promoted, landed = time.monotonic(), len(saver.hashes)
            await becomes(saver.has, landed)
            assert time.monotonic() - promoted < RESUMED_SECONDS
            await becomes(saver.has, landed + 20)
        await becomes(users.have_had, users.answers + 10)
    assert not users.failed
    with Hand(group.client(), Keys("promptcast")) as hand:
        await _all_is_there(hand, admin, new, saver.hashes)
