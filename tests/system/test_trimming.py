"""A log is trimmed, filled in and brought back by the command line, against real processes."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from services.admin.mending.trimming import LEAST_KEPT
from tests.system.command import command_at
from tests.system.edit_api import EditApi
from tests.system.patience import becomes
from tests.system.services import KEY, Services

pytestmark = [pytest.mark.redis, pytest.mark.faults, pytest.mark.timeout(180)]

SAVES = LEAST_KEPT + 20


@dataclass
class Place:
    """Where an operator works: services, and a directory for what is kept."""

    services: Services
    session: aiohttp.ClientSession
    directory: Path

    async def admin(self, name: str) -> EditApi:
        state = str(self.directory / name)
        service = await asyncio.to_thread(lambda: self.services.admin(state_dir=state))
        return EditApi(self.session, service.url, KEY)

    async def trimmed(self, admin: EditApi, archive: str) -> int:
        """How far a log was trimmed once the admin's journal is read through and the fleet heard of."""

        async def trim() -> str:
            where = str(self.directory / archive)
            done = await command_at(admin.url, KEY)("trim", "--keep", str(LEAST_KEPT), where)
            return done.out if "log trimmed" in done.out else ""

        (through,) = re.findall(r"through (\d+): \d+ events went", await becomes(trim))
        return int(through)


@pytest.fixture
def place(own_services: Services, session: aiohttp.ClientSession, tmp_path: Path) -> Place:
    return Place(own_services, session, tmp_path)


async def busy(admin: EditApi) -> None:
    (await admin.create("system", "You are number 0.")).expect(201)
    for number in range(1, SAVES):
        saved = await admin.save("system", f"You are number {number}.", wait=None)
        assert saved.status in (201, 202), saved.body  # 202: the machine's disk is slow


async def well(admin: EditApi, *words: str) -> str:
    """What a command said that ended well."""
    done = await command_at(admin.url, KEY)(*words)
    assert done.status == 0, done
    return done.out


async def test_an_operator_trims_a_log_and_gives_a_new_admin_its_past(place: Place) -> None:
    first = await place.admin("admin-1")
    await busy(first)
    before = await well(first, "export")
    through = await place.trimmed(first, "archive")
    assert through == SAVES + 1 - LEAST_KEPT
    assert await first.positions() == list(range(1, SAVES + 3))
    second = await place.admin("admin-2")

    async def lacks() -> Any:
        return (await second.call("GET", "/forks")).expect(200).json["log"]["lacks"]

    assert await becomes(lacks) == [{"first": 1, "last": through}]
    shown = await well(second, "fork", "show")
    assert f"  trimmed through {through}\n" in shown
    assert f"  this admin's journal lacks 1 to {through}: promptcast fill\n" in shown
    (await second.save("system", "You are saved without the past.", wait=None)).expect(201)
    filled = await well(second, "fill", str(place.directory / "archive"))
    assert filled == f"log: {through} events went into the journal, and nothing is missing there\n"
    assert (await well(second, "export")).startswith(before)


async def test_everything_is_lost_but_the_archive_of_a_trimmed_log(place: Place) -> None:
    first = await place.admin("admin-1")
    await busy(first)
    through = await place.trimmed(first, "archive")
    await well(first, "backup", str(place.directory / "archive"))
    before = await well(first, "export")
    for service in place.services.started:
        service.process.kill()
    with place.services.hand() as hand:
        await asyncio.to_thread(hand.client.flushall)
        second = await place.admin("admin-2")
        await well(second, "import", "--replace", "--log", "log", str(place.directory / "archive"))
        assert (await well(second, "export")).startswith(before)
        assert (await asyncio.to_thread(hand.entries))[0].position == 1
        assert await place.trimmed(second, "another") == through
        assert (await asyncio.to_thread(hand.entries))[0].position == through + 1
        assert (await well(second, "export")).startswith(before)
