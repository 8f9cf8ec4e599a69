"""The journal of an admin that is killed again and again in the midst of saving."""

import asyncio
import os
import random
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest

from events.lines import from_line
from tests.system.edit_api import EditApi
from tests.system.hand import Hand
from tests.system.patience import becomes
from tests.system.process import environment, promptcast
from tests.system.services import KEY, Services

pytestmark = [pytest.mark.faults, pytest.mark.soak]

KILLS = 3


async def save_until_it_dies(admin: EditApi, name: str) -> list[tuple[int, str]]:
    """Save one version after the other; position and hash of each that was acknowledged."""
    acknowledged = []
    answer = await admin.create(name, "You are version 1.", wait=None)
    try:
        for number in range(2, 1_000):
            if answer.status == 201:
                acknowledged.append((answer.json["position"], answer.json["hash"]))
            text = f"You are version {number}." * 40
            answer = await admin.save(name, text, revision=answer.json["revision"], wait=None)
    except (aiohttp.ClientError, OSError, ValueError):
        pass
    return acknowledged


def journal_in(state: Path) -> dict[int, str]:
    """What is on the disk at this moment, but for a torn line: hashes by position."""
    kept = {}
    for path in sorted((state / "journal" / "log").glob("*.jsonl")):
        for line in path.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                entry = from_line(line[:-1])
                kept[entry.position] = entry.hash
    return kept


async def has_more_than(state: Path, count: int) -> bool:
    """Whether more entries than that are in the journal."""
    return len(await asyncio.to_thread(journal_in, state)) > count


async def is_in_the_journal(state: Path, hand: Hand) -> bool:
    """Whether the journal is the very log."""
    log = await asyncio.to_thread(hand.entries)
    kept = await asyncio.to_thread(journal_in, state)
    return kept == {entry.position: entry.hash for entry in log}


@pytest.mark.redis
async def test_what_was_acknowledged_is_in_the_journal_whenever_the_admin_is_killed(
    own_services: Services, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    state = tmp_path / "admin"
    service = await asyncio.to_thread(lambda: own_services.admin(state_dir=str(state)))
    admin, chance = EditApi(session, service.url, KEY), random.Random(4)
    with own_services.hand() as hand:
        for kill in range(KILLS):
            before = len(await asyncio.to_thread(journal_in, state))
            saving = [
                asyncio.create_task(save_until_it_dies(admin, f"p{kill}-{n}")) for n in range(4)
            ]
            await becomes(has_more_than, state, before + chance.randint(5, 40))
            service.process.kill()
            acknowledged = [each for told in await asyncio.gather(*saving) for each in told]
            kept = await asyncio.to_thread(journal_in, state)
            assert acknowledged, "the kill came too early to show anything"
            assert [each for each in acknowledged if kept.get(each[0]) != each[1]] == []
            await asyncio.to_thread(service.start)
            await becomes(is_in_the_journal, state, hand)
    assert await verified(["verify", str(state / "journal" / "log")]) == 0


async def verified(words: Sequence[str]) -> int:
    """The exit status of a command."""
    process = await asyncio.create_subprocess_exec(
        *promptcast(*words), env=environment({"PATH": os.environ["PATH"]}),
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    return await process.wait()
