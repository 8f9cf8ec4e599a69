"""The supervisor and its children, as real processes that do nothing but answer health checks."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from services.dev.errors import StartFailed
from services.dev.probe import get
from services.dev.program import Program
from services.dev.supervisor import Supervisor
from tests.running import runs
from tests.services.dev.fakes import fake_program
from tests.waiting import until


def child_of(supervisor: Supervisor, name: str):
    return next(child for child in supervisor.children if child.name == name)


async def test_all_children_are_started_at_once_and_ready_together(supervise, ports, tmp_path):
    supervisor = supervise([])
    supervisor.start([[fake_program(f"chat-{n}", ports.own(), tmp_path) for n in (1, 2, 3)]])
    await supervisor.until_ready()
    assert sorted(supervisor.pids()) == ["chat-1", "chat-2", "chat-3"]
    assert all(runs(pid) for pid in supervisor.pids().values())


async def test_a_killed_child_is_started_again_on_the_same_port(supervise, ports, tmp_path, screen):
    changes: list[dict[str, int | None]] = []
    supervisor = supervise(changes)
    program = fake_program("chat-1", ports.own(), tmp_path)
    supervisor.start([[program]])
    await supervisor.until_ready()
    first = supervisor.pids()["chat-1"]
    os.kill(first, signal.SIGKILL)
    await until(lambda: changes, 15.0)
    again = changes[0]["chat-1"]
    assert again not in {None, first}
    assert runs(again)
    assert await program.ready()
    assert any("chat-1 was ended by SIGKILL; starting it again" in line for line in screen.lines)


@pytest.mark.slow
async def test_a_child_that_hangs_is_started_again_after_five_seconds(supervise, ports, tmp_path):
    changes: list[dict[str, int | None]] = []
    supervisor = supervise(changes)
    supervisor.start([[fake_program("chat-1", ports.own(), tmp_path)]])
    await supervisor.until_ready()
    first = supervisor.pids()["chat-1"]
    loop = asyncio.get_running_loop()
    began = loop.time()
    os.kill(first, signal.SIGSTOP)
    await until(lambda: changes, 15.0)
    assert 3.5 < loop.time() - began < 12
    assert not runs(first)
    assert runs(changes[0]["chat-1"])


async def test_without_supervision_a_dead_child_stays_dead(supervise, ports, tmp_path, screen):
    changes: list[dict[str, int | None]] = []
    supervisor = supervise(changes, restart=False)
    supervisor.start([[fake_program("chat-1", ports.own(), tmp_path)]])
    await supervisor.until_ready()
    os.kill(supervisor.pids()["chat-1"], signal.SIGKILL)
    await until(lambda: screen.lines, 15.0)
    assert screen.lines == ["chat-1 was ended by SIGKILL"]
    assert supervisor.pids() == {"chat-1": None}
    assert child_of(supervisor, "chat-1")._task.done()


async def test_stages_end_one_after_the_other_and_the_last_one_first(supervise, ports, tmp_path):
    words = tmp_path / "words"
    supervisor = supervise([])
    stages = [
        [fake_program("redis", ports.own(), tmp_path, "--last-words", str(words), last=True)],
        [fake_program("admin", ports.own(), tmp_path, "--last-words", str(words))],
        [fake_program("chat", ports.own(), tmp_path, "--last-words", str(words))],
    ]
    supervisor.start(stages)
    await supervisor.until_ready()
    pids = supervisor.pids()
    await supervisor.stop(asyncio.Event())
    assert words.read_text().split() == ["chat", "admin", "redis"]
    assert not any(runs(pid) for pid in pids.values())


async def test_a_child_that_will_not_end_is_ended_after_its_grace(supervise, ports, tmp_path):
    supervisor = supervise([])
    supervisor.start([[fake_program("deaf", ports.own(), tmp_path, "--deaf", grace=0.2)]])
    await supervisor.until_ready()
    pid = supervisor.pids()["deaf"]
    await supervisor.stop(asyncio.Event())
    assert not runs(pid)


async def test_who_is_in_a_hurry_does_not_wait_for_the_grace(supervise, ports, tmp_path):
    supervisor = supervise([])
    supervisor.start([[fake_program("deaf", ports.own(), tmp_path, "--deaf", grace=50.0)]])
    await supervisor.until_ready()
    pid, hurry = supervisor.pids()["deaf"], asyncio.Event()
    stopping = asyncio.create_task(supervisor.stop(hurry))
    hurry.set()
    await asyncio.wait_for(stopping, 10)
    assert not runs(pid)


async def test_a_child_that_ends_at_once_fails_the_start_with_its_last_words(
    supervise, ports, tmp_path
):
    supervisor = supervise([])
    words = "PROMPTCAST_MODEL must be a name"
    bad = fake_program("chat-1", ports.own(), tmp_path, "--say", words, "--exit", "1")
    supervisor.start([[fake_program("admin", ports.own(), tmp_path), bad]])
    with pytest.raises(StartFailed, match=r"chat-1 does not start: PROMPTCAST_MODEL must be"):
        await supervisor.until_ready()
    assert (tmp_path / "chat-1.log").read_text().count(words) == 2


async def test_a_program_that_is_not_there_fails_the_start(supervise, ports, tmp_path: Path):
    fake = fake_program("redis", ports.own(), tmp_path)
    absent = Program(
        fake.name, ("/nowhere/server",), {}, fake.alive, fake.ready, fake.grace, fake.log
    )
    supervisor = supervise([])
    supervisor.start([[absent]])
    with pytest.raises(StartFailed, match=r"redis cannot be started: .*/nowhere/server"):
        await supervisor.until_ready()


async def test_a_child_that_lives_but_is_not_ready_is_left_alone_and_named_at_the_end(
    supervise, ports, tmp_path, monkeypatch
):
    monkeypatch.setattr("services.dev.supervisor.START_TIMEOUT", 0.5)
    supervisor = supervise([])
    supervisor.start([[fake_program("chat-1", ports.own(), tmp_path, "--unready")]])
    with pytest.raises(StartFailed, match="chat-1 was not ready after"):
        await supervisor.until_ready()
    assert child_of(supervisor, "chat-1").failures == 0


async def test_what_a_child_says_is_kept_and_warnings_are_shown_once_all_is_up(
    supervise, ports, tmp_path, screen
):
    supervisor, port = supervise([]), ports.own()
    said = '{"event": "prompt_rejected", "level": "warning", "position": 9}'
    supervisor.start([[fake_program("chat-1", port, tmp_path, "--say", said)]])
    await supervisor.until_ready()
    assert screen.lines == []
    await get(port, "/say")
    await until(lambda: screen.lines, 15.0)
    assert screen.lines[0].endswith("chat-1    warning: prompt_rejected position=9")
    assert (tmp_path / "chat-1.log").read_text() == f"{said}\n" * 2
