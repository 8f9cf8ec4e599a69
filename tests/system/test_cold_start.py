"""A replica that starts while Redis is down, and one that starts before there is a log."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from tests.system.chat_port import ChatPort
from tests.system.hand import Hand
from tests.system.patience import becomes
from tests.system.services import Service, Services

pytestmark = [pytest.mark.faults, pytest.mark.soak]

PROMPT = "kept"


@pytest.fixture
def services(own_services: Services) -> Services:
    """Over a server that may be stopped; the log holds one prompt."""
    with own_services.hand() as hand:
        hand.open()
        hand.save(PROMPT, 1, "You are version 1.")
    return own_services


async def is_current(port: ChatPort) -> bool:
    """Whether the replica is current."""
    return str((await port.serves())["state"]) == "current"


async def test_with_a_state_directory_it_serves_the_last_good_state_and_says_how_old_it_is(
    services: Services, session: aiohttp.ClientSession, model: str, tmp_path: Path
) -> None:
    replica = await asyncio.to_thread(
        lambda: services.chat("chat-1", model=model, state_dir=str(tmp_path))
    )
    port = ChatPort(session, replica.url)
    assert (await port.ask(PROMPT)).version == 1
    await becomes(kept, tmp_path)
    assert replica.process.end() == 0
    services.server.kill()

    await asyncio.to_thread(replica.start)
    said = await port.ask(PROMPT)
    assert (said.version, said.prompt) == (1, "You are version 1.")
    assert int(said.headers["X-Prompt-Stale"]) >= 0
    assert (await port.serves())["state"] == "stale"

    await asyncio.to_thread(services.server.start)
    await becomes(is_current, port)
    with services.hand() as hand:
        position = hand.save(PROMPT, 2, "You are version 2.")
    fresh = await port.ask(PROMPT, min_position=position)
    assert (fresh.version, "X-Prompt-Stale" in fresh.headers) == (2, False)


async def kept(directory: Path) -> bool:
    """Whether something was kept there."""
    return any(await asyncio.to_thread(lambda: list(directory.iterdir())))


async def test_without_a_state_directory_it_is_not_ready_until_it_has_read_the_log(
    services: Services, session: aiohttp.ClientSession
) -> None:
    services.server.kill()
    replica = await asyncio.to_thread(lambda: services.chat("chat-1", ready=None))
    await asyncio.to_thread(lambda: replica.until(200, "/healthz"))
    await asyncio.to_thread(lambda: replica.until(503, "/readyz"))
    port = ChatPort(session, replica.url)
    refused = (await port.post("plain", "Hello", {"X-Prompt-Name": PROMPT})).expect(503)
    assert refused.json["error"]["code"] == "starting"
    assert refused.headers["Retry-After"]

    await asyncio.to_thread(services.server.start)
    await asyncio.to_thread(lambda: replica.until(200, "/readyz"))
    (served,) = (await port.serves())["prompts"]
    assert (served["name"], served["version"]) == (PROMPT, 1)


async def test_a_replica_that_is_there_before_the_log_becomes_ready_with_it(
    own_services: Services, session: aiohttp.ClientSession
) -> None:
    replica: Service = await asyncio.to_thread(lambda: own_services.chat("chat-1", ready=None))
    await asyncio.to_thread(lambda: replica.until(503, "/readyz"))
    own_services.open_log()
    await asyncio.to_thread(lambda: replica.until(200, "/readyz"))
    assert await is_current(ChatPort(session, replica.url))


async def test_a_replica_that_leaves_by_its_own_word_is_forgotten_at_once(
    services: Services,
) -> None:
    replica = await asyncio.to_thread(lambda: services.chat("chat-1"))
    with services.hand() as hand:
        await becomes(is_followed, hand)
        assert replica.process.end() == 0
        assert hand.pending() == {}
        assert not hand.client.exists(hand.keys.replica("chat-1"))


async def is_followed(hand: Hand) -> bool:
    """Whether the replica's group is there."""
    return "chat-1" in hand.pending()
