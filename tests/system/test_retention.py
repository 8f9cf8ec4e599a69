"""A log whose oldest events were trimmed from the server: to everybody it is the log that it was."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from events.streams.keys import Keys
from services.admin.mending.trimming import LEAST_KEPT
from tests.system.answers import Answer
from tests.system.chat_port import ChatPort
from tests.system.edit_api import EditApi
from tests.system.hand import Hand
from tests.system.patience import becomes
from tests.system.services import KEY, Service, Services

pytestmark = [pytest.mark.redis, pytest.mark.faults]

OLD, BUSY = "old", "busy"
SAVES = LEAST_KEPT + 30


@dataclass
class Archivist:
    """Trims a log by way of one admin, as somebody who has a copy of all of it."""

    admin: EditApi
    hand: Hand

    async def trim(self, keep: int = LEAST_KEPT) -> dict[str, Any]:
        head = await asyncio.to_thread(self.hand.head)
        archived = {"position": head.position, "hash": head.digest}
        body = {"keep": keep, "archived": archived}
        answer = await self.admin.call("POST", "/logs/trim", body=body)
        return dict(answer.expect(200).json)

    async def begins(self) -> int:
        return (await asyncio.to_thread(self.hand.entries))[0].position


@dataclass
class House:
    """An admin with a journal, a replica, and a log that has something to trim."""

    services: Services
    session: aiohttp.ClientSession
    directory: Path
    admin: EditApi
    service: Service
    replica: Service
    archivist: Archivist

    @property
    def keys(self) -> Keys:
        return self.services.keys

    @property
    def hand(self) -> Hand:
        return self.archivist.hand

    async def another_admin(self, name: str) -> EditApi:
        state = self.directory / name
        service = await asyncio.to_thread(lambda: self.services.admin(state_dir=str(state)))
        return EditApi(self.session, service.url, KEY)

    async def another_replica(self, name: str, **env: str) -> Service:
        return await asyncio.to_thread(lambda: self.services.chat(name, **env))

    async def serves(self, service: Service) -> Mapping[str, int]:
        """By prompt: the version that a replica has in force."""
        shown = await ChatPort(self.session, service.url).serves()
        return {each["name"]: each["version"] for each in shown["prompts"]}

    async def busy(self, saves: int) -> None:
        for number in range(saves):
            text = f"You are busy, {number} of {saves}, and begun at {id(self)}."
            answer = await self.admin.save(BUSY, text, wait=None)
            assert answer.status in (201, 202), answer.body  # 202: the machine's disk is slow


@pytest.fixture
async def house(
    own_services: Services, session: aiohttp.ClientSession, tmp_path: Path
) -> AsyncIterator[House]:
    state = str(tmp_path / "admin-1")
    service = await asyncio.to_thread(lambda: own_services.admin(state_dir=state))
    kept = str(tmp_path / "chat-1")
    replica = await asyncio.to_thread(lambda: own_services.chat("chat-1", state_dir=kept))
    admin = EditApi(session, service.url, KEY)
    (await admin.create(OLD, "You are old.")).expect(201)
    (await admin.create(BUSY, "You are busy.")).expect(201)
    with own_services.hand() as hand:
        made = House(
            own_services, session, tmp_path, admin, service, replica, Archivist(admin, hand)
        )
        await made.busy(SAVES)
        yield made


async def read_whole(admin: EditApi, head: int) -> None:
    """Every event is there, and so is the content of every version."""
    assert await admin.positions() == list(range(1, head + 1))
    first = (await admin.call("GET", f"/prompts/{BUSY}/versions/1")).expect(200).json
    assert first["template"] == "You are busy."
    assert len(await admin.versions(BUSY)) == SAVES + 1


async def test_it_is_read_as_before_and_the_server_has_only_the_rest(house: House) -> None:
    done = await house.archivist.trim()
    head = await asyncio.to_thread(house.hand.head)
    assert done["events"] == done["through"] == head.position - 1 - LEAST_KEPT
    assert await house.archivist.begins() == done["through"] + 1
    await read_whole(house.admin, head.position)
    restored = (await house.admin.restore(BUSY, 1)).expect(200).json
    assert restored["propagation"]["state"] == "converged"
    again = await house.archivist.trim()
    assert (again["through"], again["events"]) == (done["through"], 0)
    await house.busy(10)
    again = await house.archivist.trim()
    assert (again["through"], again["events"]) == (done["through"] + 12, 12)
    assert await house.admin.positions() == list(range(1, again["head"] + 1))


async def test_who_starts_after_that_has_all_that_is_live(house: House) -> None:
    away = await house.another_replica("chat-2", state_dir=str(house.directory / "chat-2"))
    assert away.process.end() == 0
    await house.busy(LEAST_KEPT)
    done = await house.archivist.trim()
    assert done["through"] > SAVES
    live = {OLD: 1, BUSY: SAVES + LEAST_KEPT + 1}
    fresh = await house.another_replica("chat-3")
    assert await house.serves(fresh) == live
    await asyncio.to_thread(away.start)
    assert await house.serves(away) == live
    saved = (await house.admin.save(OLD, "You are older.")).expect(201).json
    assert saved["propagation"]["state"] == "converged"
    assert (await house.serves(fresh))[OLD] == 2


async def test_an_admin_without_the_past_says_so_until_it_is_filled_in(house: House) -> None:
    await house.archivist.trim()
    head = (await asyncio.to_thread(house.hand.head)).position
    second = await house.another_admin("admin-2")
    assert len(await second.versions(BUSY)) == SAVES + 1
    refused = await second.call("GET", f"/prompts/{BUSY}/versions/1")
    assert (refused.status, refused.json["type"]) == (503, "/problems/log-trimmed")
    through = head - 1 - LEAST_KEPT

    async def lacks() -> object:
        return (await second.call("GET", "/forks")).expect(200).json["log"]["lacks"]

    assert await becomes(lacks) == [{"first": 1, "last": through}]
    items = await lines(house)
    filled = await fill(second, items[: through - 1])
    assert filled.status == 422
    filled = await fill(second, items)
    assert filled.expect(200).json == {"events": through, "lacks": []}
    await read_whole(second, head)


async def lines(house: House) -> list[bytes]:
    """The whole log as lines, by way of the first admin."""
    found: list[bytes] = []
    path = house.directory / "admin-1" / "journal" / "log"
    for segment in sorted(path.glob("*.jsonl")):
        found += segment.read_bytes().splitlines(keepends=True)
    return found


async def fill(admin: EditApi, items: list[bytes]) -> Answer:
    headers = {"Authorization": f"Bearer {admin.key}", "Content-Type": "application/x-ndjson"}
    url = f"{admin.url}/api/v1/logs/fill"
    async with admin.session.post(url, data=b"".join(items), headers=headers) as response:
        return await Answer.of(response)


async def test_what_is_lost_comes_back_and_the_rest_stays_trimmed(house: House) -> None:
    done = await house.archivist.trim()
    head = await asyncio.to_thread(house.hand.head)
    await asyncio.to_thread(house.hand.client.flushall)

    async def is_back() -> bool:
        return (await asyncio.to_thread(house.hand.head)).position > head.position

    await becomes(is_back)  # and one more event says so
    assert await house.archivist.begins() == done["through"] + 1
    await read_whole(house.admin, head.position + 1)
    fresh = await becomes(house.another_replica, "chat-2")
    assert await house.serves(fresh) == {OLD: 1, BUSY: SAVES + 1}


async def test_a_repair_puts_back_what_somebody_else_has_cut_off_and_no_more(house: House) -> None:
    done = await house.archivist.trim()
    untouched = (await house.admin.call("POST", "/logs/repair", body={})).expect(200).json
    assert not untouched["changed"]
    cut = f"{done['through'] + 30}-0"
    house.hand.client.execute_command("XTRIM", house.keys.log, "MINID", cut)
    repaired = (await house.admin.call("POST", "/logs/repair", body={})).expect(200).json
    assert repaired["changed"]
    assert await house.archivist.begins() == done["through"] + 1
    await read_whole(house.admin, repaired["position"])
