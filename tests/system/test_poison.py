"""Bad entries in the log: nobody falls, everybody hears of it, and work goes on."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.servers import Server
from tests.system.chat_port import ChatPort
from tests.system.command import command_at
from tests.system.edit_api import EditApi
from tests.system.hand import Hand
from tests.system.patience import becomes
from tests.system.poison import POISON, PROMPT, newer_type
from tests.system.system import System

pytestmark = [pytest.mark.redis, pytest.mark.faults, pytest.mark.soak]


@pytest.fixture(scope="module")
def system(start_system: Callable[..., System], module_server: Server) -> System:
    """A system of our own: ``verify`` has something to say about its log from here on."""
    return start_system("--replicas", "2", REDIS_URL=module_server.url)


async def rejected(admin: EditApi, position: int) -> dict[str, dict[str, Any]]:
    """Wait until every replica has reported a rejection at ``position``; each one's own word."""

    async def reported() -> dict[str, dict[str, Any]] | None:
        told = {
            name: each
            for name, member in (await admin.fleet()).items()
            for each in member["rejected"]
            if each["position"] == position
        }
        return told if len(told) == len(await admin.fleet()) else None

    return await becomes(reported)


async def version_served(replicas: dict[str, ChatPort]) -> set[int]:
    """The versions that the replicas answer with."""
    return {(await port.ask(PROMPT)).version for port in replicas.values()}


async def live(admin: EditApi) -> int:
    """The live version of the prompt; it is created when there is none."""
    found = await admin.prompt(PROMPT)
    if found.status == 404:
        found = (await admin.create(PROMPT, "You are version 1.")).expect(201)
    version: int = found.json["version"]
    return version


@pytest.mark.parametrize(
    ("write", "reason"), [pytest.param(w, r, id=w.__name__) for w, r in POISON.items()]
)
async def test_poison_is_reported_by_every_replica_and_passed_over(
    system: System,
    admin: EditApi,
    replicas: dict[str, ChatPort],
    write: Callable[[Hand], int],
    reason: str,
) -> None:
    version = await live(admin)
    with system.hand() as hand:
        position = write(hand)
    told = await rejected(admin, position)
    assert set(told) == set(replicas)
    assert {each["reason"] for each in told.values()} == {reason}
    assert await version_served(replicas) == {version}, "the last good version stays"
    assert (await admin.prompt(PROMPT)).expect(200).json["version"] == version

    saved = (await admin.save(PROMPT, f"You are version {version + 1}.")).expect(201).json
    assert (saved["version"], saved["position"]) == (version + 1, position + 1)
    assert saved["propagation"]["state"] == "converged"
    assert await version_served(replicas) == {version + 1}
    assert {each["state"] for each in (await admin.fleet()).values()} == {"current"}

    spread = (await admin.call("GET", f"/propagation/{position}")).expect(200).json
    assert spread["state"] == "rejected"
    assert all(each["reason"].startswith(reason) for each in spread["replicas"])


async def test_verify_lists_poison_of_every_kind_and_fails(system: System, admin: EditApi) -> None:
    await live(admin)
    with system.hand() as hand:
        written = {write(hand): reason for write, reason in POISON.items()}
    promptcast = command_at(system.ready.admin, system.ready.admin_key)
    ended = await promptcast("verify", "--json")
    assert ended.status == 1, ended.err
    found = {each["position"]: each["reason"] for each in json.loads(ended.out)["findings"]}
    assert found.items() >= written.items()


async def test_who_waits_for_a_poisoned_position_of_the_prompt_is_told_so(
    system: System, admin: EditApi, replicas: dict[str, ChatPort]
) -> None:
    await live(admin)
    with system.hand() as hand:
        position = next(w for w in POISON if w.__name__ == "invalid_template")(hand)
    headers = {"X-Prompt-Name": PROMPT, "X-Prompt-Min-Position": str(position)}
    for port in replicas.values():
        answer = (await port.post("plain", "Hello", headers)).expect(503)
        assert answer.json["error"]["code"] == "prompt_rejected"
        assert "invalid" in answer.json["error"]["message"]


async def test_an_event_of_a_newer_promptcast_stops_writing_but_not_chat(
    system: System, admin: EditApi, replicas: dict[str, ChatPort]
) -> None:
    """The last test of this module: the system stays read-only."""
    version = await live(admin)
    with system.hand() as hand:
        position = newer_type(hand)
        told = await rejected(admin, position)
        assert {each["reason"] for each in told.values()} == {"unknown_type"}
        before = hand.head()
        refused = (await admin.save(PROMPT, "You are refused.")).expect(503)
        assert refused.problem == "read-only"
        assert refused.headers["Retry-After"]
        assert (await admin.restore(PROMPT, 1)).expect(503).problem == "read-only"
        assert hand.head() == before
    assert (await admin.prompt(PROMPT)).expect(200).json["version"] == version, "reading goes on"
    assert await version_served(replicas) == {version}
    assert {each["state"] for each in (await admin.fleet()).values()} == {"current"}
