"""Trimming a log: what anybody still needs stays, and it is said, and kept elsewhere, before it goes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from events.chain import GENESIS, Entry, Head, head_of
from events.errors import Conflict, LogDiverged, LogError, LogUnavailable
from events.lines import from_line
from events.model import LogTrimmed
from events.signing import KeyRing
from events.streams.feeds import TailFeed
from events.streams.link import Link, connector
from events.streams.log import RedisLog
from events.streams.shelf import Shelf
from projections.applying import Applied
from projections.fleet import Fleet, Member
from projections.follower import Follower
from projections.held import Held
from projections.history import History, fold
from projections.refusals import Invalid
from projections.reports import AdminReport, Report, Told
from projections.snapshot import unpack
from services.admin.appending import AppendQueue
from services.admin.healing.roll import Roll
from services.admin.journal.archive import archive_of
from services.admin.journal.journal import journal_of
from services.admin.keeping import Keeper
from services.admin.mending.trimming import LEAST_TRIMMED, Trimmed, Trimming
from services.admin.mirror import Mirror
from services.metrics import AdminMetrics
from tests.projections.rig import Notes
from tests.scribe import Scribe, outcomes, recorded
from tests.waiting import until

EVENTS = 40
OLD, BUSY = "old", "busy"
NOBODY = Head(1, "", "0" * 64)


class House:
    """An admin over a real log of forty events; its journal is whole, and read through."""

    def __init__(self, connect: Any, keys: Any, directory: Any) -> None:
        self.keys = keys
        self.log = RedisLog.over(connect, keys)
        self.held = Held(History(), History(), fold)
        self.feed = TailFeed(Link(connect), keys)
        follower = Follower(self.log, self.feed, Applied(self.held, KeyRing()), Notes())
        self.mirror = Mirror(self.log, follower, self.held)
        metrics = AdminMetrics(CollectorRegistry())
        self.mirror.journal = journal_of(directory, "log", self.log, follower, metrics)
        self.log.archive = archive_of(self.mirror)
        self.keeper = Keeper(Shelf(Link(connect), keys), self.log, self.mirror, KeyRing())
        queue = AppendQueue(self.mirror, KeyRing(), "/test")
        watch: Any = _Watch()
        self.watch, self.roll = watch, Roll("me", "run-1")
        self.trimming = Trimming(self.log, self.mirror, queue, self.keeper, watch, self.roll)
        self.scribe = Scribe()
        self._tending: asyncio.Task[None] | None = None

    @property
    def journal(self) -> Any:
        return self.mirror.journal

    async def begin(self) -> None:
        self.scribe.opened()
        self.scribe.saved("You are old.", 1, OLD)
        while self.scribe.head.position < EVENTS:
            self.scribe.saved("You are busy.", self.scribe.head.position, BUSY)
        await self.log.put_back(self.scribe.entries, GENESIS, "somebody", last=True)
        await self.mirror.catch_up()
        if self.journal:
            self._tending = asyncio.create_task(self.journal.keep_up())
            await until(lambda: self.journal.chain.head.position == EVENTS)
            await until(lambda: self.journal.is_examined)

    async def end(self) -> None:
        if self._tending:
            self._tending.cancel()
            await asyncio.gather(self._tending, return_exceptions=True)
            await self.journal.close()
        for link in (self.log, self.feed.link, self.keeper.shelf.link):
            await link.close()

    def archived(self, position: int = EVENTS) -> Head:
        """An archive that holds the log through ``position``."""
        return head_of(self.scribe.entries[position - 1])

    async def trim(self, keep: int = 10, archived: Head | None = None) -> Trimmed:
        return await self.trimming.run(keep, archived or self.archived(), "ann")

    async def on_server(self) -> list[Entry]:
        return await self.log._read(0, 1000, 10**8)

    async def begins(self) -> int:
        begins = await self.log.begins()
        assert begins
        return begins.position

    async def said(self) -> list[LogTrimmed]:
        """What the log says of itself, behind the scribe's events."""
        told = outcomes([*self.scribe.entries, *(await self.log.read(EVENTS))])[EVENTS:]
        events = [recorded(one).event for one in told]
        return [event for event in events if isinstance(event, LogTrimmed)]

    async def nothing_has_gone(self, said: int = 0) -> None:
        assert await self.begins() == 1
        assert len(await self.said()) == said

    def member(self, name: str, position: int) -> None:
        report = Report(name, "run", 1, position, "a" * 64, "current")
        self.watch.add(Member(name, 0.0, report))

    def admin(self, name: str, position: int, log_id: str | None = "log-1") -> None:
        """Another admin has said so."""
        word = Told(log_id or "", position, "a" * 64)
        self.roll.hear(AdminReport(name, "run-2", 1, {"log": word}))


class _Watch:
    def __init__(self) -> None:
        self.fleet = Fleet()

    def add(self, member: Member) -> None:
        self.fleet = Fleet({**self.fleet.members, member.replica: member})


@pytest.fixture
async def house(server, keys, tmp_path) -> AsyncIterator[House]:
    made = House(connector(server.url), keys, tmp_path)
    await made.begin()
    yield made
    await made.end()


# --- how far --------------------------------------------------------------------------------------


async def test_all_goes_but_what_is_to_stay(house):
    with capture_logs() as told:
        done = await house.trim(keep=10)
    assert done == Trimmed(through=30, head=EVENTS + 1, events=30)
    assert await house.begins() == 31
    assert await house.said() == [LogTrimmed(through=30, hash=house.scribe.entries[29].hash)]
    (line,) = [line for line in told if line["event"] == "log_trimmed"]
    assert (line["through"], line["events"], line["actor"]) == (30, 30, "ann")
    assert (await house.log.read(0, 100))[:30] == house.scribe.entries[:30], "and is read as before"
    assert (await house.log.read(EVENTS))[0].position == EVENTS + 1


async def test_who_has_trimmed_is_who_asked_for_it(house):
    await house.trim()
    (entry,) = await house.log.read(EVENTS)
    assert recorded(outcomes([*house.scribe.entries, entry])[-1]).actor == "ann"


async def test_what_an_archive_does_not_hold_stays(house):
    assert (await house.trim(keep=10, archived=house.archived(12))).through == 12
    assert await house.begins() == 13


@pytest.mark.parametrize(("position", "through"), [(13, 12), (40, 30), (11, 10)])
async def test_what_a_member_has_not_read_stays_and_the_last_that_it_has(house, position, through):
    """By that it knows the log again, should it lose its connection now."""
    house.member("chat-1", 35)
    house.member("chat-2", position)
    assert (await house.trim()).through == through
    assert await house.begins() == through + 1


async def test_few_events_are_not_worth_the_one_that_says_so(house):
    assert await house.trim(keep=EVENTS - LEAST_TRIMMED + 1) == Trimmed(0, EVENTS, 0)
    await house.nothing_has_gone()
    assert (await house.trim(keep=EVENTS - LEAST_TRIMMED)).events == LEAST_TRIMMED
    assert (await house.trim(keep=EVENTS - 2 * LEAST_TRIMMED + 2)).events == 0
    assert len(await house.said()) == 1


@pytest.mark.parametrize("position", [0, 1])
async def test_while_a_member_has_read_nothing_nothing_goes(house, position):
    house.member("chat-1", position)
    assert await house.trim() == Trimmed(0, EVENTS, 0)
    await house.nothing_has_gone()


async def test_a_member_that_was_only_seen_counts_too(house):
    """A consumer group that nobody has spoken for yet."""
    house.watch.add(Member("chat-1", 0.0))
    assert (await house.trim()).events == 0
    await house.nothing_has_gone()


async def test_what_another_admin_has_not_read_stays(house):
    house.admin("admin-2", 25)
    house.admin("admin-3", 17)
    assert (await house.trim()).through == 16


async def test_who_follows_another_log_or_none_yet_holds_nobody_up(house):
    house.admin("stranger", 5, log_id="log-2")
    house.admin("newcomer", 0, log_id=None)
    assert (await house.trim()).through == 30


@pytest.mark.parametrize("keep", [EVENTS, EVENTS + 1, 10**6])
async def test_of_a_short_log_nothing_goes(house, keep):
    assert await house.trim(keep) == Trimmed(0, EVENTS, 0)
    await house.nothing_has_gone()


async def test_what_went_before_is_not_said_again(house):
    await house.trim(keep=20)
    done = await house.trim(keep=25)
    assert done == Trimmed(through=20, head=EVENTS + 1, events=0)
    assert len(await house.said()) == 1
    done = await house.trim(keep=5)
    assert done == Trimmed(through=36, head=EVENTS + 2, events=16)
    assert [each.through for each in await house.said()] == [20, 36]


# --- refused --------------------------------------------------------------------------------------


async def refused(
    house: House, match: str, kind: type[LogError] = LogUnavailable, **how: Any
) -> None:
    with pytest.raises(kind, match=match):
        await house.trim(**how)
    await house.nothing_has_gone()


async def test_without_a_journal_nothing_goes(house, monkeypatch):
    journal, house.mirror.journal = house.mirror.journal, None
    await refused(house, "keeps no journal")
    house.mirror.journal = journal


async def test_what_the_journal_lacks_it_could_not_give(house, monkeypatch):
    monkeypatch.setattr(type(house.journal), "lacks", [(3, 4)])
    await refused(house, "not whole")


async def test_a_journal_that_was_not_read_through_may_be_damaged(house):
    house.journal.is_examined = False
    await refused(house, "not read through")


async def test_a_journal_without_the_first_event_is_not_whole(house, monkeypatch):
    behind = type(house.journal).behind

    async def without(journal, position, *bounds):
        return [] if position == 0 else await behind(journal, position, *bounds)

    monkeypatch.setattr(type(house.journal), "behind", without)
    await refused(house, "not whole")


async def test_a_journal_that_does_not_keep_up_holds_it_up(house, monkeypatch):
    async def safe(_journal, position, _seconds):
        assert position == EVENTS
        return False

    monkeypatch.setattr(type(house.journal), "safe", safe)
    await refused(house, "does not keep up")


async def test_an_archive_that_goes_on_where_the_log_ends_is_of_another_log(house):
    with pytest.raises(Invalid) as error:
        await house.trim(archived=Head(EVENTS + 1, "", "0" * 64))
    assert "does not reach" in str(error.value.mistakes)
    await house.nothing_has_gone()


@pytest.mark.parametrize("position", [1, 20, EVENTS])
async def test_an_archive_of_another_log_is_refused(house, position):
    with pytest.raises(Invalid) as error:
        await house.trim(archived=Head(position, house.archived(position).stored, "0" * 64))
    assert "another event" in str(error.value.mistakes)
    await house.nothing_has_gone()


async def test_a_log_with_a_hole_there_is_repaired_first(house, server):
    server.call("XDEL", house.keys.log, "30-0")
    with pytest.raises(LogDiverged, match=r"position 30 is missing.*repair"):
        await house.trim()
    assert await house.begins() == 1


async def test_what_the_log_and_the_journal_hold_differently_there_is_repaired_first(house, server):
    """The hash that is said must be that of what stays: else nobody could put the log back."""
    entries = await house.on_server()
    server.call("DEL", house.keys.log)
    spoiled = entries[29]._replace(event=entries[29].event.replace(b"busy", b"BUSY"))
    put = [*entries[:29], spoiled, *entries[30:]]
    await house.log.put_back(put, GENESIS, "somebody", last=True)
    with pytest.raises(LogDiverged, match=r"differ at position 30.*repair"):
        await house.trim()
    await house.nothing_has_gone()
    assert (await house.trim(keep=11)).through == 29


async def test_a_log_that_is_not_the_one_that_is_followed_is_not_trimmed(house, server):
    server.call("DEL", house.keys.log)
    with pytest.raises(LogError):
        await house.trim()
    assert not server.call("EXISTS", house.keys.log)


# --- in this order --------------------------------------------------------------------------------


class Steps:
    """What is done, in order; at one of them something is wrong."""

    def __init__(self, house: House, monkeypatch: Any) -> None:
        self.done: list[str] = []
        self.failing = ""
        for kind, name in (
            (AppendQueue, "append"),
            (Shelf, "keep"),
            (Keeper, "prove"),
            (RedisLog, "trim"),
        ):
            monkeypatch.setattr(kind, name, self._noted(name, getattr(kind, name)))

    def _noted(self, name: str, work: Any) -> Any:
        async def noted(*args: Any, **how: Any) -> Any:
            step = f"{name} {args[1]}" if name == "keep" else name
            if step == self.failing:
                raise LogUnavailable("gone")
            self.done.append(step)
            return await work(*args, **how)

        return noted


@pytest.fixture
def steps(house, monkeypatch) -> Steps:
    return Steps(house, monkeypatch)


ORDER = ["append", "keep history", "keep live", "prove", "trim"]


async def test_it_is_said_then_kept_then_proved_and_only_then_done(house, steps):
    await house.trim()
    assert steps.done == ORDER


@pytest.mark.parametrize("failing", ORDER)
async def test_whatever_fails_nothing_has_gone_and_it_is_gone_on_with(house, steps, failing):
    steps.failing = failing
    with pytest.raises(LogUnavailable):
        await house.trim()
    done = ORDER.index(failing)
    assert steps.done == ORDER[:done]
    await house.nothing_has_gone(said=min(done, 1))
    steps.failing = ""
    assert (await house.trim()).events == 30
    assert [each.through for each in await house.said()] == [30]


async def test_what_was_said_and_not_done_is_done_whatever_is_asked_for_then(house, steps):
    """Everybody knows of it: and nobody may be left to ask for just the same."""
    steps.failing = "trim"
    with pytest.raises(LogUnavailable):
        await house.trim()
    steps.failing = ""
    assert await house.trim(keep=1_000) == Trimmed(through=30, head=EVENTS + 1, events=30)
    assert len(await house.said()) == 1


async def test_what_a_replica_was_not_given_yet_stays_until_it_was(house, server):
    """It has a group, and is not seen yet; what is said is gone on with later."""
    server.call("XGROUP", "CREATE", house.keys.log, "chat-9", "7-0")
    with pytest.raises(LogUnavailable, match="chat-9"):
        await house.trim()
    await house.nothing_has_gone(said=1)
    server.call("XGROUP", "SETID", house.keys.log, "chat-9", "$")
    assert (await house.trim()).events == 30


async def test_a_server_that_has_lost_what_was_said_is_not_trimmed(house, monkeypatch, server):
    """It failed over right then, to one that was behind."""

    async def loses(_keeper: Keeper, _through: int) -> None:
        server.call("XDEL", house.keys.log, f"{EVENTS + 1}-0")

    monkeypatch.setattr(Keeper, "prove", loses)
    with pytest.raises(Conflict):
        await house.trim()
    await house.nothing_has_gone()


async def test_what_others_append_meanwhile_makes_no_difference(house, monkeypatch):
    prove = Keeper.prove

    async def appended(keeper: Keeper, through: int) -> None:
        head = head_of((await house.on_server())[-1])
        more = Scribe(head=head).saved("more", 99, BUSY)
        await house.log.put_back([more], head, "other", last=True)
        await prove(keeper, through)

    monkeypatch.setattr(Keeper, "prove", appended)
    assert (await house.trim()).events == 30
    assert (await house.on_server())[-1].position == EVENTS + 2


# --- what is kept ---------------------------------------------------------------------------------


async def test_what_starts_later_needs_nothing_of_what_has_gone(house):
    await house.trim()
    for name in ("history", "live"):
        packed = await house.keeper.shelf.find(name)
        assert packed
        snapshot = unpack(packed, KeyRing(), name)
        assert snapshot
        assert snapshot.chain == house.mirror.follower.applied.chain
        assert snapshot.chain.trimmed.position == 30
        if name == "live":
            old, busy = snapshot.state[OLD], snapshot.state[BUSY]
            assert (old[0], from_line(old[2].encode())) == (2, house.scribe.entries[1])
            assert busy == [EVENTS, house.scribe.entries[-1].hash]


@pytest.mark.parametrize("name", ["history", "live"])
async def test_a_snapshot_that_is_of_no_use_keeps_everything_where_it_is(house, server, name):
    """Somebody else keeps one that is further on, it says, and is nonsense."""
    server.call("HSET", house.keys.snapshot(name), "position", 10**6, "body", b"nonsense")
    with pytest.raises(LogUnavailable, match=name):
        await house.trim()
    await house.nothing_has_gone(said=1)
    server.call("DEL", house.keys.snapshot(name))
    assert (await house.trim()).events == 30
