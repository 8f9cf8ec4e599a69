"""Scenarios that run in the ordinary tests with small counts, and in ``tests/soak`` with the big ones."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from tests.system.busy import asking
from tests.system.chat_port import ChatPort
from tests.system.edit_api import EditApi
from tests.system.patience import becomes
from tests.system.system import System


async def saved_under_load(admin: EditApi, chat: ChatPort, *, saves: int, answers: int) -> None:
    """Save so often while users ask so many questions, both spread evenly."""
    (await admin.create("busy", "You are version 1.")).expect(201)
    async with asking(chat, "busy") as users:
        for version in range(2, saves + 2):
            (await admin.save("busy", f"You are version {version}.")).expect(201)
            due = answers * (version - 1) // saves
            await becomes(users.have_had, due, seconds=60)
    assert not users.failed, (len(users.failed), users.failed[:3])
    assert users.answers >= answers
    assert len(users.versions) > saves / 2, "the answers hardly followed the saves"
    assert len(users.replicas) == 3, "a replica was never asked"


@contextmanager
def stopped(system: System, replica: str) -> Iterator[None]:
    """The replica stands still as long as the block runs."""
    pid = system.ready.pids[replica]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def stops_and_catches_up(
    system: System, admin: EditApi, replicas: dict[str, ChatPort], seconds: float
) -> None:
    """Stop chat-2 for so long; saves are ``partial`` meanwhile, and it catches up by itself."""
    name = f"stopped-{seconds:g}"
    (await admin.create(name, "You are version 1.")).expect(201)
    began = monotonic()
    with stopped(system, "chat-2"):
        saved = (await admin.save(name, "You are version 2.", wait=0.5)).expect(201).json
        assert saved["propagation"]["state"] == "partial"
        outcomes = {each["replica"]: each["outcome"] for each in saved["propagation"]["replicas"]}
        assert outcomes == {**dict.fromkeys(replicas, "applied"), "chat-2": "pending"}
        assert (await replicas["chat-1"].ask(name)).version == 2
        await becomes(shown_as, admin, "chat-2", "lagging")
        last = (await admin.save(name, "You are version 3.", wait=None)).expect(201).json
        await becomes(passed, began + seconds)
    said = await replicas["chat-2"].ask(name, min_position=last["position"])
    assert (said.version, said.prompt) == (3, "You are version 3.")
    await admin.all_members(state="current", applied_position=last["position"])
    spread = (await admin.call("GET", f"/propagation/{last['position']}")).expect(200).json
    assert spread["state"] == "converged"


async def shown_as(admin: EditApi, replica: str, state: str) -> bool:
    """Whether the fleet shows the replica in this state."""
    return str((await admin.fleet())[replica]["state"]) == state


async def passed(moment: float) -> bool:
    """Whether the monotonic clock is beyond ``moment``."""
    return monotonic() >= moment
