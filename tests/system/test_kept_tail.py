"""A replica that was away while the log went back: it serves what it kept, and offers what was lost."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from events.lines import from_line
from tests.system.chat_port import ChatPort
from tests.system.hand import Hand
from tests.system.patience import becomes
from tests.system.services import Service, Services

pytestmark = [pytest.mark.faults, pytest.mark.soak]

PROMPT = "kept"


@pytest.fixture
def hand(own_services: Services) -> Iterator[Hand]:
    """At a log that holds one version."""
    with own_services.hand() as hand:
        hand.open()
        hand.save(PROMPT, 1, "You are version 1.")
        yield hand


async def started(services: Services, state: Path) -> Service:
    return await asyncio.to_thread(lambda: services.chat("chat-1", state_dir=str(state)))


async def is_in_state(port: ChatPort, state: str) -> bool:
    """Whether the replica says so of itself."""
    return str((await port.serves())["state"]) == state


async def kept_through(file: Path, position: int) -> bool:
    """Whether the tail on disk, and the state beside it, reach so far."""
    return await asyncio.to_thread(_kept_through, file) == position


def _kept_through(file: Path) -> int:
    both = file.exists() and file.with_name("chat-1.last-good").exists()
    return positions(file.read_bytes())[-1] if both else 0


async def offered(hand: Hand) -> bytes | None:
    """What the replica offers."""
    key = f"{{{hand.keys.namespace}}}:tail:chat-1"
    found: bytes | None = await asyncio.to_thread(hand.client.execute_command, "GET", key)
    return found


def positions(lines: bytes) -> list[int]:
    return [from_line(line).position for line in lines.splitlines()]


async def test_what_a_replica_kept_survives_that_the_log_went_back_while_it_was_away(
    own_services: Services, hand: Hand, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    before, tail = hand.copy(), tmp_path / "chat-1.tail.jsonl"
    hand.save(PROMPT, 2, "You are version 2.")
    after = hand.copy()
    replica = await started(own_services, tmp_path)
    port = ChatPort(session, replica.url)
    await becomes(kept_through, tail, 3)
    assert replica.process.end() == 0
    hand.bring_back(before)

    await asyncio.to_thread(replica.start)
    await becomes(is_in_state, port, "diverged")
    (served,) = (await port.serves())["prompts"]
    assert (served["name"], served["version"]) == (PROMPT, 2)
    assert positions(await becomes(offered, hand)) == [1, 2, 3]

    hand.bring_back(after)
    await becomes(is_in_state, port, "current")
    hand.save(PROMPT, 3, "You are version 3.")
    await becomes(kept_through, tail, 4)


async def test_a_log_that_is_gone_does_not_take_the_prompts_of_who_starts_then(
    own_services: Services, hand: Hand, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    replica = await started(own_services, tmp_path)
    port = ChatPort(session, replica.url)
    await becomes(kept_through, tmp_path / "chat-1.tail.jsonl", 2)
    assert replica.process.end() == 0
    hand.client.delete(hand.keys.log)
    await asyncio.to_thread(replica.start)
    await becomes(is_in_state, port, "diverged")
    (served,) = (await port.serves())["prompts"]
    assert (served["name"], served["version"]) == (PROMPT, 1)
