"""A replica that hangs past the limit is reaped, and comes back; nobody else is ever reaped."""

import asyncio
import re
import signal
from time import monotonic

import aiohttp
import pytest

from tests.system.chat_port import ChatPort
from tests.system.edit_api import EditApi
from tests.system.patience import becomes
from tests.system.scenarios import passed
from tests.system.services import KEY, Service, Services

pytestmark = [pytest.mark.redis, pytest.mark.faults, pytest.mark.soak]
LIMIT = 3.0


async def reaped(session: aiohttp.ClientSession, *admins: Service) -> float:
    """How many replicas these admins have reaped, all together."""
    total = 0.0
    for each in admins:
        async with session.get(f"{each.url}/metrics") as answer:
            found = re.findall(
                r"^promptcast_replicas_reaped_total (\S+)", await answer.text(), re.MULTILINE
            )
            total += float(found[0])
    return total


async def members_are(admin: EditApi, *names: str) -> bool:
    """Whether these are all members."""
    return set(await admin.fleet()) == set(names)


async def is_current(admin: EditApi, name: str) -> bool:
    """Whether the member follows the log."""
    member = (await admin.fleet()).get(name)
    return member is not None and member["state"] == "current"


async def started(services: Services, model: str, *names: str) -> list[Service]:
    """Two admins, then replicas of these names, with the limit."""
    limit = f"{LIMIT}"
    services.open_log()
    admins = [asyncio.to_thread(services.admin, reap_after=limit) for _ in range(2)]
    chats = [
        asyncio.to_thread(services.chat, name, reap_after=limit, model=model) for name in names
    ]
    return list(await asyncio.gather(*admins, *chats))


async def test_a_replica_that_hangs_is_reaped_behind_the_limit_and_comes_back_by_itself(
    services: Services, session: aiohttp.ClientSession, model: str
) -> None:
    first, second, _, chat = await started(services, model, "chat-1", "chat-2")
    both = [EditApi(session, each.url, KEY) for each in (first, second)]
    begun = (await both[0].create("reaped", "Text 1.")).expect(201).json
    await becomes(members_are, both[1], "chat-1", "chat-2")

    chat.process.send(signal.SIGSTOP)
    stopped = monotonic()
    for each in both:
        await becomes(members_are, each, "chat-1")
    assert monotonic() - stopped > LIMIT
    assert await reaped(session, first, second) == 1, "both saw it, one did it"
    saved = (await both[1].save("reaped", "Text 2.", begun["revision"])).expect(201).json
    assert saved["propagation"]["state"] == "converged", "nobody waits for the dead"

    chat.process.send(signal.SIGCONT)
    port = ChatPort(session, chat.url)
    said = await port.ask("reaped", min_position=saved["position"])
    assert said.version == 2
    for each in both:
        await becomes(is_current, each, "chat-2")
    assert (await both[0].fleet())["chat-2"]["applied_position"] == saved["position"]
    last = (await both[0].save("reaped", "Text 3.", saved["revision"])).expect(201).json
    assert {each["replica"]: each["outcome"] for each in last["propagation"]["replicas"]} == {
        "chat-1": "applied",
        "chat-2": "applied",
    }
    assert await reaped(session, first, second) == 1


async def test_an_admin_that_was_stopped_itself_reaps_nobody_on_waking(
    services: Services, session: aiohttp.ClientSession, model: str
) -> None:
    """The replica stood still just as long; it would have been reaped if our absence counted."""
    first, second, chat = await started(services, model, "chat-1")
    admin = EditApi(session, first.url, KEY)
    await becomes(is_current, admin, "chat-1")
    assert second.process.end() == 0
    both = (first.process, chat.process)
    for each in both:
        each.send(signal.SIGSTOP)
    await becomes(passed, monotonic() + LIMIT + 1)
    first.process.send(signal.SIGCONT)
    woken = monotonic()
    await becomes(passed, woken + LIMIT / 2)
    assert await members_are(admin, "chat-1")
    chat.process.send(signal.SIGCONT)
    await becomes(is_current, admin, "chat-1")
    await becomes(passed, woken + LIMIT + 2)
    assert await members_are(admin, "chat-1")
    assert await reaped(session, first) == 0
