"""Connections between a replica and Redis die at the worst moment; nothing that was saved is missed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.faults_proxy import FaultsProxy, cut_after, eaten, late, on
from tests.system.answers import Answer
from tests.system.chat_port import ChatPort
from tests.system.hand import Hand, saved
from tests.system.patience import becomes
from tests.system.services import Services

pytestmark = [pytest.mark.faults, pytest.mark.soak]

PROMPT = "wired"
STALE_AFTER = "0.5"
NOTICED_SECONDS = 5.0
"""Two heartbeats, with room for a busy machine; the read that waits in vain takes seven."""


@pytest.fixture
def hand(services: Services) -> Hand:
    """Writes the log, as an admin would; it is open, and holds the first version of a prompt."""
    made = services.hand()
    made.open()
    made.save(PROMPT, 1, "You are version 1.")
    return made


@pytest.fixture
async def wire(services: Services) -> AsyncIterator[FaultsProxy]:
    """The way from the replica to Redis."""
    async with FaultsProxy(services.server.socket) as proxy:
        yield proxy


@pytest.fixture
async def replica(
    services: Services, hand: Hand, wire: FaultsProxy, session: aiohttp.ClientSession, model: str
) -> AsyncIterator[ChatPort]:
    """One replica behind the wire; it has the first version, and is fed by its group."""

    def start() -> str:
        return services.chat("chat-1", wire.url, model=model, stale_after=STALE_AFTER).url

    port = ChatPort(session, await asyncio.to_thread(start))
    await becomes(serves, port, 1)
    await becomes(is_blocked, hand)
    with hand:
        yield port


async def serves(port: ChatPort, version: int) -> bool:
    """Whether the replica serves this version, and is current."""
    told = await port.serves()
    versions = {each["name"]: each["version"] for each in told["prompts"]}
    return (versions.get(PROMPT), told["state"]) == (version, "current")


async def is_blocked(hand: Hand) -> bool:
    """Whether the replica waits for entries."""
    return reader(hand) is not None


def reader(hand: Hand) -> int | None:
    """The id of the connection on which the replica waits, by the server's own list."""
    known: Any = hand.client.client_list()
    waiting = [each for each in known if each["cmd"] == "xreadgroup" and "b" in each["flags"]]
    return int(waiting[0]["id"]) if waiting else None


async def test_an_entry_delivered_to_a_connection_that_is_killed_is_applied_all_the_same(
    hand: Hand, replica: ChatPort
) -> None:
    """Entry and CLIENT KILL in one write: the server delivers, and drops the reply unsent."""
    draft = hand.draft(saved(PROMPT, 2, "You are version 2."))
    fields = hand.flat({"event": draft.event, "hash": draft.hash})
    connection = reader(hand)
    pipe = hand.client.pipeline(transaction=False)
    pipe.execute_command("XADD", hand.keys.log, f"{hand.head().position + 1}-0", *fields)
    pipe.execute_command("CLIENT KILL", "ID", str(connection))
    pipe.xpending(hand.keys.log, "chat-1")
    _, killed, pending = await asyncio.to_thread(pipe.execute)
    assert (killed, pending["pending"]) == (1, 1), "it was delivered, to a connection that is dead"
    await becomes(serves, replica, 2)
    await becomes(nothing_pending, hand)


async def test_an_entry_lost_on_its_way_to_the_replica_is_applied_all_the_same(
    hand: Hand, wire: FaultsProxy, replica: ChatPort
) -> None:
    """The connection breaks before the entry, or within it; or it stands and seems well, but the
    entry has vanished: only the heartbeat can find that out."""
    for version, fault in enumerate((cut_after(0), cut_after(0.5), eaten), start=2):
        await becomes(is_blocked, hand)
        wire.to_client = on(b"XREADGROUP", fault, times=1)
        hand.save(PROMPT, version, f"You are version {version}.")
        await becomes(serves, replica, version, seconds=NOTICED_SECONDS)
        await becomes(nothing_pending, hand)
    hand.save(PROMPT, 5, "You are version 5.")
    await becomes(serves, replica, 5)


async def test_who_asks_a_late_replica_for_a_position_waits_and_never_meets_the_old_prompt(
    hand: Hand, wire: FaultsProxy, replica: ChatPort
) -> None:
    wire.to_client = on(b"XREADGROUP", late(0.5))
    position = hand.save(PROMPT, 2, "You are version 2.")
    asked = [replica.ask(PROMPT), *(replica.ask(PROMPT, min_position=position) for _ in range(9))]
    old, *fresh = await asyncio.gather(*asked)
    assert (old.version, old.prompt) == (1, "You are version 1."), "it was not late at all"
    assert {(each.version, each.prompt) for each in fresh} == {(2, "You are version 2.")}


async def test_a_lost_acknowledgement_does_no_harm(
    hand: Hand, wire: FaultsProxy, replica: ChatPort
) -> None:
    wire.to_server = on(b"XACK", cut_after(0), times=1)
    hand.save(PROMPT, 2, "You are version 2.")
    await becomes(serves, replica, 2)
    await becomes(nothing_pending, hand)
    hand.save(PROMPT, 3, "You are version 3.")
    await becomes(serves, replica, 3)


async def nothing_pending(hand: Hand) -> bool:
    """Whether every delivered entry was acknowledged."""
    return hand.pending() == {"chat-1": 0}


async def test_a_replica_cut_off_from_the_log_says_how_stale_it_is_and_catches_up(
    hand: Hand, wire: FaultsProxy, replica: ChatPort
) -> None:
    """First a black hole, in which nobody is told of anything; then connections that are refused."""
    for version, trouble in ((2, wire.black_hole), (3, lambda: broken(wire))):
        trouble()
        hand.save(PROMPT, version, f"You are version {version}.")
        stale = await becomes(stale_answer, replica)
        assert int(stale.headers["X-Prompt-Stale"]) < 10
        (old,) = stale.json["prompts"]
        assert old["version"] == version - 1
        (await replica.get("/readyz")).expect(200)
        wire.heal()
        wire.cut_all()
        await becomes(serves, replica, version)
        assert "X-Prompt-Stale" not in (await replica.get("/prompt")).headers


def broken(wire: FaultsProxy) -> None:
    """Whatever is sent breaks the connection."""
    wire.to_server = cut_after(0)
    wire.cut_all()


async def stale_answer(port: ChatPort) -> Answer | None:
    """An answer of the replica, if it says that it is stale."""
    answer = await port.get("/prompt")
    return answer if "X-Prompt-Stale" in answer.headers else None
