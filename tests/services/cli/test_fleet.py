"""``promptcast status`` and ``watch``."""

import asyncio
import json

import pytest

from services.cli import watching


def member(name: str, state: str = "current", **more: object) -> dict[str, object]:
    live = {"system": {"version": 42, "revision": 57, "content_hash": "1" * 64}}
    return {
        "id": name, "instance": "a", "url": "http://127.0.0.1:1", "state": state,
        "applied_position": 57, "live": live, "lag_ms": 1.4, "rejected": [],
        "last_reload": "2026-01-01T12:00:00.000000Z", "uptime_seconds": 3.0, **more,
    }  # fmt: skip


async def test_status_says_where_to_look_when_a_replica_does_not_know_the_log(admin, promptcast):
    admin.fleet = {"head": 57, "items": [member("chat-1")], "next": None}
    assert "fork show" not in (await promptcast("status")).out
    admin.fleet["items"].append(member("chat-2", "diverged"))
    assert "see 'promptcast fork show'" in (await promptcast("status")).out


async def test_status_is_a_table_of_all_replicas(admin, promptcast):
    rejected = [{"position": 56, "reason": "wrong_hash", "detail": "…"}]
    late = member("chat-2", "stale", applied_position=50, rejected=rejected)
    admin.fleet = {"head": 57, "items": [member("chat-1"), late], "next": None}
    done = await promptcast("status")
    assert done.status == 0
    first, _, one, two = done.out.splitlines()
    assert first == "head 57: 1/2 replicas are current"
    assert one.split()[:6] == ["chat-1", "current", "57", "0", "1.4", "ms"]
    assert two.split()[:4] == ["chat-2", "stale", "50", "7"]
    assert "56 (wrong_hash)" in two
    assert "system v42" in one


async def test_status_has_the_apis_json(admin, promptcast):
    admin.fleet = {"head": 57, "items": [member("chat-1")], "next": None}
    assert json.loads((await promptcast("status", "--json")).out) == admin.fleet


async def test_a_replica_that_was_not_heard_of_yet_has_empty_cells(admin, promptcast):
    silent = {"id": "chat-9", "state": "starting", "applied_position": 0, "live": {},
              "lag_ms": None, "last_reload": None, "rejected": []}  # fmt: skip
    admin.fleet = {"head": 57, "items": [silent], "next": None}
    assert (await promptcast("status")).out.splitlines()[2].split() == [
        "chat-9", "starting", "0", "57",
    ]  # fmt: skip


STATE = b'event: state\ndata: {"fleet": {"head": 57, "items": []}, "prompts": []}\n\n'
SAVED = (
    b'event: saved\ndata: {"prompt": "system", "version": 43, "position": 58, "author": "ada",'
    b' "note": "x"}\n\n'
)
GONE = b'event: saved\ndata: "no JSON\n\n'


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(watching, "PAUSES", (0.0, 0.0))


async def test_watch_prints_a_line_an_event_and_connects_again(admin, promptcast, at_once):
    admin.updates = [STATE + SAVED, STATE, GONE]
    done = await promptcast("watch")
    lines = [line[10:] for line in done.out.splitlines()]
    assert lines == [
        "head 57, 0/0 replicas are current",
        "system v43 saved by ada at position 58: x",
        "head 57, 0/0 replicas are current",
    ]
    assert done.err.count("connecting again") >= 2


async def test_watch_for_programs_is_one_json_a_line(admin, at_once):
    admin.updates = [STATE + SAVED]
    import sys
    from asyncio.subprocess import PIPE
    from pathlib import Path

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", "watch", "--json", stdout=PIPE, stderr=PIPE,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert process.stdout
    lines = [await asyncio.wait_for(process.stdout.readline(), 20) for _ in range(2)]
    await asyncio.wait_for(admin.watched.wait(), 20)  # it has connected again
    process.terminate()
    await process.communicate()
    first, second = (json.loads(line) for line in lines)
    assert first["event"] == "state"
    assert second == {
        "event": "saved",
        "data": {"prompt": "system", "version": 43, "position": 58, "author": "ada", "note": "x"},
    }


async def test_watch_gives_up_when_its_key_is_refused(admin, promptcast, monkeypatch):
    monkeypatch.setenv("PROMPTCAST_API_KEY", "wrong")
    done = await promptcast("watch")
    assert (done.status, len(done.err.splitlines())) == (1, 1)
