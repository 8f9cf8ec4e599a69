"""The follower on a real server that is killed, stopped, cut off and tampered with."""

import asyncio
import contextlib
import time

import pytest

from events.chain import GENESIS, Head, Rejected
from events.envelope import Stamp, digest
from events.errors import LogForked, LogMissing, LogUnavailable, OutcomeUnknown, StrayId
from events.model import LogOpened
from events.signing import KeyRing
from events.streams.feeds import GroupFeed, TailFeed
from events.streams.rebuilding import Rebuilding
from events.writing import seal
from projections import history
from projections.applying import Applied
from projections.follower import Follower
from projections.held import Held
from projections.history import History
from projections.pace import Pace
from tests.faults_proxy import FaultsProxy, eaten, on
from tests.projections.rig import Notes, other_log
from tests.scribe import saved
from tests.waiting import until

PACE = Pace(beat=0.1, backoff=0.01, backoff_most=0.1, stale_after=0.4)


class Admin:
    """Appends versions of one prompt, as an admin would, and remembers what was acknowledged."""

    def __init__(self, log):
        self.log, self.head, self.acknowledged = log, GENESIS, []

    async def open(self):
        await self.log.pulse()
        await self.write(LogOpened(log_id="log-1"))

    async def save(self):
        number = self.head.position
        await self.write(saved(f"v{number}", number))

    async def write(self, event):
        stamp = Stamp(f"id-{self.head.position + 1}", "/test", self.log.clock.now(), "ann")
        draft = seal(event, stamp, self.head, KeyRing())
        await self.log.append(draft, self.head, 2.0)
        self.head = Head(self.head.position + 1, draft.hash, draft.hash)
        self.acknowledged.append(draft.event)


class Replica:
    """A follower with a group of its own, and its connections."""

    def __init__(self, log, feed, pace=PACE):
        self.log, self.feed, self.notes = log, feed, Notes()
        self.held = Held(History(), History(), history.fold)
        self.follower = Follower(
            log, feed, Applied(self.held, KeyRing()), self.notes, report=lambda: b"r", pace=pace
        )
        self.task = asyncio.create_task(self.follower.run())

    @property
    def version(self):
        """The live version of the one prompt."""
        prompt = self.held.state.prompts.get("system")
        return prompt.live.version if prompt and prompt.live else None

    async def at(self, position, seconds=10.0):
        await until(
            lambda: self.follower.position == position and self.follower.state == "current", seconds
        )

    async def stop(self):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture
async def admin(own_server, log_at):
    admin = Admin(log_at(own_server.url))
    await admin.open()
    await admin.save()
    return admin


@pytest.fixture
async def replica(own_server, admin, keys, log_at, link_to):
    """Makes replicas `chat-<n>` over a URL; they are current, and end with the test."""
    made: list[Replica] = []

    async def make(url=own_server.url, pace=PACE, kind="group"):
        link = link_to(url)
        name = f"chat-{len(made)}"
        feed = GroupFeed(link, keys, name, "one") if kind == "group" else TailFeed(link, keys)
        one = Replica(log_at(url), feed, pace)
        made.append(one)
        await one.at(admin.head.position)
        await until(lambda: blocked(own_server) >= len(made))
        return one

    yield make
    for one in made:
        await one.stop()


def blocked(server):
    return server.call("INFO", "clients")["blocked_clients"]


def entries_of(server, keys):
    return server.call("XRANGE", keys.log, "-", "+")


# --- the server -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["group", "tail"])
async def test_an_append_is_applied_and_acknowledged_by_whoever_follows(
    own_server, admin, replica, keys, kind
):
    one = await replica(kind=kind)
    await admin.save()
    await one.at(3)
    assert one.version == 2
    assert one.notes.lost_for == []
    if kind == "group":
        await until(lambda: own_server.call("XPENDING", keys.log, "chat-0")["pending"] == 0)
        assert own_server.call("XLEN", keys.reports) == 1


async def test_a_server_that_was_killed_and_came_back_has_lost_nothing_and_is_followed_on(
    own_server, admin, replica
):
    one, other = await replica(), await replica(kind="tail")
    own_server.kill()
    await until(lambda: one.follower.state == other.follower.state == "stale")
    assert (one.version, other.version) == (1, 1)
    await asyncio.to_thread(own_server.start)
    await admin.save()
    await one.at(3)
    await other.at(3)
    assert one.version == other.version == 2
    assert "diverged" not in [*one.notes.states, *other.notes.states]


async def test_killed_amid_traffic_it_loses_nothing_that_was_acknowledged(
    own_server, admin, replica, keys, log_at
):
    one = await replica()

    async def traffic():
        while True:
            try:
                await admin.save()
            except (LogUnavailable, OutcomeUnknown):
                head = await known_head(admin.log)
                if head:
                    admin.head = head

    writing = asyncio.create_task(traffic())
    for _ in range(2):
        await more_than(admin, 20)
        own_server.kill()
        await asyncio.to_thread(own_server.start)
    await more_than(admin, 20)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    stored = entries_of(own_server, keys)
    await one.at(len(stored))
    assert [id for id, _ in stored] == [b"%d-0" % n for n in range(1, len(stored) + 1)]
    assert {fields[b"event"] for _, fields in stored} >= set(admin.acknowledged)
    assert one.version == len(stored) - 1
    assert not [o for o in one.notes.outcomes if isinstance(o, Rejected)]


async def more_than(admin, count):
    """Wait until so many more events were acknowledged."""
    wanted = len(admin.acknowledged) + count
    await until(lambda: len(admin.acknowledged) >= wanted)


async def known_head(log):
    """Where the log ends, when it answers."""
    with contextlib.suppress(LogUnavailable):
        pulse = await log.pulse()
        return Head(pulse.head_position, pulse.head_stored, pulse.head_stored)
    return None


async def test_a_server_that_stands_still_makes_it_stale_until_it_goes_on(
    own_server, admin, replica
):
    one = await replica(pace=Pace(beat=0.1, backoff_most=0.1, stale_after=0.2))
    own_server.stop()
    try:
        await until(lambda: one.follower.stale_seconds() is not None)
        assert one.version == 1
    finally:
        own_server.go_on()
    await admin.save()
    await one.at(3)
    await until(lambda: one.follower.stale_seconds() is None)


async def test_a_server_that_came_back_empty_is_no_new_beginning(own_server, admin, replica):
    one = await replica()
    own_server.kill()
    for file in own_server.directory.glob("appendonlydir/*"):
        file.unlink()
    await asyncio.to_thread(own_server.start)
    await until(lambda: one.follower.state == "diverged")
    assert isinstance(one.notes.lost_for[-1], LogMissing)
    assert one.version == 1


# --- connections ----------------------------------------------------------------------------------


async def test_whoever_was_disconnected_by_the_server_catches_up_by_itself(
    own_server, admin, replica
):
    one = await replica()
    for _ in range(3):
        own_server.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        with contextlib.suppress(LogUnavailable):
            await admin.log.pulse()
        await admin.save()
        await one.at(admin.head.position)
    assert one.version == 4


async def test_a_reader_that_was_unblocked_with_an_error_goes_on(own_server, admin, replica):
    one = await replica()
    with own_server.client() as client:
        (reader,) = [each["id"] for each in client.client_list() if each["cmd"] == "xreadgroup"]
        assert client.client_unblock(int(reader), error=True)
    await until(lambda: one.notes.lost_for)
    await admin.save()
    await one.at(3)


async def test_an_entry_that_was_delivered_to_a_dead_connection_is_applied_all_the_same(
    own_server, admin, replica, keys
):
    async with FaultsProxy(own_server.socket) as proxy:
        one = await replica(proxy.url)
        proxy.to_client = on(b"XREADGROUP", eaten)
        await admin.save()
        await until(lambda: own_server.call("XPENDING", keys.log, "chat-0")["pending"] == 1)
        assert one.version == 1, "the server has delivered it, and nobody has got it"
        proxy.heal()
        await one.at(3)
        assert one.version == 2
        await one.stop()


async def test_a_network_that_swallows_everything_is_noticed_and_lived_through(
    own_server, admin, replica, monkeypatch
):
    async with FaultsProxy(own_server.socket) as proxy:
        one = await replica(proxy.url)
        proxy.black_hole()
        await admin.save()
        await until(lambda: one.follower.stale_seconds() is not None)
        assert one.version == 1
        proxy.heal()
        proxy.cut_all()
        await one.at(3)
        assert one.version == 2
        await one.stop()


async def test_a_group_that_was_destroyed_is_made_again(own_server, admin, replica, keys):
    one = await replica()
    own_server.call("XGROUP", "DESTROY", keys.log, "chat-0")
    await admin.save()
    await one.at(3)
    await until(lambda: len(own_server.call("XINFO", "GROUPS", keys.log)) == 1)


# --- strange hands --------------------------------------------------------------------------------


def rewritten(server, keys, templates):
    """Somebody deletes the log and writes another one, of the same length."""
    entries = other_log(*templates).entries
    with server.client() as client, client.pipeline() as pipe:
        pipe.delete(keys.log)
        for entry in entries:
            fields = {"event": entry.event, "hash": entry.hash, "at": str(entry.at)}
            pipe.xadd(keys.log, fields, id=f"{entry.position}-0")
        pipe.execute()


async def test_a_log_that_was_rewritten_with_the_same_length_is_noticed_within_two_seconds(
    own_server, admin, replica, keys
):
    """At the pace of the design, by each replica, whether or not anything is appended."""
    everybody = [await replica(pace=Pace()) for _ in range(3)]
    rewritten(own_server, keys, ["evil"])
    began = time.monotonic()
    await until(lambda: {one.follower.state for one in everybody} == {"diverged"})
    assert time.monotonic() - began < 2.0
    for one in everybody:
        assert any(isinstance(error, LogForked | LogMissing) for error in one.notes.lost_for)
        assert one.version == 1


async def test_a_stray_entry_raises_the_alarm_and_the_repaired_log_is_followed_on(
    own_server, admin, replica, keys
):
    """A rebuilt copy takes the log's place: the ids after the stray one are impossible in the old."""
    one = await replica()
    own_server.call("XADD", keys.log, "*", "field", "value")
    await until(lambda: one.follower.state == "diverged")
    assert isinstance(one.notes.lost_for[-1], StrayId)
    assert one.version == 1
    with own_server.client() as client:
        *good, _stray = client.xrange(keys.log)
        for id, fields in good:
            client.xadd(f"{keys.log}:copy", fields, id=id)
        client.rename(f"{keys.log}:copy", keys.log)
    await admin.save()
    await one.at(3)
    assert one.version == 2


async def test_a_reader_that_is_blocked_while_a_rebuilt_log_takes_the_old_one_s_place_goes_on(
    own_server, admin, replica, keys, link_to
):
    """It was at the head all the time: nothing of what it holds has changed."""
    one, other = await replica(), await replica(kind="tail")
    rebuilding = Rebuilding(link_to(own_server.url), keys, "me")
    await rebuilding.begin()
    await rebuilding.add(await admin.log.read(0))
    assert await rebuilding.swap(*await admin.log.raw_head())
    await until(lambda: len(own_server.call("XINFO", "GROUPS", keys.log)) == 1)
    await admin.save()
    for reader in (one, other):
        await reader.at(3)
        assert reader.version == 2
        assert "diverged" not in reader.notes.states


async def test_a_log_that_was_lost_and_put_back_is_followed_on_where_it_was(
    own_server, admin, replica, keys
):
    one, other = await replica(), await replica(kind="tail")
    held = await admin.log.read(0)
    own_server.call("DEL", keys.log)
    await until(lambda: one.follower.state == other.follower.state == "diverged")
    await admin.log.put_back(held, GENESIS, "me", last=True)
    await admin.save()
    for reader in (one, other):
        await reader.at(3)
        assert reader.version == 2


async def test_poison_written_straight_into_the_stream_is_passed_over(
    own_server, admin, replica, keys
):
    one, other = await replica(), await replica(kind="tail")
    for position, fields in enumerate(
        [("event", "{", "hash", "x"), ("what", "ever"), ("event", "x" * 10_000_000, "hash", "y")], 3
    ):
        own_server.call("XADD", keys.log, f"{position}-0", *fields)
    await one.at(5)
    pulse = await admin.log.pulse()
    (last,) = await admin.log.read(4)
    admin.head = Head(5, pulse.head_stored, digest(last.event))
    await admin.write(saved("good", 2))
    for reader in (one, other):
        await reader.at(6)
        assert reader.version == 2
        rejected = [o.position for o in reader.notes.outcomes if isinstance(o, Rejected)]
        assert rejected == [3, 4, 5]
