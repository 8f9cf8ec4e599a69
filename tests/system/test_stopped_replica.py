"""A replica that hangs, and one that comes a second time; nobody here starts anything again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.chat_port import ChatPort
from tests.system.command import Command, command_at
from tests.system.edit_api import EditApi
from tests.system.patience import becomes
from tests.system.process import Process, promptcast
from tests.system.scenarios import stopped, stops_and_catches_up
from tests.system.system import System

pytestmark = [pytest.mark.faults, pytest.mark.soak]

STOPPED_SECONDS = 3.0


@pytest.fixture(scope="module")
def system(start_system: Callable[..., System]) -> System:
    """A system of our own, without supervision: a stopped replica stays stopped."""
    return start_system("--replicas", "2", "--no-supervise")


@pytest.fixture
def command(system: System) -> Command:
    """The command line at this system."""
    return command_at(system.ready.admin, system.ready.admin_key)


async def test_a_stopped_replica_is_named_by_the_barrier_and_catches_up(
    system: System, admin: EditApi, replicas: dict[str, ChatPort]
) -> None:
    """For three seconds; for ten in ``tests/soak``."""
    await stops_and_catches_up(system, admin, replicas, STOPPED_SECONDS)


async def test_the_command_tells_a_pipeline_how_a_save_ended(
    system: System, admin: EditApi, command: Command, tmp_path: Path
) -> None:
    """0 everywhere, 3 not everywhere, 4 the revision moved, 1 anything else."""
    file = tmp_path / "prompt.txt"
    file.write_text("You are version 1.\n")
    saved = await command("save", "piped", str(file), "--note", "the first")
    assert saved.status == 0, saved.err
    assert "piped v1 saved" in saved.out
    assert "live on 2/2 replicas" in saved.out
    revision = (await admin.prompt("piped")).expect(200).json["revision"]

    with stopped(system, "chat-2"):
        late = await command("save", "piped", "-", "--timeout", "0.5", text="You are version 2.\n")
        assert late.status == 3, late.err
        assert "live on 1/2 replicas" in late.out
        assert "chat-2" in late.out

    await admin.all_members(state="current")
    moved = await command("save", "piped", str(file), "--if-revision", str(revision))
    assert moved.status == 4
    assert "Nothing was changed" in moved.err

    file.write_text("You are {{ 7*7 }}.\n")
    invalid = await command("save", "piped", str(file))
    assert invalid.status == 1
    assert "line 1" in invalid.err
    assert "Traceback" not in invalid.err

    restored = await command("restore", "piped", "1", "--note", "v2 was late")
    assert restored.status == 0, restored.err
    assert "piped v1 restored" in restored.out


async def test_the_command_says_so_when_nobody_is_there() -> None:
    elsewhere = command_at("http://127.0.0.1:9", "any-key-will-do-here")
    ended = await elsewhere("save", "piped", "-", text="Nobody hears this.")
    assert (ended.status, ended.out) == (1, "")
    assert len(ended.err.strip().splitlines()) == 1


async def test_the_command_finds_a_good_log_whole(command: Command) -> None:
    ended = await command("verify")
    assert (ended.status, "the chain is whole" in ended.out) == (0, True), ended.out


async def test_a_second_process_with_the_same_replica_id_refuses_to_start(
    system: System, admin: EditApi, replicas: dict[str, ChatPort], tmp_path: Path
) -> None:
    """It exits 1 with one clear line; the first does not even notice."""
    before = (await admin.fleet())["chat-1"]["instance"]
    env = {
        "REDIS_URL": system.ready.redis,
        "PROMPTCAST_REPLICA_ID": "chat-1",
        "PROMPTCAST_PORT": "0",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    }
    second = Process(promptcast("chat"), env, tmp_path / "said")
    try:
        await becomes(ended, second)
        assert second.status == 1
        (line,) = [line for line in second.said().splitlines() if not line.startswith("{")]
        assert "'chat-1' is in use by another running process" in line
        assert "Traceback" not in second.said()
    finally:
        second.kill()
    assert (await admin.fleet())["chat-1"]["instance"] == before
    (await admin.create("claimed", "You are version 1.")).expect(201)
    assert (await replicas["chat-1"].ask("claimed")).replica == "chat-1"
    assert (await replicas["chat-1"].serves())["state"] == "current"


async def ended(process: Process) -> bool:
    """Whether it has ended."""
    return process.status is not None
