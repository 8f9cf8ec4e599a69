"""Saving with a journal: 201 means two media, and a disk that fails is no reason to refuse."""

import asyncio
import errno
import json
from contextlib import asynccontextmanager

import pytest

from events.lines import from_line
from tests.services.admin.access.visitor import PEOPLE
from tests.services.admin.journal.desk import FaultyDisk, findings, kept_in
from tests.services.admin.stage import on_server
from tests.waiting import until

pytestmark = pytest.mark.redis


@asynccontextmanager
async def at(server, keys, tmp_path, **how):
    """An admin with a journal, on disks that a test can spoil."""
    environment = {"PROMPTCAST_STATE_DIR": str(tmp_path / "state"), **how}
    async with on_server(server.url, keys.namespace, **environment) as stage:
        for journal in journals(stage):
            await journal.safe(1, 10.0)
            journal.store._lift()
            journal.store.disk = FaultyDisk()
        yield stage


def journals(stage):
    """Of the prompts' log, and of the access log."""
    both = stage.core.mirror.journal, stage.access.book.tracked.journal
    assert all(both)
    return both


@pytest.fixture
async def stage(server, keys, tmp_path):
    async with at(server, keys, tmp_path) as made:
        yield made


async def durable(response):
    return response.status, json.loads(await response.read())["durable"]


async def test_a_save_is_answered_once_it_is_on_two_media(stage, tmp_path):
    disk = journals(stage)[0].store.disk
    disk.may_sync.clear()
    saving = asyncio.create_task(stage.save())
    await until(lambda: stage.core.mirror.follower.position == 2)
    assert (await stage.get("/api/v1/prompts"))["items"], "it is in the log, and live"
    assert not saving.done()
    disk.may_sync.set()
    assert await durable(await saving) == (201, True)
    kept = kept_in(tmp_path / "state" / "journal" / "log")
    assert [entry.position for entry in kept] == [1, 2]
    assert findings(kept) == []


async def test_others_are_not_held_up_while_one_waits_for_the_disk(stage):
    """The queue's turn is over when the append is."""
    disk = journals(stage)[0].store.disk
    disk.may_sync.clear()
    saving = [asyncio.create_task(stage.save(name=f"p{n}")) for n in range(5)]
    await until(lambda: stage.core.mirror.follower.position == 6)
    disk.may_sync.set()
    assert {(await each).status for each in saving} == {201}


async def test_a_hundred_saves_at_once_share_their_syncs(stage, tmp_path):
    disk = journals(stage)[0].store.disk
    disk.may_sync.clear()
    saving = [asyncio.create_task(stage.save(name=f"p{n}")) for n in range(100)]
    await until(lambda: stage.core.mirror.follower.position == 101)
    disk.may_sync.set()
    assert {(await each).status for each in saving} == {201}
    assert disk.syncs <= 10
    assert len(kept_in(tmp_path / "state" / "journal" / "log")) == 101


async def test_a_full_disk_is_no_reason_to_refuse_a_save_and_is_told(stage, tmp_path):
    journal = journals(stage)[0]
    journal.store.disk.error = OSError(errno.ENOSPC, "No space left on device")
    assert await durable(await stage.save()) == (202, False)
    assert stage.registry.get_sample_value("promptcast_appends_not_durable_total") == 1
    assert stage.registry.get_sample_value("promptcast_journal_errors_total", {"log": "log"}) >= 1
    journal.store.disk.error = None
    await until(lambda: not journal.trouble)
    assert await durable(await stage.save("2", on="*")) == (201, True)
    kept = kept_in(tmp_path / "state" / "journal" / "log")
    assert [entry.position for entry in kept] == [1, 2, 3]


async def test_an_unchanged_save_says_whether_what_is_in_force_is_safe(stage):
    journal = journals(stage)[0]
    assert await durable(await stage.save()) == (201, True)
    journal.store.disk.error = OSError(errno.EIO, "Input/output error")
    assert await durable(await stage.save(on="*")) == (200, True)


async def test_a_change_of_people_is_answered_once_it_is_on_two_media(stage, tmp_path):
    disk = journals(stage)[1].store.disk
    disk.may_sync.clear()
    body = {"name": "ann", "role": "viewer"}
    adding = asyncio.create_task(stage.call("POST", PEOPLE, json=body))
    await until(lambda: stage.access.book.position == 2)
    assert not adding.done()
    disk.may_sync.set()
    assert (await adding).status == 201
    kept = kept_in(tmp_path / "state" / "journal" / "access")
    assert [entry.position for entry in kept] == [1, 2]


async def test_the_journal_is_what_the_api_gives_line_by_line(stage, tmp_path):
    await stage.saved("Grüße, {{ name }}", body={"config": {"parameters": {"x": 1e22}}})
    await stage.poison(b"\xff\n")
    await stage.saved("2", on="*")
    page = await (await stage.call("GET", "/api/v1/events")).read()
    path = tmp_path / "state" / "journal" / "log" / f"{1:020}.jsonl"
    for line in path.read_bytes().splitlines():
        assert b'"crc":"' in line
        item = b"{" + line[len(b'{"crc":"00000000",') :]
        assert item in page
        assert from_line(item) == from_line(line)


async def test_the_next_run_goes_on_with_the_same_journal(server, keys, tmp_path):
    async with at(server, keys, tmp_path) as stage:
        await stage.saved()
    async with on_server(server.url, keys.namespace, opened=True) as elsewhere:
        await elsewhere.saved("by another admin", on="*")
    environment = {"PROMPTCAST_STATE_DIR": str(tmp_path / "state")}
    async with on_server(server.url, keys.namespace, opened=True, **environment) as stage:
        await until(lambda: journals(stage)[0].chain.head.position == 3)
        assert journals(stage)[0].chain == stage.core.mirror.follower.applied.chain
    assert len(kept_in(tmp_path / "state" / "journal" / "log")) == 3
