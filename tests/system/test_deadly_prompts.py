"""A version that kills, hangs or crashes whoever loads it: it costs itself, and chat goes on."""

import asyncio
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from events.model import PromptConfig, PromptRestored
from tests.servers import Server
from tests.system.chat_port import ChatPort
from tests.system.patience import becomes
from tests.system.poisoned_replica import HANGS, KILLS, RAISES
from tests.system.services import Service, Services

pytestmark = [pytest.mark.redis, pytest.mark.faults, pytest.mark.soak]
PROMPT = "system"


@pytest.fixture
def replica(own_services: Services, model: str, tmp_path: Path) -> Service:
    """A replica with a weakness, over a server that may be stopped; version 1 is live."""
    with own_services.hand() as hand:
        hand.open()
        hand.save(PROMPT, 1, "You are version 1.")
    started = own_services.chat("chat-1", ready=None, model=model, state_dir=str(tmp_path))
    started.process.kill()
    started.argv = [sys.executable, "-P", "-m", "tests.system.poisoned_replica"]
    return started.start()


@pytest.fixture
def port(replica: Service, session: aiohttp.ClientSession) -> ChatPort:
    """Where it answers."""
    return ChatPort(session, replica.url)


async def rejected(port: ChatPort, position: int) -> str:
    """What somebody is told who waits for the event at ``position``."""
    headers = {"X-Prompt-Name": PROMPT, "X-Prompt-Min-Position": str(position)}
    answer = (await port.post("plain", "Hello", headers)).expect(503)
    assert answer.json["error"]["code"] == "prompt_rejected"
    return str(answer.json["error"]["message"])


async def quarantined(port: ChatPort) -> int:
    """How many events the replica says it does not try again."""
    lines = (await port.get("/metrics")).expect(200).body.decode().splitlines()
    (line,) = (each for each in lines if each.startswith("promptcast_quarantined_events "))
    return int(float(line.split()[1]))


def save(services: Services, version: int, template: str, prompt: str = PROMPT) -> int:
    """Append a save; its position."""
    with services.hand() as hand:
        return hand.save(prompt, version, template)


async def dies(replica: Service) -> None:
    """Wait until the process has killed itself."""
    assert await asyncio.to_thread(replica.process.ended) == -signal.SIGKILL


async def start(replica: Service, ready: str | None = "/readyz") -> None:
    """Start it again, as a supervisor would."""
    await asyncio.to_thread(replica.start, ready)


@pytest.mark.parametrize("template", [RAISES, HANGS])
async def test_a_version_that_cannot_be_loaded_is_rejected_and_the_last_good_one_stays(
    replica: Service, port: ChatPort, own_services: Services, template: str
) -> None:
    pid = replica.process.pid
    position = save(own_services, 2, template)
    assert "crashed" in await rejected(port, position)
    assert (await port.ask(PROMPT)).version == 1
    position = save(own_services, 3, "You are version 3.")
    assert (await port.ask(PROMPT, min_position=position)).version == 3
    assert (replica.process.pid, replica.process.status) == (pid, None)
    assert await quarantined(port) == 1


@pytest.mark.parametrize("meanwhile", ["it follows", "it is away"])
async def test_a_version_that_kills_does_so_twice_and_never_again(
    replica: Service, port: ChatPort, own_services: Services, meanwhile: str
) -> None:
    if meanwhile == "it is away":  # and meets several events at once when it comes
        replica.process.kill()
    save(own_services, 1, "You are another.", "another")
    if meanwhile == "it follows":
        await becomes(serves, port, {PROMPT: 1, "another": 1})
    position = save(own_services, 2, KILLS)
    if meanwhile == "it is away":
        save(own_services, 2, "You are one more.", "another")
        await start(replica, None)
    await dies(replica)
    await start(replica, None)
    await dies(replica)

    await start(replica)
    another = 2 if meanwhile == "it is away" else 1
    assert await becomes(serves, port, {PROMPT: 1, "another": another}), "only it is missing"
    assert "twice" in await rejected(port, position)
    assert await quarantined(port) == 1

    with own_services.hand() as hand:
        restored = hand.write(
            PromptRestored(
                prompt=PROMPT, version=2, saved_at=position, template=KILLS, config=PromptConfig()
            )
        )
    assert "the same content" in await rejected(port, restored)
    position = save(own_services, 3, "You are version 3.")
    assert (await port.ask(PROMPT, min_position=position)).version == 3

    assert await asyncio.to_thread(replica.process.end) == 0
    await start(replica)
    assert (await port.ask(PROMPT, min_position=position)).version == 3


async def serves(port: ChatPort, versions: dict[str, int]) -> bool:
    """Whether these versions, and no others, are served."""
    served = (await port.serves())["prompts"]
    return {each["name"]: each["version"] for each in served} == versions


async def test_a_replica_killed_by_somebody_while_it_loads_nothing_suspects_nothing(
    replica: Service, port: ChatPort
) -> None:
    replica.process.kill()
    await start(replica)
    assert (await port.ask(PROMPT)).version == 1
    assert await quarantined(port) == 0
    assert "loader_died" not in replica.process.said()


@pytest.mark.parametrize("damage", ["cut", "planted", "a link"])
async def test_a_damaged_last_good_state_is_refused_and_told(
    replica: Service,
    port: ChatPort,
    own_server: Server,
    tmp_path: Path,
    damage: str,
) -> None:
    kept = tmp_path / "chat-1.last-good"
    await becomes(is_there, kept)
    assert await asyncio.to_thread(replica.process.end) == 0
    assert kept.stat().st_mode & 0o077 == 0
    spoil(kept, damage)
    own_server.kill()
    await start(replica, None)
    await becomes(said, replica, "last_good_refused")
    await asyncio.to_thread(replica.until, 503, "/readyz")
    await asyncio.to_thread(own_server.start)
    await asyncio.to_thread(replica.until, 200, "/readyz")
    assert (await port.ask(PROMPT)).version == 1


def spoil(kept: Path, damage: str) -> None:
    """Do it."""
    whole = kept.read_bytes()
    if damage == "cut":
        kept.write_bytes(whole[:-20])
    elif damage == "planted":
        kept.write_bytes(b"0" * 64 + b"  \n" + whole)
    else:
        kept.rename(kept.with_name("elsewhere"))
        kept.symlink_to(kept.with_name("elsewhere"))


async def is_there(path: Path) -> bool:
    """Whether there is such a file."""
    return await asyncio.to_thread(path.exists)


async def said(replica: Service, words: str) -> bool:
    """Whether it has said so."""
    return words in await asyncio.to_thread(replica.process.said)


async def test_with_the_log_away_what_is_in_quarantine_is_left_out_and_found_again_in_the_log(
    replica: Service, port: ChatPort, own_services: Services, own_server: Server, tmp_path: Path
) -> None:
    """Version 2 was good for the code of yesterday, and kept; that of today dies of it."""
    kind = replica.argv
    replica.argv = [sys.executable, "-P", "-m", "services.cli", "chat"]
    replica.process.kill()
    save(own_services, 1, "You are another.", "another")
    position = save(own_services, 2, KILLS)
    (tmp_path / "chat-1.last-good").unlink(missing_ok=True)
    await start(replica)
    assert (await port.ask(PROMPT, min_position=position)).version == 2
    await becomes(is_there, tmp_path / "chat-1.last-good")
    assert await asyncio.to_thread(replica.process.end) == 0

    replica.argv = kind
    for _ in range(2):
        await start(replica, None)
        await dies(replica)
    own_server.kill()
    await start(replica)
    assert await serves(port, {"another": 1})
    await asyncio.to_thread(own_server.start)
    assert await becomes(serves, port, {PROMPT: 1, "another": 1})
