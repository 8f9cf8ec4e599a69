"""A log that went back is made whole by whoever still holds what it lost; a fork waits for a person."""

import asyncio
import json
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
import pytest

from events.chain import Entry
from projections.reports import Report
from tests.servers import Server
from tests.system.chat_port import ChatPort
from tests.system.edit_api import EditApi
from tests.system.hand import Hand
from tests.system.patience import becomes
from tests.system.services import KEY, Service, Services

pytestmark = [pytest.mark.redis, pytest.mark.faults, pytest.mark.soak]
OPEN_AGAIN_SECONDS = 2.0
QUICK = {"rejoin_after": "3", "open_after": "1.2"}


class Fleet:
    """Admins and replicas over one server, and a hand at its log."""

    def __init__(self, services: Services, session: aiohttp.ClientSession) -> None:
        self.services, self.session = services, session
        self.admins: list[Service] = []
        self.replicas: dict[str, Service] = {}
        self.seen: dict[str, list[int]] = {}
        self.watching: asyncio.Task[None] | None = None

    async def admin(self, state: Path | None = None, **env: str) -> EditApi:
        kept = {"state_dir": str(state)} if state else {}
        settings = {**QUICK, **kept, **env}
        self.admins.append(await asyncio.to_thread(lambda: self.services.admin(**settings)))
        return self.api(-1)

    def api(self, number: int) -> EditApi:
        return EditApi(self.session, self.admins[number].url, KEY)

    async def replica(self, id: str, state: Path | None = None, **env: str) -> ChatPort:
        kept = {"state_dir": str(state)} if state else {}
        env = {**kept, **env}
        self.replicas[id] = await asyncio.to_thread(lambda: self.services.chat(id, **env))
        return self.port(id)

    def port(self, id: str) -> ChatPort:
        return ChatPort(self.session, self.replicas[id].url)

    async def watch(self) -> None:
        """Write down every replica's applied position, to see that it never goes backwards."""
        while True:
            for id in self.replicas:
                served = await self.port(id).serves()
                self.seen.setdefault(id, []).append(int(served["applied_position"]))
            await asyncio.sleep(0.05)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.watch())
        try:
            yield
        finally:
            task.cancel()
            (how,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(how, asyncio.CancelledError), how
        assert all(positions == sorted(positions) for positions in self.seen.values()), self.seen

    async def all_at(self, position: int) -> None:
        """Wait until every replica is current there, or further."""
        for id in self.replicas:
            await becomes(is_at, self.port(id), position)


async def is_at(port: ChatPort, position: int) -> bool:
    told = await port.serves()
    return told["state"] == "current" and int(told["applied_position"]) >= position


@pytest.fixture
async def fleet(own_services: Services, session: aiohttp.ClientSession) -> Fleet:
    own_services.open_log()
    return Fleet(own_services, session)


@pytest.fixture
def hand(own_services: Services):
    with own_services.hand() as made:
        yield made


async def saved(admin: EditApi, prompt: str, count: int, *, wait: float | None = 15.0) -> None:
    """So many more versions of a prompt."""
    for _ in range(count):
        text = f"You are number {monotonic()}."
        (await admin.save(prompt, text, "*", wait=wait)).expect(201)


async def begun(admin: EditApi, prompt: str = "kept", count: int = 8) -> None:
    (await admin.create(prompt, "You are the first.")).expect(201)
    await saved(admin, prompt, count - 1)


def rewrite(hand: Hand, entries: list[Entry]) -> None:
    """These are all that the log holds, from one moment to the next; its groups are gone."""
    pipe = hand.client.pipeline(transaction=True)
    pipe.delete(hand.keys.log)
    for each in entries:
        fields = "event", each.event, "hash", each.hash, "at", str(each.at)
        pipe.execute_command("XADD", hand.keys.log, f"{each.position}-0", *fields)
    pipe.execute()


def shorten(hand: Hand, by: int) -> list[Entry]:
    """Take the last entries away, as if they had never been; what was there."""
    entries = hand.entries()
    rewrite(hand, entries[:-by])
    return entries


async def healed(hand: Hand, entries: list[Entry]) -> bool:
    """Whether the log holds these again, byte for byte, in their places."""
    return hand.exists() and hand.entries()[: len(entries)] == entries


def types(hand: Hand) -> list[str]:
    return [json.loads(each.event)["type"].split(".")[1] for each in hand.entries()]


async def test_flushall_under_two_admins_and_two_replicas_is_healed_hash_for_hash(
    fleet: Fleet, hand: Hand, tmp_path: Path
) -> None:
    first = await fleet.admin(tmp_path / "a")
    second = await fleet.admin(tmp_path / "b")
    await fleet.replica("chat-1")
    await fleet.replica("chat-2")
    await begun(first)
    await saved(second, "kept", 3)
    before = hand.entries()
    async with fleet.watched():
        hand.client.flushall()
        await becomes(healed, hand, before)
        answer = (await first.save("kept", "You are back.", "*")).expect(201)
        assert answer.json["propagation"]["state"] == "converged"
        await fleet.all_at(answer.json["position"])
    assert types(hand)[len(before) :].count("LogHealed") == 1
    (await second.save("kept", "You are back, too.", "*")).expect(201)


async def test_a_log_that_lost_its_last_events_is_healed_by_an_admins_journal(
    fleet: Fleet, hand: Hand, tmp_path: Path
) -> None:
    admin = await fleet.admin(tmp_path / "a")
    await fleet.replica("chat-1")
    await begun(admin)
    async with fleet.watched():
        before = shorten(hand, 5)
        await becomes(healed, hand, before)
        answer = (await admin.save("kept", "You are back.", "*")).expect(201)
        await fleet.all_at(answer.json["position"])
    assert answer.json["version"] == 9
    metrics = await metrics_of(fleet, 0)
    assert metrics['promptcast_log_healed_total{log="log"}'] == 1
    assert metrics['promptcast_log_healed_events_total{log="log"}'] == 5
    assert metrics['promptcast_log_writable{log="log"}'] == 1


async def metrics_of(fleet: Fleet, number: int) -> dict[str, float]:
    async with fleet.session.get(f"{fleet.admins[number].url}/metrics") as answer:
        lines = [line for line in (await answer.text()).splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


async def test_deleted_ids_that_the_stream_takes_no_more_are_healed_too(
    fleet: Fleet, hand: Hand, tmp_path: Path
) -> None:
    admin = await fleet.admin(tmp_path / "a")
    await fleet.replica("chat-1")
    await begun(admin)
    before = hand.entries()
    hand.client.xdel(hand.keys.log, *(f"{each.position}-0" for each in before[-3:]))
    await becomes(healed, hand, before)
    answer = (await admin.save("kept", "You are back.", "*")).expect(201)
    await fleet.all_at(answer.json["position"])


async def test_without_any_journal_a_replicas_tail_heals_the_log(fleet: Fleet, hand: Hand) -> None:
    """The admin is started anew: it remembers nothing at all."""
    admin = await fleet.admin()
    await fleet.replica("chat-1")
    await begun(admin)
    fleet.admins[0].process.kill()
    before = shorten(hand, 5)
    await asyncio.to_thread(fleet.admins[0].start)
    answer = (await admin.save("kept", "You are back.", "*")).expect(201)
    assert healed_now(hand, before)
    await fleet.all_at(answer.json["position"])


async def saves(admin: EditApi) -> bool:
    """Whether this admin saves."""
    text = f"You are back at {monotonic()}."
    return (await admin.save("kept", text, "*", wait=None)).status == 201


def healed_now(hand: Hand, entries: list[Entry]) -> bool:
    return hand.entries()[: len(entries)] == entries


async def test_of_two_admins_with_different_tails_the_longest_wins(
    fleet: Fleet, hand: Hand, tmp_path: Path
) -> None:
    """The first stands still while the second saves; then both meet a log that knows less than either."""
    first = await fleet.admin(tmp_path / "a", rejoin_after="20")
    second = await fleet.admin(tmp_path / "b", rejoin_after="20")
    await begun(first)
    await saved(second, "kept", 1)
    fleet.admins[0].process.send(signal.SIGSTOP)
    await saved(second, "kept", 4, wait=None)
    before = shorten(hand, 7)
    fleet.admins[0].process.send(signal.SIGCONT)
    await becomes(healed, hand, before)
    for admin in (first, second):
        await becomes(saves, admin)
    assert healed_now(hand, before)


async def test_a_restart_of_the_server_with_everything_intact_opens_the_gate_within_two_seconds(
    fleet: Fleet, tmp_path: Path
) -> None:
    admin = await fleet.admin(tmp_path / "a", rejoin_after="20")
    await fleet.replica("chat-1")
    await fleet.replica("chat-2")
    await begun(admin, count=2)
    server = fleet.services.server
    assert isinstance(server, Server)
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    began = monotonic()
    (await admin.save("kept", "You are back.", "*", wait=None)).expect(201)
    assert monotonic() - began < OPEN_AGAIN_SECONDS


async def forked(admin: EditApi, log: str = "log") -> dict[str, object] | None:
    """How the log stands, once a person must decide."""
    told = (await admin.call("GET", "/forks")).expect(200).json
    return told[log] if told[log]["state"] == "diverged" else None


async def forge(fleet: Fleet, hand: Hand, admin: EditApi, from_the_end: int) -> list[Entry]:
    """Another hand rewrites the last events, as many; what was there. Nothing may be written then."""
    before = hand.entries()
    hand.rewrite_from(len(before) + 1 - from_the_end)
    forged = hand.entries()
    fork = await becomes(forked, admin)
    assert fork is not None
    assert fork["common"] == len(before) - from_the_end
    refused = (await admin.save("kept", "You are refused.", "*", wait=None)).expect(503)
    assert refused.problem == "log-diverged"
    assert "promptcast fork show" in refused.json["detail"]
    assert hand.entries() == forged
    return before


async def file_of(admin: EditApi, name: str) -> list[dict[str, object]]:
    """The entries of a fork file, as items of the API."""
    path = f"{admin.url}/api/v1/forks/{name}"
    headers = {"Authorization": f"Bearer {KEY}"}
    async with admin.session.get(path, headers=headers) as answer:
        return [json.loads(line) for line in (await answer.text()).splitlines()]


async def settle(admin: EditApi, keep: str) -> dict[str, object]:
    body = {"keep": keep}
    done: dict[str, object] = (await admin.call("POST", "/logs/settle", body=body)).expect(200).json
    return done


async def test_foreign_events_wait_for_a_person_who_may_let_the_log_go_on(
    fleet: Fleet, hand: Hand, tmp_path: Path
) -> None:
    first = await fleet.admin(tmp_path / "a")
    second = await fleet.admin(tmp_path / "b")
    await fleet.replica("chat-1")
    await fleet.replica("chat-2")
    await begun(first)
    before = await forge(fleet, hand, first, 3)
    forged = hand.entries()
    done = await settle(first, "log")
    assert done["changed"] is True
    for admin in (first, second):
        await becomes(saves, admin)
    assert hand.entries()[: len(forged)] == forged
    assert types(hand)[len(forged) :].count("ForkSettled") == 1
    await fleet.all_at(hand.head().position)
    for number, admin in enumerate((first, second)):
        (file,) = (await admin.call("GET", "/forks")).expect(200).json["files"]
        lost = await file_of(admin, file["name"])
        assert [each["hash"] for each in lost] == [each.hash for each in before[-3:]]
        assert (await metrics_of(fleet, number))["promptcast_forks_kept"] == 1
    again = await settle(first, "log")
    assert again["changed"] is False


async def test_foreign_events_wait_for_a_person_who_may_let_the_journal_go_on(
    fleet: Fleet, hand: Hand, tmp_path: Path
) -> None:
    first = await fleet.admin(tmp_path / "a")
    second = await fleet.admin(tmp_path / "b")
    await fleet.replica("chat-1")
    await fleet.replica("chat-2")
    await begun(first)
    before = await forge(fleet, hand, first, 3)
    forged = hand.entries()
    async with fleet.watched():
        done = await settle(first, "journal")
        for admin in (first, second):
            await becomes(saves, admin)
        await fleet.all_at(hand.head().position)
    assert hand.entries()[: len(before)] == before
    assert types(hand)[len(before)] == "ForkSettled"
    lost = await file_of(first, str(done["file"]))
    assert [each["hash"] for each in lost] == [each.hash for each in forged[-3:]]


async def test_what_only_a_dead_replica_holds_is_waited_for_and_healed_when_it_comes_back(
    fleet: Fleet, hand: Hand, tmp_path: Path
) -> None:
    """The admin has no journal and was started anew; it knows by the other replica's word alone."""
    admin = await fleet.admin(tmp_path / "a")
    await fleet.replica("chat-1", tmp_path / "1")
    await begun(admin)
    await becomes(kept, tmp_path / "1", hand)
    fleet.replicas["chat-1"].process.kill()
    fleet.admins[0].process.kill()
    journal = tmp_path / "a" / "journal" / "log"
    await asyncio.to_thread(shutil.rmtree, journal)
    before = shorten(hand, 4)
    await asyncio.to_thread(fleet.admins[0].start)
    refused = (await admin.save("kept", "You are refused.", "*", wait=None)).expect(503)
    assert refused.problem == "log-diverged"
    assert "chat-1 has seen position" in refused.json["detail"]
    assert len(hand.entries()) == len(before) - 4
    await asyncio.to_thread(lambda: fleet.replicas["chat-1"].start(ready=None))
    await becomes(healed, hand, before)
    await becomes(saves, admin)


async def kept(state: Path, hand: Hand) -> bool:
    """Whether the replica has written all of it down."""
    last = hand.entries()[-1].hash.encode()
    return await asyncio.to_thread(_kept, state, last)


def _kept(state: Path, last: bytes) -> bool:
    tails, good = list(state.glob("*.tail.jsonl")), list(state.glob("*.last-good"))
    if not (tails and good and last in tails[0].read_bytes()):
        return False
    return good[0].stat().st_mtime_ns > tails[0].stat().st_mtime_ns  # it is written right behind


async def test_a_new_admin_without_a_journal_waits_at_a_log_that_went_back(
    fleet: Fleet, hand: Hand
) -> None:
    """Two replicas follow; the log loses its end while no admin is there. The new one hears of it."""
    old = await fleet.admin()
    await fleet.replica("chat-1")
    await begun(old)
    fleet.admins[0].process.kill()
    before = shorten(hand, 3)
    new = await fleet.admin()
    (await new.save("kept", "You are back.", "*", wait=None)).expect(201)
    assert healed_now(hand, before)


async def test_a_replica_that_follows_another_log_stops_nobody(
    fleet: Fleet, hand: Hand, own_services: Services, tmp_path: Path
) -> None:
    """It reports to our admins (its Redis URL was right, its log is not): nobody waits for its word."""
    admin = await fleet.admin(tmp_path / "a")
    await fleet.replica("chat-1")
    await begun(admin, count=2)
    stranger = Report("stranger", "x", 1, 500, "f" * 64, "current", log_id="another-log")
    hand.client.xadd(hand.keys.reports, {"report": stranger.to_bytes()})
    await becomes(known, admin, "stranger")
    before = shorten(hand, 2)
    (await admin.save("kept", "You are back.", "*", wait=None)).expect(201)
    assert healed_now(hand, before)


async def known(admin: EditApi, member: str) -> bool:
    return member in await admin.fleet()


async def test_who_comes_back_too_late_has_its_events_kept_as_a_file_and_stops_nobody(
    fleet: Fleet, hand: Hand, tmp_path: Path
) -> None:
    """Only a replica that was away knows what the log has lost; meanwhile others have written on."""
    admin = await fleet.admin(tmp_path / "a")
    await fleet.replica("chat-1", tmp_path / "1")
    await begun(admin)
    await becomes(kept, tmp_path / "1", hand)
    fleet.replicas["chat-1"].process.kill()
    fleet.admins[0].process.kill()
    await asyncio.to_thread(shutil.rmtree, tmp_path / "a")
    before = shorten(hand, 4)
    hand.client.delete(hand.keys.reports)
    await asyncio.to_thread(fleet.admins[0].start)
    await saved(admin, "kept", 2, wait=None)
    await asyncio.to_thread(lambda: fleet.replicas["chat-1"].start(ready=None))
    (file,) = await becomes(files, admin)
    lost = await file_of(admin, str(file["name"]))
    assert [each["hash"] for each in lost] == [each.hash for each in before[-4:]]
    assert await saves(admin)
    assert (await metrics_of(fleet, 0))["promptcast_forks_kept"] == 1


async def files(admin: EditApi) -> list[dict[str, object]]:
    found: list[dict[str, object]] = (await admin.call("GET", "/forks")).expect(200).json["files"]
    return found


async def test_who_comes_back_before_anybody_wrote_brings_back_what_was_lost(
    fleet: Fleet, hand: Hand, tmp_path: Path
) -> None:
    admin = await fleet.admin(tmp_path / "a")
    await fleet.replica("chat-1", tmp_path / "1")
    await begun(admin)
    await becomes(kept, tmp_path / "1", hand)
    fleet.replicas["chat-1"].process.kill()
    fleet.admins[0].process.kill()
    await asyncio.to_thread(shutil.rmtree, tmp_path / "a")
    before = shorten(hand, 4)
    hand.client.delete(hand.keys.reports)
    await asyncio.to_thread(fleet.admins[0].start)
    await becomes(writable, fleet)
    await asyncio.to_thread(lambda: fleet.replicas["chat-1"].start(ready=None))
    await becomes(healed, hand, before)
    await becomes(saves, admin)


async def writable(fleet: Fleet) -> bool:
    return (await metrics_of(fleet, 0))['promptcast_log_writable{log="log"}'] == 1


async def test_saving_goes_on_without_a_dead_member_once_it_had_its_time_and_that_is_an_alarm(
    fleet: Fleet, tmp_path: Path
) -> None:
    admin = await fleet.admin(tmp_path / "a", rejoin_after="1.5")
    await fleet.replica("chat-1")
    await begun(admin, count=2)
    server = fleet.services.server
    assert isinstance(server, Server)
    fleet.replicas["chat-1"].process.kill()
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    waits = await becomes(detail, fleet, "writing")
    assert "chat-1 to report again" in waits
    (await admin.save("kept", "You are back.", "*", wait=None)).expect(201)
    assert (await metrics_of(fleet, 0))["promptcast_members_missed_total"] == 1


async def detail(fleet: Fleet, check: str) -> str:
    """What ``/readyz`` says of it while something is the matter; it is ready all the same."""
    async with fleet.session.get(f"{fleet.admins[0].url}/readyz") as answer:
        told = {each["name"]: each["detail"] for each in (await answer.json())["checks"]}
    return str(told[check]) if "chat-1" in told[check] else ""


async def test_the_access_log_is_healed_likewise(fleet: Fleet, hand: Hand, tmp_path: Path) -> None:
    first = await fleet.admin(tmp_path / "a")
    await fleet.admin(tmp_path / "b")
    for name in ("ann", "bob", "eve"):
        body = {"name": name, "role": "editor"}
        (await first.call("POST", "/people", body=body)).expect(201)
    key = hand.keys.access.log
    stored: Any = hand.client.xrange(key)
    hand.client.delete(key)
    body = {"name": "zoe", "role": "editor"}
    (await first.call("POST", "/people", body=body)).expect(201)
    found: Any = hand.client.xrange(key)
    assert found[: len(stored)] == stored
