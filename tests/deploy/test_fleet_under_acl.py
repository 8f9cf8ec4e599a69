"""A fleet lives its whole life under the committed users: nothing that it needs is denied."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
import pytest

from tests.deploy.redis_server import RedisServer
from tests.system.chat_port import ChatPort
from tests.system.command import command_at
from tests.system.edit_api import EditApi
from tests.system.hand import Hand
from tests.system.patience import becomes
from tests.system.services import KEY, Service, Services

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(150)]
PROMPT = "system"
QUICK = {"reap_after": "2", "rejoin_after": "2", "open_after": "0.5"}


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar()
    ) as made:
        yield made


class Fleet:
    """An admin with a journal and replicas, each under its own kind of user."""

    def __init__(self, debian: RedisServer, services: Services, session: Any) -> None:
        self.debian, self.services, self.session = debian, services, session
        self.model = services.model()
        self.replicas: dict[str, Service] = {}

    def admin(self) -> Service:
        kept = str(self.services.directory / "admin")
        url = self.debian.url_of("admin")
        return self.services.admin(url, state_dir=kept, server_checks="refuse", **QUICK)

    def replica(self, id: str) -> None:
        url, kept = self.debian.url_of("replica"), str(self.services.directory / id)
        self.replicas[id] = self.services.chat(
            id, url, state_dir=kept, server_checks="refuse", reap_after="2", model=self.model
        )

    def port(self, id: str) -> ChatPort:
        return ChatPort(self.session, self.replicas[id].url)


async def members_are(admin: EditApi, *names: str) -> bool:
    fleet = await admin.fleet()
    return set(fleet) == set(names) and {each["state"] for each in fleet.values()} == {"current"}


async def saves(admin: EditApi) -> bool:
    text = f"You are back at {monotonic()}."
    return (await admin.save(PROMPT, text, "*", wait=None)).status == 201


async def starts_with(hand: Hand, entries: list[Any]) -> bool:
    return hand.exists() and hand.entries()[: len(entries)] == entries


async def test_nothing_is_denied_to_a_fleet_from_its_first_start_to_its_repair(
    debian: RedisServer, services: Services, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    fleet = await asyncio.to_thread(Fleet, debian, services, session)
    service = await asyncio.to_thread(fleet.admin)
    admin = EditApi(session, service.url, KEY)
    names = ("chat-1", "chat-2", "chat-3")
    await asyncio.gather(*(asyncio.to_thread(fleet.replica, name) for name in names))
    with services.hand() as hand:
        await prompts_are_saved_and_answered(fleet, admin)
        await people_and_programs_come_and_go(admin)
        await a_lost_log_is_healed(admin, hand)
        await a_log_is_repaired_and_brought_back(admin, hand, tmp_path)
        await replicas_leave_and_die(fleet, admin)
    assert debian.denied() == []
    assert "errorstat_NOPERM" not in debian.info()
    said = "\n".join(each.out.read_text() for each in services.started)
    assert not re.search(r"NOPERM|lacks the rights|executing the script can't|ACL failure", said)


def connections(debian: RedisServer, user: str) -> int:
    """As many as `maxclients` reckons with."""
    return int(debian.call("CLIENT", "LIST").decode().count(f" user={user} "))


async def prompts_are_saved_and_answered(fleet: Fleet, admin: EditApi) -> None:
    (await admin.create(PROMPT, "You are version 1.")).expect(201)
    (await admin.save(PROMPT, "You are version 2.")).expect(201)
    restored = (await admin.restore(PROMPT, 1)).expect(200).json
    assert restored["propagation"]["state"] == "converged"
    assert connections(fleet.debian, "replica") <= 5 * len(fleet.replicas)
    assert connections(fleet.debian, "admin") <= 15
    for name in fleet.replicas:
        said = await fleet.port(name).ask(PROMPT, min_position=restored["position"])
        assert said.prompt == "You are version 1."
    await becomes(members_are, admin, *fleet.replicas)


async def people_and_programs_come_and_go(admin: EditApi) -> None:
    """A one-time link, a person with a password and a session, an API key; and all of them go."""

    async def call(
        method: str, path: str, body: Any = None, status: int = 200, **headers: str
    ) -> tuple[Any, str]:
        url = f"{admin.url}/api/v1{path}"
        async with admin.session.request(method, url, json=body, headers=headers) as response:
            assert response.status == status, await response.text()
            cookies = "; ".join(f"{each.key}={each.value}" for each in response.cookies.values())
            return await response.json(content_type=None), cookies

    operator = {"Authorization": f"Bearer {KEY}"}
    link, _ = await call("POST", "/links", status=201, **operator)
    entered, cookie = await call("POST", "/session", {"token": link["link"].partition("token=")[2]})
    mine = {"Cookie": cookie, "X-CSRF-Token": entered["csrf"], "Origin": admin.url}
    ann, _ = await call("POST", "/people", {"name": "ann", "role": "editor"}, 201, **mine)
    token = re.search(r"token=([\w-]+)", str(ann))
    assert token, ann
    await call("POST", "/password", {"token": token[1], "password": "a long password"})
    told, cookie = await call("POST", "/session", {"name": "ann", "password": "a long password"})
    assert (await call("GET", "/session", Cookie=cookie))[0]["person"] == "ann"
    hers = {"Cookie": cookie, "X-CSRF-Token": told["csrf"], "Origin": admin.url}
    await call("DELETE", "/session?everywhere=true", status=204, **hers)
    key, _ = await call("POST", "/keys", {"name": "ci", "role": "viewer"}, 201, **mine)
    await call("GET", "/prompts", Authorization=f"Bearer {key['secret']}")
    await call("DELETE", f"/keys/{key['key']}", status=204, **mine)
    await call("DELETE", "/people/ann", status=204, **mine)
    await call("DELETE", "/session", status=204, **mine)


async def replicas_leave_and_die(fleet: Fleet, admin: EditApi) -> None:
    """One by its own word, one without; and one that is reaped comes back."""
    assert await asyncio.to_thread(fleet.replicas["chat-3"].process.end) == 0
    fleet.replicas["chat-2"].process.kill()
    await becomes(members_are, admin, "chat-1")
    await asyncio.to_thread(fleet.replicas["chat-2"].start)
    await becomes(members_are, admin, "chat-1", "chat-2")


async def a_lost_log_is_healed(admin: EditApi, hand: Hand) -> None:
    before = hand.entries()
    hand.client.flushall()
    await becomes(starts_with, hand, before)
    await becomes(saves, admin)


async def a_log_is_repaired_and_brought_back(admin: EditApi, hand: Hand, tmp_path: Path) -> None:
    command, copy = command_at(admin.url, KEY), tmp_path / "log.jsonl"
    exported = await command("export")
    assert exported.status == 0, exported.err
    copy.write_text(exported.out)
    before = hand.entries()
    hand.stray()
    repaired = await command("repair")
    assert (repaired.status, "whole again" in repaired.out) == (0, True), repaired
    await becomes(saves, admin)
    brought = await command("import", "--replace", str(copy))
    assert brought.status == 0, brought.err
    await becomes(saves, admin)
    assert hand.entries()[: len(before)] == before
    assert (await command("verify")).status == 0
    await admin.all_members(state="current")
