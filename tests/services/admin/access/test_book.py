"""The book: each test over a log in memory, and over a real server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from events.access import PersonAdded
from events.chain import Entry, Head, decode
from events.envelope import digest
from events.errors import LogDiverged, LogUnavailable
from events.memory import MemoryFeed, MemoryLog
from events.signing import KeyRing
from events.streams.keys import Keys
from events.streams.link import connector
from projections.pace import Pace
from projections.refusals import Exists, LastAdmin, NotFound
from services.admin.access.book import Book, build_book, make_book
from services.admin.journal.journal import journal_of
from services.metrics import AdminMetrics
from services.settings import load_settings
from tests.events.subjects import InMemory, InRedis, Subject
from tests.scribe import Scribe
from tests.waiting import until

ID = "0123456789ab"
UNSIGNED, RING = KeyRing(), KeyRing({"k1": b"x" * 32})
PACE = Pace(beat=0.01, backoff=0.001, backoff_most=0.004, rebuild_after=None)


@dataclass
class Desk:
    """Makes books over one log, as admins would have them; ``hand`` reaches past them."""

    hand: Subject
    new: Callable[[KeyRing, Path | None], Book]

    @asynccontextmanager
    async def open(
        self, ring: KeyRing = UNSIGNED, state: Path | None = None
    ) -> AsyncIterator[Book]:
        """A book that is followed."""
        book = self.new(ring, state)
        works = [book.run, book.tracked.journal.keep_up] if book.tracked.journal else [book.run]
        tasks = [asyncio.create_task(work()) for work in works]
        try:
            await until(lambda: book.state in ("current", "diverged"))
            yield book
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await book.close()

    @asynccontextmanager
    async def asleep(self) -> AsyncIterator[Book]:
        """A book that knows the log until now, and is not told of what comes."""
        book = self.new(UNSIGNED, None)
        await book.confirm()
        try:
            yield book
        finally:
            await book.close()


@pytest.fixture(params=["memory", pytest.param("server", marks=pytest.mark.redis)])
async def desk(request: pytest.FixtureRequest, keys: Keys) -> AsyncIterator[Desk]:
    if request.param == "memory":
        memory = InMemory()
        made = Desk(memory, lambda ring, state: in_memory(memory.log, ring, state))
    else:
        url = request.getfixturevalue("server").url
        hand = InRedis.at(url, keys.access)
        made = Desk(hand, lambda ring, state: on_server(url, keys, ring, state))
    yield made
    await made.hand.close()


def in_memory(log: MemoryLog, ring: KeyRing, state: Path | None) -> Book:
    book = make_book(log, MemoryFeed(log), ring, "/test", PACE)
    follower, metrics = book.tracked.follower, AdminMetrics(CollectorRegistry())
    book.tracked.journal = journal_of(state, "access", log, follower, metrics)
    return book


def on_server(url: str, keys: Keys, ring: KeyRing, state: Path | None) -> Book:
    environment = {
        "PROMPTCAST_ADMIN_KEY": "a-key-of-some-length",
        "PROMPTCAST_NAMESPACE": keys.namespace,
        "PROMPTCAST_STATE_DIR": str(state or ""),
    }
    settings = load_settings(environment, service="admin")
    return build_book(settings, connector(url), keys, ring, AdminMetrics(CollectorRegistry()))


async def outcome(work: Awaitable[object]) -> object:
    (came,) = await asyncio.gather(work, return_exceptions=True)
    return came


# --- opening, and the plain changes -------------------------------------------------------------------


async def test_a_book_opens_a_log_of_its_own_at_once(desk):
    async with desk.open() as book:
        assert (book.position, book.head_position) == (1, 1)
        assert book.access.people == {}
        (opened,) = await book.events(0, 10)
        assert b'"promptcast.LogOpened.v1"' in opened.event


async def test_books_that_open_at_the_same_moment_have_one_log(desk):
    async with desk.open() as first, desk.open() as second:
        assert first.position == second.position == 1
        assert first.tracked.follower.applied.chain == second.tracked.follower.applied.chain


async def test_each_change_is_an_event_with_who_made_it(desk):
    async with desk.open() as book:
        person = await book.add_person("ann", "viewer", "admin")
        assert person == book.access.people["ann"]
        assert (person.role, person.added_by, person.position) == ("viewer", "admin", 2)
        assert (await book.set_role("ann", "admin", "admin")).role == "admin"
        assert await book.password_set("ann", "ann") == 4
        assert await book.sign_out("ann", "ann") == 5
        assert book.access.people["ann"].signed_out_at == 5
        key = await book.add_key(ID, "ci", "editor", "ann")
        assert key == book.access.keys[ID]
        assert await book.revoke_key(ID, "ann") == 7
        assert await book.remove_person("ann", "admin") == 8
        assert book.access.people == book.access.keys == {}
        told = [decode(entry, entry.hash) for entry in await book.events(1, 10)]
        assert [(type(each.event).__name__, each.actor) for each in told if each] == [
            ("PersonAdded", "admin"), ("RoleChanged", "admin"), ("PasswordSet", "ann"),
            ("SignedOut", "ann"), ("KeyAdded", "ann"), ("KeyRevoked", "ann"),
            ("PersonRemoved", "admin"),
        ]  # fmt: skip


async def test_the_role_that_somebody_has_already_appends_nothing(desk):
    async with desk.open() as book:
        added = await book.add_person("ann", "viewer", "admin")
        assert await book.set_role("ann", "viewer", "admin") == added
        assert book.position == 2


async def test_the_events_come_in_pages(desk):
    async with desk.open() as book:
        for name in ("ann", "bob", "cid"):
            await book.add_person(name, "viewer", "admin")
        assert [entry.position for entry in await book.events(1, 2)] == [2, 3]
        assert [entry.position for entry in await book.events(3, 2)] == [4]


async def test_before_the_log_is_opened_nothing_is_changed(desk):
    book = desk.new(UNSIGNED, None)
    with pytest.raises(LogUnavailable):
        await book.add_person("ann", "viewer", "admin")
    assert not (await desk.hand.log.pulse()).exists
    await book.close()


# --- several admins -----------------------------------------------------------------------------------


async def test_what_one_admin_changes_the_others_learn_and_those_who_listen_are_told(desk):
    async with desk.open() as first, desk.open() as second:
        told: list[set[str]] = []
        second.on_change(lambda: told.append(set(second.access.keys)))
        await first.add_key(ID, "ci", "editor", "admin")
        await until(lambda: told[-1:] == [{ID}])
        await first.revoke_key(ID, "admin")
        await until(lambda: told[-1] == set())


async def test_who_confirms_knows_of_every_change_that_was_answered_before(desk):
    async with desk.open() as first:
        await first.add_key(ID, "ci", "editor", "admin")
        async with desk.asleep() as second:
            assert ID in second.access.keys
            revoked_at = await first.revoke_key(ID, "admin")
            assert ID in second.access.keys
            assert await second.confirm() == revoked_at
            assert second.access.keys == {}


async def test_two_admins_never_lose_a_change(desk):
    async with desk.open() as first, desk.open() as second:
        books = {"a": first, "b": second}
        theirs = [(book, f"{which}{n}") for n in range(15) for which, book in books.items()]
        await asyncio.gather(*(book.add_person(name, "viewer", "admin") for book, name in theirs))
        for book in books.values():
            assert await book.confirm() == 31
            assert set(book.access.people) == {name for _, name in theirs}


async def test_of_two_who_add_the_same_name_one_does(desk):
    async with desk.open() as first, desk.open() as second:
        came = await asyncio.gather(
            first.add_person("bob", "viewer", "ann"),
            second.add_person("bob", "admin", "cid"),
            return_exceptions=True,
        )
        (refused,) = [each for each in came if isinstance(each, Exists)]
        (added,) = [each for each in came if each is not refused]
        for book in (first, second):
            assert await book.confirm() == 2
            assert book.access.people == {"bob": added}


async def test_of_the_last_two_admins_who_remove_each_other_one_stays(desk):
    async with desk.open() as first, desk.open() as second:
        for name in ("ann", "bob"):
            await first.add_person(name, "admin", "admin")
        came = await asyncio.gather(
            first.remove_person("ann", "bob"),
            second.remove_person("bob", "ann"),
            return_exceptions=True,
        )
        assert [type(each) for each in came].count(LastAdmin) == 1
        await first.confirm()
        assert len(first.access.people) == 1


async def test_a_refusal_and_a_change_of_nothing_are_decided_by_the_head(desk):
    async with desk.open() as first, desk.asleep() as second:
        await first.add_person("bob", "viewer", "admin")
        assert isinstance(await outcome(second.add_person("bob", "viewer", "ann")), Exists)
    async with desk.open() as first, desk.asleep() as second:
        await first.add_person("cid", "viewer", "admin")
        assert await second.remove_person("cid", "ann") == 4
    async with desk.open() as first, desk.asleep() as second:
        await first.set_role("bob", "editor", "admin")
        assert (await second.set_role("bob", "viewer", "ann")).position == 2
        assert second.position == 6


async def test_what_is_not_there_is_refused(desk):
    async with desk.open() as book:
        for work in (
            book.set_role("eve", "viewer", "admin"),
            book.remove_person("eve", "admin"),
            book.password_set("eve", "eve"),
            book.sign_out("eve", "eve"),
            book.revoke_key(ID, "admin"),
        ):
            assert isinstance(await outcome(work), NotFound)
        assert book.position == 1


# --- what somebody else writes ------------------------------------------------------------------------


async def test_poison_is_passed_over_and_told(desk):
    with capture_logs() as lines:
        async with desk.open() as book:
            await desk.hand.put(Entry(2, b"{}", digest(b"{}"), 1))
            await book.add_person("ann", "admin", "admin")
            assert book.position == 3
            assert book.access.people["ann"].position == 3
            await until(lambda: any(line["event"] == "event_rejected" for line in lines))
        async with desk.open() as another:
            assert set(another.access.people) == {"ann"}


async def test_an_event_of_a_newer_version_stops_the_writing_and_not_the_reading(desk):
    async with desk.open() as book:
        await book.add_person("ann", "admin", "admin")
        known = await book.events(0, 10)
        data = (
            b'{"specversion":"1.0","type":"promptcast.TeamAdded.v1","position":3,"prevhash":"%s"}'
        )
        data %= known[-1].hash.encode()
        await desk.hand.put(Entry(3, data, digest(data), 1))
        assert await book.confirm() == 3
        assert str(book.read_only).startswith("position 3")
        assert set(book.access.people) == {"ann"}


async def test_with_signing_keys_nobody_else_lets_anybody_in(desk):
    async with desk.open(RING) as book:
        forger = Scribe(entries=list(await book.events(0, 10)))
        forger.head = Head(1, forger.entries[0].hash, digest(forger.entries[0].event))
        await desk.hand.put(forger.write(PersonAdded(person="eve", role="admin"), actor="admin"))
        assert await book.confirm() == 2
        assert book.access.people == {}


# --- a log that is gone -------------------------------------------------------------------------------


async def test_a_log_that_vanishes_is_an_alarm_and_takes_no_change(desk):
    async with desk.open() as book:
        await book.add_person("ann", "admin", "admin")
        await desk.hand.remove()
        assert isinstance(await outcome(book.add_person("bob", "viewer", "ann")), LogDiverged)
        assert isinstance(await outcome(book.revoke_key(ID, "ann")), LogDiverged)
        await until(lambda: book.state == "diverged")
        assert not (await desk.hand.log.pulse()).exists


async def test_a_machine_that_remembers_a_log_begins_no_other(desk, tmp_path):
    async with desk.open(state=tmp_path) as book:
        await book.add_person("ann", "admin", "admin")
    await desk.hand.remove()
    async with desk.open(state=tmp_path) as book:
        assert book.state == "diverged"
        assert isinstance(await outcome(book.add_person("eve", "admin", "admin")), LogDiverged)
        assert not (await desk.hand.log.pulse()).exists


async def test_a_machine_that_remembers_does_not_believe_a_log_that_ends_too_early(desk, tmp_path):
    """Somebody who was removed would be back."""
    async with desk.open(state=tmp_path) as book:
        await book.add_person("eve", "admin", "admin")
        before = await book.events(0, 10)
        await book.remove_person("eve", "admin")
    await desk.hand.remove()
    for entry in before:
        await desk.hand.put(entry)
    async with desk.open(state=tmp_path) as book:
        assert book.state == "diverged"
        assert book.access.people == {}


async def test_a_log_that_is_back_is_followed_again(desk, tmp_path):
    async with desk.open(state=tmp_path) as book:
        await book.add_person("ann", "admin", "admin")
        entries = await book.events(0, 10)
    await desk.hand.remove()
    async with desk.open(state=tmp_path) as book:
        for entry in entries:
            await desk.hand.put(entry)
        await until(lambda: book.state == "current")
        assert set(book.access.people) == {"ann"}


async def test_a_start_goes_on_where_the_log_ended(desk, tmp_path):
    async with desk.open(state=tmp_path) as book:
        await book.add_person("ann", "admin", "admin")
    async with desk.open(state=tmp_path) as book:
        assert set(book.access.people) == {"ann"}
        assert await book.sign_out("ann", "ann") == 3


async def test_a_disk_that_fails_does_not_undo_a_change(desk, tmp_path):
    in_the_way = tmp_path / "state"
    in_the_way.write_text("a file where a directory should be")
    with capture_logs() as lines:
        async with desk.open(state=in_the_way) as book:
            await book.add_person("ann", "admin", "admin")
            assert set(book.access.people) == {"ann"}
    told = {line["event"] for line in lines}
    assert {"journal_not_written", "append_not_durable"} <= told


async def test_a_log_that_was_not_reached_for_long_is_stale_even_while_a_call_hangs(desk):
    async with desk.open() as book:
        follower = book.tracked.follower
        assert book.state == "current"
        now = follower._clock
        follower._clock = lambda: now() + follower.pace.stale_after + 1
        assert (book.state, follower.state) == ("stale", "current")
        follower._clock = now


async def test_a_change_leaves_a_line_and_no_more_than_names(desk):
    with capture_logs() as lines:
        async with desk.open() as book:
            await book.add_key(ID, "ci", "editor", "ann")
            await until(lambda: any(line["event"] == "access_changed" for line in lines))
    (line,) = [line for line in lines if line["event"] == "access_changed"]
    assert line == {
        "event": "access_changed", "log_level": "info", "change": "promptcast.KeyAdded.v1",
        "subject": f"key:{ID}", "actor": "ann", "position": 2,
    }  # fmt: skip
