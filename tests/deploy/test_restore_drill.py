"""The restore drill: everything is lost but a directory of backups, and comes back hash for hash."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from events.chain import Entry
from services.cli.line_files import lines_of
from services.cli.segments import segments_in
from tests.deploy.house import House
from tests.services.cli.test_compressed import packed
from tests.system.chat_port import ChatPort
from tests.system.command import Command, command_at
from tests.system.edit_api import EditApi
from tests.system.hand import Hand
from tests.system.patience import becomes

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(240)]
SIGNING = "k1:" + "0123456789abcdef" * 4
PROMPTS = ("system", "greeting", "farewell")


@pytest.fixture
def house() -> Iterator[House]:
    made = House(
        replicas=2,
        admins=2,
        every={"signing_keys": SIGNING},
        of_admins={"open_after": "0.5", "rejoin_after": "2"},
    )
    with made:
        yield made


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout) as made:
        yield made


class Drill:
    """A house, somebody who edits, somebody who runs commands, and what is remembered of it all."""

    def __init__(self, house: House, session: aiohttp.ClientSession) -> None:
        self.house, self.session = house, session
        self.keyed: dict[str, tuple[str, str, dict[str, Any]]] = {}
        """Saves by their idempotency key: the prompt, the template, and the answer."""

    def admin(self, number: int = 1) -> EditApi:
        return EditApi(self.session, self.house.processes[f"admin-{number}"].url, self.house.key)

    @property
    def command(self) -> Command:
        url, given = self.house.processes["admin-1"].url, {"PROMPTCAST_SIGNING_KEYS": SIGNING}
        return command_at(url, self.house.key, given)

    async def save(self, count: int, wait: float | None = None) -> None:
        """So many versions, each with a key, at one admin and the other, of one prompt and the next."""
        for _ in range(count):
            number = len(self.keyed)
            name, key = PROMPTS[number % 3], f"key-{number}"
            text = f"You are number {number}.\n" * 20
            admin = self.admin(number % 2 + 1)
            answer = await admin.save(name, text, "*", wait=wait, key=key)
            self.keyed[key] = name, text, told(answer.expect(201).json)

    async def people(self) -> None:
        """The access log holds something, too."""
        for path, body in (
            ("/people", {"name": "ann", "role": "editor"}),
            ("/people", {"name": "bob", "role": "viewer"}),
            ("/keys", {"name": "pipeline", "role": "editor"}),
        ):
            assert (await self.admin().call("POST", path, body=body)).status in {200, 201}

    async def state(self) -> dict[str, Any]:
        """All that the edit API tells of what was saved: what is live, and all that ever was."""
        admin, found = self.admin(2), dict[str, Any]()
        for name in (*PROMPTS, "retired"):
            live = await admin.prompt(name)
            versions = [
                {key: of for key, of in each.items() if key != "answers"}  # it is this run's
                for each in await admin.versions(name)
            ]
            path = f"/prompts/{name}/versions/"
            whole = [(await admin.call("GET", f"{path}{each['version']}")) for each in versions]
            texts = [each.expect(200).json["template"] for each in whole]
            found[name] = (live.status, live.headers.get("ETag"), live.json, versions, texts)
        return found

    def logs(self) -> tuple[list[Entry], list[Entry]]:
        """Both logs as they stand on the server."""
        with self.house.services.hand() as hand:
            return hand.entries(), Hand(hand.client, hand.keys.access).entries()

    def lose_everything(self) -> None:
        """The server's data, the journals, what the replicas keep: disks and memories, all at once."""
        for name, service in self.house.processes.items():
            if name != "model":
                service.process.kill()
                shutil.rmtree(self.house.services.directory / name)
        server = self.house.server
        assert server is not None
        server.kill()
        shutil.rmtree(server.directory)
        server.directory.mkdir()
        server.start()
        assert server.call("DBSIZE") == 0


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """What an answer says for ever: who has it by now is another matter."""
    return {name: of for name, of in answer.items() if name not in {"propagation", "durable"}}


async def test_all_is_lost_but_a_backup_and_comes_back_hash_for_hash(
    house: House, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    drill, backup = Drill(house, session), str(tmp_path / "backup")

    # -- life: saves, restores, people; backups in the midst of it
    for name in (*PROMPTS[1:], "retired"):
        (await drill.admin().create(name, f"{name} 1", wait=None)).expect(201)
    await drill.people()
    await drill.save(9)
    first = await drill.command("backup", backup)
    assert (first.status, first.err) == (0, ""), first
    during, *_ = await asyncio.gather(drill.command("backup", backup), drill.save(30))
    assert during.status == 0, during
    await drill.save(3)
    (await drill.admin().call("DELETE", "/prompts/retired", headers={"If-Match": "*"})).expect(200)
    (await drill.admin().restore("greeting", 2, wait=15.0)).expect(200)
    done = await drill.command("backup", backup)
    assert done.status == 0, done
    again = await drill.command("backup", backup)
    assert "log nothing new" in again.out, again
    assert "access nothing new" in again.out, again
    before, state = drill.logs(), await drill.state()
    head = before[0][-1]
    verified = await drill.command("verify", backup)
    assert (verified.status, verified.err) == (0, ""), verified
    assert f"head: position {head.position}, hash {head.hash}" in verified.out

    # -- the loss
    await asyncio.to_thread(drill.lose_everything)
    await started(house, house.admins)  # they meet no log, and begin a new one
    assert (await drill.admin().prompt("system")).status == 404
    begun = drill.logs()
    went = await drill.command("backup", backup)
    assert (went.status, "Nothing was written" in went.err) == (1, True), went

    # -- what must not restore anything: a file that breaks off, and somebody who did not mean it
    broken = tmp_path / "broken.zst"
    whole = b"\n".join(
        line for each in segments_in(Path(backup))["log"] for line in lines_of(each.path)
    )
    broken.write_bytes(packed(whole)[:-7])
    refused = await drill.command("import", "--replace", str(broken))
    assert (refused.status, "it is cut off" in refused.err) == (1, True), refused
    refused = await drill.command("import", backup)
    assert (refused.status, "other events behind position 0" in refused.err) == (1, True), refused
    await becomes(writable, drill)
    assert drill.logs() == begun
    assert "request_failed" not in house.processes["admin-1"].out.read_text()

    # -- the restore
    done = await drill.command("import", "--replace", backup)
    assert done.status == 0, done
    for now, then in zip(drill.logs(), before, strict=True):
        assert now[: len(then)] == then
        assert len(now) == len(then) + 1, "and one event that says so"
    assert await becomes(same_state, drill, state)
    for key, (name, text, answer) in drill.keyed.items():
        replayed = await drill.admin(2).save(name, text, "*", wait=None, key=key)
        assert replayed.headers.get("Idempotency-Replayed") == "true"
        assert told(replayed.expect(201).json) == answer
    assert drill.logs()[0][-1].position == head.position + 1, "replays append nothing"
    lost = await metric(drill, "promptcast_credentials_lost")
    assert lost == 1, "the pipeline's key; ann and bob had set no password yet"

    # -- and life goes on
    await started(house, house.replicas)
    for service in house.replicas.values():
        said = await ChatPort(session, service.url).ask("greeting")
        assert (said.version, said.prompt) == (2, drill_text(state, "greeting", 2))
    saved = (await drill.admin().save("system", "You are back.", "*", wait=15.0)).expect(201).json
    assert saved["position"] == head.position + 2
    assert saved["propagation"]["state"] == "converged"
    assert len(saved["propagation"]["replicas"]) == 2
    verified = await drill.command("verify")
    assert (verified.status, "the chain is whole" in verified.out) == (0, True), verified
    done = await drill.command("backup", backup)
    assert done.out == (
        f"{backup}: log 2 new events through position {head.position + 2};"
        f" access 1 new events through position {len(before[1]) + 1}\n"
    ), done
    verified = await drill.command("verify", backup)
    assert (verified.status, verified.err) == (0, ""), verified


async def started(house: House, names: Iterable[str]) -> None:
    await asyncio.gather(*(asyncio.to_thread(house.start, name) for name in names))


def drill_text(state: dict[str, Any], name: str, version: int) -> str:
    """The first line of a version, as the demo model repeats it."""
    *_, versions, texts = state[name]
    numbers = [each["version"] for each in versions]
    return str(texts[numbers.index(version)]).splitlines()[0]


async def same_state(drill: Drill, state: dict[str, Any]) -> bool:
    return await drill.state() == state


async def writable(drill: Drill) -> bool:
    return await metric(drill, 'promptcast_log_writable{log="log"}') == 1


async def metric(drill: Drill, name: str) -> float:
    async with drill.session.get(f"{drill.house.processes['admin-1'].url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    (line,) = [line for line in lines if line.startswith(f"{name} ")]
    return float(line.split()[-1])
