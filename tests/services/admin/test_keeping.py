"""Snapshots of the history: a shortcut that can be spoiled by anybody, and harms nobody."""

import zlib
from hashlib import sha256
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from events.chain import Chain, Head
from events.errors import LogDiverged, LogMissing
from events.signing import KeyRing
from events.streams.feeds import TailFeed
from events.streams.link import Link, connector
from events.streams.log import RedisLog
from events.streams.shelf import Shelf
from projections.applying import Applied
from projections.follower import Follower
from projections.held import Held
from projections.history import History, fold
from projections.snapshot import Snapshot, dump_history, dump_live, pack
from services.admin.journal.journal import Journal, journal_of
from services.admin.keeping import Keeper
from services.admin.mirror import Mirror
from services.admin.opening import open_log
from services.metrics import AdminMetrics
from tests.projections.rig import Notes
from tests.scribe import Scribe

KEYS = KeyRing({"k1": b"x" * 32})


@pytest.fixture
async def made(server, keys, tmp_path):
    """Keepers over the same log, as instances that come one after the other."""
    connect = connector(server.url)
    links: list[Link] = []
    journals: list[Journal | None] = []

    def make(ring: KeyRing = KEYS, state: Path | None = tmp_path) -> Keeper:
        log = RedisLog.over(connect, keys)
        held = Held(History(), History(), fold)
        feed = TailFeed(Link(connect), keys)
        follower = Follower(log, feed, Applied(held, ring), Notes())
        mirror = Mirror(log, follower, held)
        mirror.journal = journal_of(state, "log", log, follower, AdminMetrics(CollectorRegistry()))
        journals.append(mirror.journal)
        keeper = Keeper(Shelf(Link(connect), keys), log, mirror, ring)
        links.extend((log.reader, log.writer, feed.link, keeper.shelf.link))
        return keeper

    first = make()
    await open_log(first.log, first.mirror, KEYS, "/test")
    kept = first.mirror.journal
    assert kept is not None
    await kept.open()
    await kept.close()  # which writes what was taken
    yield first, make
    for journal in journals[1:]:
        if journal:
            await journal.close()
    for link in links:
        await link.close()


async def _recalled(keeper: Keeper) -> int:
    await keeper.recall()
    return keeper.mirror.follower.position


async def test_a_kept_snapshot_is_where_the_next_instance_starts(made):
    first, make = made
    await first.keep()
    assert await _recalled(make()) == 1


async def test_a_request_that_reads_on_while_the_snapshot_is_loaded_is_not_set_back(
    made, monkeypatch
):
    """Else an answer would say of a change that landed that it did not: its place was passed before."""
    first, make = made
    await first.keep()
    scribe = Scribe(KEYS, head=first.mirror.follower.applied.chain.head)
    saved = scribe.saved("You are new.", 1)
    await first.log.put_back([saved], first.mirror.follower.applied.chain.head, "me", last=True)
    second = make()
    looked = Shelf.find

    async def find(self: Shelf, name: str) -> bytes | None:
        packed = await looked(self, name)
        await second.mirror.confirm()  # as a request does that comes right now
        return packed

    monkeypatch.setattr(Shelf, "find", find)
    await second.recall()
    assert (second.mirror.follower.position, set(second.mirror.history.prompts)) == (2, {"system"})


async def test_a_snapshot_of_another_projection_is_not_taken_for_this_one(made):
    """Both are validly signed: only the name inside of what is signed tells them apart."""
    first, make = made
    chain = first.mirror.follower.applied.chain
    live = pack(Snapshot(chain, dump_live(first.mirror.history), "live"), KEYS)
    assert await first.shelf.keep("history", chain.head.position, live)
    assert await _recalled(make()) == 0


@pytest.mark.parametrize("state", [{}, [], {"prompts": 3, "requests": [], "newer": None}])
async def test_a_snapshot_with_a_senseless_state_is_left_alone(made, state):
    first, make = made
    chain = first.mirror.follower.applied.chain
    packed = pack(Snapshot(chain, state, "history"), KeyRing())
    assert await first.shelf.keep("history", chain.head.position, packed)
    assert await _recalled(make(KeyRing())) == 0


async def test_a_snapshot_nested_beyond_all_measure_is_left_alone(made):
    first, make = made
    body = zlib.compress(b"[" * 200_000)
    packed = f"{sha256(body).hexdigest()}  \n".encode() + body
    assert await first.shelf.keep("history", 1, packed)
    assert await _recalled(make(KeyRing())) == 0


async def test_a_snapshot_s_key_of_another_kind_is_left_alone(made, server, keys):
    _, make = made
    server.call("SET", keys.snapshot("history"), "text")
    assert await _recalled(make()) == 0


async def test_a_snapshot_of_another_log_is_left_alone(made):
    first, make = made
    chain = first.mirror.follower.applied.chain
    other = chain._replace(head=Head(1, "0" * 64, "0" * 64))
    packed = pack(Snapshot(other, dump_history(first.mirror.history), "history"), KEYS)
    assert await first.shelf.keep("history", 1, packed)
    assert await _recalled(make()) == 0


async def test_a_log_that_was_replaced_is_not_believed_by_a_machine_that_remembers(
    made, server, keys
):
    """Whoever can only write to Redis could start a log anew, without signatures."""
    first, make = made
    server.call("DEL", keys.log)
    forger = make(KeyRing(), None)
    await open_log(first.log, forger.mirror, KeyRing(), "/forged")
    keeper = make()
    assert await _recalled(keeper) == 0
    with pytest.raises(LogDiverged):
        await keeper.mirror.confirm()
    with pytest.raises(LogDiverged):
        await open_log(keeper.log, keeper.mirror, KEYS, "/test")
    assert keeper.mirror.follower.remembered == first.mirror.follower.applied.chain
    assert keeper.mirror.follower.remembered.signed


async def test_a_log_that_was_missing_is_read_from_its_beginning_once_it_is_back(
    made, server, keys
):
    """The memory knows which log it was, but nothing of what it held."""
    first, make = made
    copy = server.call("DUMP", keys.log)
    server.call("DEL", keys.log)
    keeper = make()
    await keeper.recall()
    with pytest.raises(LogMissing):
        await open_log(keeper.log, keeper.mirror, KEYS, "/test")
    server.call("RESTORE", keys.log, 0, copy)
    await keeper.mirror.confirmed()
    assert keeper.mirror.follower.applied.chain == first.mirror.follower.applied.chain


def test_a_rebuild_still_wants_signatures_once_there_were_some():
    applied = Applied(Held(History(), History(), fold), KEYS, Chain(signed=True))
    applied.rebuild()
    assert applied.chain == Chain(signed=True)
