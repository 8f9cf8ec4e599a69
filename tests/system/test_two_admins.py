"""Several admin instances on one log: no lost update, no stale answer."""

import asyncio
import signal
from collections import Counter
from collections.abc import Iterator

import aiohttp
import pytest

from events.streams.link import Script
from tests.faults_proxy import Fault, FaultsProxy, Pair, eaten, late, on
from tests.servers import Server
from tests.system.edit_api import EditApi
from tests.system.services import KEY, Service, Services

pytestmark = [pytest.mark.faults, pytest.mark.soak]

PULSE = Script.load("pulse").sha.encode()
WRITERS, ROUNDS = 20, 5


@pytest.fixture(scope="module")
def services(server: Server) -> Iterator[Services]:
    """The two instances stay for the whole module."""
    made = Services(server)
    try:
        made.open_log()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def instances(services: Services) -> tuple[Service, Service]:
    return services.admin(), services.admin()


@pytest.fixture
def first(instances: tuple[Service, Service], session: aiohttp.ClientSession) -> EditApi:
    return EditApi(session, instances[0].url, KEY)


@pytest.fixture
def second(instances: tuple[Service, Service], session: aiohttp.ClientSession) -> EditApi:
    return EditApi(session, instances[1].url, KEY)


async def test_of_twenty_writers_on_one_revision_exactly_one_wins(
    first: EditApi, second: EditApi
) -> None:
    """Each has another text, half of them at either instance; several rounds."""
    revision = (await first.create("raced", "Begin.", wait=None)).expect(201).json["revision"]
    for number in range(ROUNDS):
        answers = await asyncio.gather(
            *(
                (first, second)[writer % 2].save(
                    "raced", f"Round {number}, writer {writer}.", revision, wait=None
                )
                for writer in range(WRITERS)
            )
        )
        assert Counter(each.status for each in answers) == {201: 1, 412: WRITERS - 1}
        (won,) = (each.json for each in answers if each.status == 201)
        for lost in (each for each in answers if each.status == 412):
            assert lost.problem == "revision-moved"
            assert lost.json["current_revision"] == won["revision"]
            assert lost.json["current_version"] == won["version"]
        revision = won["revision"]
    versions = [each["version"] for each in await second.versions("raced")]
    assert versions == list(range(ROUNDS + 1, 0, -1))
    positions = await first.positions()
    assert positions == list(range(1, len(positions) + 1))


async def test_writers_that_insist_all_win_and_leave_no_gap(
    first: EditApi, second: EditApi
) -> None:
    (await first.create("insisted", "Begin.", wait=None)).expect(201)
    answers = await asyncio.gather(
        *(
            (first, second)[writer % 2].save("insisted", f"Writer {writer}.", wait=None)
            for writer in range(WRITERS)
        )
    )
    assert {each.status for each in answers} == {201}
    assert sorted(each.json["version"] for each in answers) == list(range(2, WRITERS + 2))
    positions = await second.positions()
    assert positions == list(range(1, len(positions) + 1))


async def test_what_one_instance_has_written_the_other_reads_at_once(
    first: EditApi, second: EditApi
) -> None:
    (await first.create("read", "Text 1.", wait=None)).expect(201)
    for version in range(2, 52):
        writer, reader = (first, second) if version % 2 else (second, first)
        saved = (await writer.save("read", f"Text {version}.", wait=None)).expect(201)
        read = (await reader.prompt("read")).expect(200)
        assert (read.json["version"], read.json["template"]) == (version, f"Text {version}.")
        assert read.headers["ETag"] == f'"{saved.json["revision"]}"'


async def test_what_is_based_on_what_the_other_has_just_written_is_never_refused(
    first: EditApi, second: EditApi
) -> None:
    """The news reaches an instance by its feed in the very moment in which it decides."""
    based = (await first.create("ping-pong", "Text 1.", wait=None)).expect(201).json
    for version in range(2, 202):
        writer = (first, second)[version % 2]
        answer = await writer.save("ping-pong", f"Text {version}.", based["revision"], wait=None)
        based = answer.expect(201).json
        assert based["version"] == version


async def test_what_was_live_before_the_other_has_saved_is_never_called_unchanged(
    first: EditApi, second: EditApi
) -> None:
    (await first.create("to-and-fro", "Tick.", wait=None)).expect(201)
    for turn in range(200):
        writer, text = (second, "Tock.") if turn % 2 == 0 else (first, "Tick.")
        saved = (await writer.save("to-and-fro", text, wait=None)).expect(201).json
        assert saved["version"] == turn + 2


async def test_of_a_save_and_a_restore_on_one_revision_exactly_one_wins(
    first: EditApi, second: EditApi
) -> None:
    """A restore reads what it restores while the other instance writes."""
    (await first.create("contested", "Text 1.", wait=None)).expect(201)
    for turn in range(50):
        before = (await first.save("contested", f"Text {turn + 2}.", wait=None)).expect(201).json
        answers = await asyncio.gather(
            second.restore("contested", 1, before["revision"], wait=None),
            first.save("contested", f"Other {turn}.", before["revision"], wait=None),
        )
        statuses = [each.status for each in answers]
        assert statuses in ([200, 412], [412, 201])
        (won,) = (each.json for each in answers if each.status < 300)
        live = (await second.prompt("contested")).expect(200).json
        assert (live["version"], live["revision"]) == (won["version"], won["revision"])
        assert won["position"] == before["position"] + 1


async def test_an_instance_whose_feed_is_dead_answers_no_wrong_unchanged_and_no_wrong_412(
    services: Services, first: EditApi, session: aiohttp.ClientSession
) -> None:
    """A proxy swallows all that its blocked reads are answered: it hears of nothing by itself."""
    async with FaultsProxy(services.server.socket) as proxy:
        proxy.to_client = on(b"XREAD", eaten)
        deaf = EditApi(session, (await asyncio.to_thread(services.admin, proxy.url)).url, KEY)
        for name, late_by in (("deaf", 0.0), ("deaf-and-slow", 0.02)):
            if late_by:
                proxy.to_server = late(late_by)
            await _no_wrong_answers(name, writer=first, lagging=deaf)


async def test_news_that_arrive_just_while_the_head_is_looked_at_make_no_wrong_answer(
    services: Services, first: EditApi, session: aiohttp.ClientSession
) -> None:
    """Its feed is held until it has asked for the head, and the answer to that comes even later."""
    async with FaultsProxy(services.server.socket) as proxy:
        late_one = EditApi(session, (await asyncio.to_thread(services.admin, proxy.url)).url, KEY)
        begun = (await first.create("just-then", "Text 1.", wait=None)).expect(201).json
        for version in range(2, 12, 2):
            (await late_one.prompt("just-then")).expect(200)
            proxy.to_client = news_come_first(asyncio.Event())
            saved = (await first.save("just-then", f"Text {version}.", wait=None)).expect(201).json
            text, revision = f"Text {version + 1}.", saved["revision"]
            if version % 4 == 0:  # what was live as far as it knew
                text, revision = f"Text {version - 1}.", "*"
            answer = (await late_one.save("just-then", text, revision, wait=None)).expect(201)
            assert answer.json["version"] == version + 1
            proxy.heal()
        assert begun["version"] == 1


def news_come_first(asked: asyncio.Event) -> Fault:
    """Holds the feed until the head was asked for; that answer comes when the news have passed."""
    passed = asyncio.Event()

    async def fault(data: bytes, pair: Pair) -> bytes:
        if b"XREAD" in pair.asked and b":log" in pair.asked:
            await asked.wait()
            passed.set()
        elif PULSE in pair.asked:
            asked.set()
            await passed.wait()
            await asyncio.sleep(0.05)
        return data

    return fault


async def test_an_instance_that_was_stopped_answers_no_wrong_unchanged_and_no_wrong_412(
    services: Services, first: EditApi, session: aiohttp.ClientSession
) -> None:
    """Its questions wait in its socket while it is stopped, and are the first that it sees."""
    service = await asyncio.to_thread(services.admin)
    asleep = EditApi(session, service.url, KEY)
    begun = (await first.create("slept", "Text 1.", wait=None)).expect(201).json
    (await asleep.prompt("slept")).expect(200)
    service.process.send(signal.SIGSTOP)
    questions = [
        asyncio.create_task(asleep.save("slept", "Text 1.", begun["revision"], wait=None)),
        asyncio.create_task(asleep.save("slept", "Text 2.", wait=None)),
    ]
    (await first.save("slept", "Text 2.", wait=None)).expect(201)
    service.process.send(signal.SIGCONT)
    stale, same = await asyncio.gather(*questions)
    assert (stale.status, stale.json["current_version"]) == (412, 2)
    assert same.expect(200).json["unchanged"] is True


async def _no_wrong_answers(name: str, *, writer: EditApi, lagging: EditApi) -> None:
    (await writer.create(name, "Text 1.", wait=None)).expect(201)
    assert (await lagging.prompt(name)).expect(200).json["version"] == 1

    (await writer.save(name, "Text 2.", wait=None)).expect(201)
    again = (await lagging.save(name, "Text 1.", wait=None)).expect(201)
    assert again.json["version"] == 3, "it was no longer what is live"

    saved = (await writer.save(name, "Text 4.", wait=None)).expect(201).json
    based = (await lagging.save(name, "Text 5.", saved["revision"], wait=None)).expect(201)
    assert based.json["version"] == 5

    saved = (await writer.save(name, "Text 6.", wait=None)).expect(201).json
    (await lagging.save(name, "Text 7.", based.json["revision"], wait=None)).expect(412)
    same = (await lagging.save(name, "Text 6.", saved["revision"], wait=None)).expect(200)
    assert same.json["unchanged"] is True

    (await writer.create(f"{name}-new", "Text 1.", wait=None)).expect(201)
    (await lagging.create(f"{name}-new", "Text 2.", wait=None)).expect(412)
    (await lagging.prompt(f"{name}-new")).expect(200)
