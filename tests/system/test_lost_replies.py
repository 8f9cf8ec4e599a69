"""Between an admin and Redis replies are lost and servers stop; what is told must still be true."""

import asyncio
import signal

import aiohttp
import pytest

from events.streams.link import Script
from tests.faults_proxy import Fault, FaultsProxy, Pair, cut_after, eaten, held, on
from tests.system.edit_api import EditApi
from tests.system.patience import becomes
from tests.system.services import KEY, Services

pytestmark = [pytest.mark.faults, pytest.mark.soak]

APPEND = Script.load("append").sha.encode()
AT_ONCE = 50


async def test_a_save_whose_reply_is_lost_is_written_exactly_once(
    services: Services, session: aiohttp.ClientSession
) -> None:
    """The connection breaks before the reply, or within it; or it stands, and no reply comes."""
    async with FaultsProxy(services.server.socket) as proxy:
        services.open_log()
        url = (await asyncio.to_thread(services.admin, proxy.url)).url
        admin = EditApi(session, url, KEY)
        (await admin.create("lost", "Text 1.", wait=None)).expect(201)
        faults = (cut_after(0), cut_after(0.5), eaten)
        for version, fault in enumerate(faults, start=2):
            lost: list[bytes] = []
            proxy.to_client = on(APPEND, noted(lost, fault), times=1)
            saved = (await admin.save("lost", f"Text {version}.", wait=None)).expect(201).json
            assert lost, "the reply was not lost at all"
            assert saved["version"] == version
            with services.hand() as hand:
                stored = b"".join(entry.event for entry in hand.entries())
            assert stored.count(f"Text {version}.".encode()) == 1
        assert [each["version"] for each in await admin.versions("lost")] == [4, 3, 2, 1]


def noted(lost: list[bytes], fault: Fault) -> Fault:
    """``fault``, and what it was done to."""

    async def done(data: bytes, pair: Pair) -> bytes:
        lost.append(data)
        return await fault(data, pair)

    return done


async def test_a_save_whose_reply_is_lost_is_told_of_itself_though_others_have_saved_since(
    services: Services, session: aiohttp.ClientSession
) -> None:
    async with FaultsProxy(services.server.socket) as proxy:
        services.open_log()
        urls = (proxy.url, services.server.url)
        both = await asyncio.gather(*(asyncio.to_thread(services.admin, url) for url in urls))
        unlucky, other = (EditApi(session, each.url, KEY) for each in both)
        (await other.create("told", "Text 1.", wait=None)).expect(201)
        (await unlucky.prompt("told")).expect(200)
        release = asyncio.Event()
        proxy.to_client = on(APPEND, held(release), times=1)
        saving = asyncio.create_task(unlucky.save("told", "Text 2.", wait=None))
        await becomes(has_version, other, "told", 2)
        (await other.save("told", "Text 3.", wait=None)).expect(201)
        await becomes(has_version, unlucky, "told", 3)
        release.set()
        saved = (await saving).expect(201).json
        assert saved["version"] == 2
        assert saved["position"] == 3, "the log's opening, then version 1, then this"


async def has_version(admin: EditApi, name: str, version: int) -> bool:
    """Whether this version is live."""
    return bool((await admin.prompt(name)).expect(200).json["version"] == version)


async def test_a_save_that_was_given_up_while_the_server_stood_still_does_not_land_later(
    own_services: Services, session: aiohttp.ClientSession
) -> None:
    own_services.open_log()
    server = own_services.server
    admin = EditApi(session, (await asyncio.to_thread(own_services.admin)).url, KEY)
    (await admin.create("stopped", "Text 1.", wait=None)).expect(201)
    with own_services.hand() as hand:
        before = hand.head()
        server.stop()
        try:
            answer = await admin.save("stopped", "Text 2.", wait=None, key="given-up")
        finally:
            server.go_on()
        answer.expect(503)
        assert answer.problem == "outcome-unknown", "nobody could know"
        assert answer.headers["Retry-After"]
        # the server reads its connections in turn: what was sent before this has been handled
        hand.client.ping()
        hand.client.ping()
        assert hand.head() == before, "it has landed after all"
    saved = (await admin.save("stopped", "Text 2.", wait=None, key="given-up")).expect(201)
    assert saved.json["version"] == 2


async def test_one_idempotency_key_makes_one_event_and_one_answer_also_after_a_restart(
    services: Services, session: aiohttp.ClientSession
) -> None:
    """Fifty equal requests at once at two instances, then again after both were started anew."""
    services.open_log()
    both = await asyncio.gather(*(asyncio.to_thread(services.admin) for _ in range(2)))
    admins = [EditApi(session, each.url, KEY) for each in both]
    (await admins[0].create("keyed", "Text 1.", wait=None)).expect(201)

    async def ask(times: int) -> set[tuple[int, str]]:
        answers = await asyncio.gather(
            *(admins[n % 2].save("keyed", "Text 2.", wait=None, key="once") for n in range(times))
        )
        replayed = [each.headers.get("Idempotency-Replayed") for each in answers]
        fresh.append(replayed.count(None))
        told = [(each.status, each.json) for each in answers]
        return {(status, repr({**body, "propagation": None})) for status, body in told}

    fresh: list[int] = []
    (first,) = await ask(AT_ONCE)
    assert first[0] == 201
    assert fresh == [1], "exactly one of the answers is no replay"
    with services.hand() as hand:
        after = hand.head()
        assert (await ask(2)) == {first}
        both[0].process.send(signal.SIGKILL)
        both[0].process.ended()
        assert both[1].process.end() == 0
        await asyncio.gather(*(asyncio.to_thread(each.start) for each in both))
        assert (await ask(AT_ONCE)) == {first}
        other = await admins[1].save("keyed", "Another text.", wait=None, key="once")
        assert (other.status, other.problem) == (422, "key-reused")
        assert hand.head() == after, "a replay was appended"
