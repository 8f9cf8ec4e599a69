"""What an operator does to a log, by the command line and against real processes."""

import asyncio
import shutil
from pathlib import Path

import aiohttp
import pytest

from tests.system.command import Command, command_at
from tests.system.edit_api import EditApi
from tests.system.hand import Hand
from tests.system.patience import becomes
from tests.system.services import KEY, Services
from tests.system.test_healing import Fleet, begun, forked, saved, saves, types

pytestmark = [pytest.mark.redis, pytest.mark.faults, pytest.mark.soak]


@pytest.fixture
async def fleet(own_services: Services, session: aiohttp.ClientSession) -> Fleet:
    own_services.open_log()
    return Fleet(own_services, session)


@pytest.fixture
def hand(own_services: Services):
    with own_services.hand() as made:
        yield made


def command_of(admin: EditApi) -> Command:
    return command_at(admin.url, KEY)


async def exported(admin: EditApi, path: Path) -> None:
    """Everything that the log holds, as a file."""
    done = await command_of(admin)("export")
    assert done.status == 0, done.err
    await asyncio.to_thread(path.write_text, done.out)


async def test_somebodys_own_id_stops_saving_until_it_is_repaired(
    fleet: Fleet, hand: Hand, tmp_path: Path
) -> None:
    admin = await fleet.admin(tmp_path / "a")
    await fleet.replica("chat-1")
    await begun(admin, count=3)
    before = hand.entries()
    hand.stray()
    fork = await becomes(forked, admin)
    assert "promptcast repair" in str(fork)
    assert (await admin.save("kept", "Refused.", "*", wait=None)).status == 503
    refused = await command_of(admin)("fork", "keep-log")
    assert (refused.status, "promptcast repair" in refused.err) == (1, True), refused
    done = await command_of(admin)("repair")
    assert (done.status, "whole again" in done.out) == (0, True), done
    await becomes(saves, admin)
    assert hand.entries()[: len(before)] == before
    assert types(hand)[len(before)] == "LogHealed"
    await fleet.all_at(hand.head().position)


async def test_everything_is_lost_but_a_backup(fleet: Fleet, hand: Hand, tmp_path: Path) -> None:
    """Server, journals, replicas: nobody remembers anything; a new admin has opened no new log yet."""
    admin = await fleet.admin(tmp_path / "a")
    await begun(admin)
    before = hand.entries()
    await exported(admin, tmp_path / "backup.jsonl")
    fleet.admins[0].process.kill()
    shutil.rmtree(tmp_path / "a")
    hand.client.flushall()
    await asyncio.to_thread(fleet.admins[0].start)  # it meets no log, and begins a new one
    refused = await command_of(admin)("import", str(tmp_path / "backup.jsonl"))
    assert refused.status == 1
    assert "other events behind position 0" in refused.err
    done = await command_of(admin)("import", "--replace", str(tmp_path / "backup.jsonl"))
    assert done.status == 0, done.err
    await becomes(saves, admin)
    assert hand.entries()[: len(before)] == before
    verified = await command_of(admin)("verify")
    assert verified.status == 0, verified.out
    port = await fleet.replica("chat-1")
    await fleet.all_at(hand.head().position)
    assert (await port.serves())["prompts"]


async def test_a_backup_brings_a_log_back_that_is_gone_while_everybody_waits_for_it(
    fleet: Fleet, hand: Hand, tmp_path: Path
) -> None:
    """Nobody has a journal, and more was saved than the replicas keep."""
    admin = await fleet.admin()
    await fleet.replica("chat-1")
    await begun(admin, count=2)
    await saved(admin, "kept", 70, wait=None)
    await fleet.all_at(hand.head().position)
    before = hand.entries()
    await exported(admin, tmp_path / "backup.jsonl")
    async with fleet.watched():
        hand.client.delete(hand.keys.log)
        await becomes(forked, admin)
        done = await command_of(admin)("import", str(tmp_path / "backup.jsonl"))
        assert done.status == 0, done.err
        await becomes(saves, admin)
        assert hand.entries()[: len(before)] == before
        await fleet.all_at(hand.head().position)


async def test_a_deliberate_rewind_is_healed_by_no_journal(
    fleet: Fleet, hand: Hand, tmp_path: Path
) -> None:
    first = await fleet.admin(tmp_path / "a")
    second = await fleet.admin(tmp_path / "b")
    await fleet.replica("chat-1")
    await begun(first, count=3)
    old = hand.entries()
    await exported(first, tmp_path / "backup.jsonl")
    await saved(first, "kept", 4)
    new = hand.entries()
    refused = await command_of(first)("import", str(tmp_path / "backup.jsonl"))
    assert (refused.status, "goes on" in refused.err) == (1, True), refused
    assert hand.entries() == new
    done = await command_of(first)("import", "--replace", str(tmp_path / "backup.jsonl"))
    assert done.status == 0, done.err
    for admin in (first, second):
        await becomes(saves, admin)
    assert hand.entries()[: len(old)] == old
    said = types(hand)[len(old) :]
    assert said[:5] == ["PositionPassed"] * 4 + ["ForkSettled"]
    assert "PromptSaved" in said, "the positions that were given up are used by nobody"
    await fleet.all_at(hand.head().position)
    shown = await command_of(second)("fork", "show")
    assert f"log {len(old) + 1} to {len(new)}" in shown.out, shown


async def test_a_file_that_was_tampered_with_changes_nothing(
    fleet: Fleet, hand: Hand, tmp_path: Path
) -> None:
    admin = await fleet.admin(tmp_path / "a")
    await begun(admin, count=3)
    await exported(admin, tmp_path / "backup.jsonl")
    lines = (tmp_path / "backup.jsonl").read_text().splitlines(keepends=True)
    before = hand.entries()
    (tmp_path / "holed.jsonl").write_text("".join(lines[:1] + lines[2:]))
    (tmp_path / "torn.jsonl").write_text("".join(lines)[:-40])
    for name, why in (("holed", "gap"), ("torn", f"line {len(lines)}")):
        done = await command_of(admin)("import", "--replace", str(tmp_path / f"{name}.jsonl"))
        assert (done.status, why in done.err) == (1, True), done
        assert hand.entries() == before
    assert await saves(admin)
