"""Snapshots of a log that was trimmed: without them nobody could start; so they are sound, and there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from events.chain import Chain, Head
from events.errors import LogForked, LogUnavailable, TrimmedPast
from events.lines import from_line
from events.model import LogOpened
from events.signing import KeyRing
from events.streams.link import connector
from projections.history import History
from projections.snapshot import Snapshot, dump_history, dump_live, pack, unpack
from services.admin import keeping
from services.admin.journal.archive import archive_of
from services.admin.keeping import Keeper
from services.admin.opening import open_log, recall
from tests.scribe import Scribe, saved
from tests.services.admin.mending.test_trimming import BUSY, EVENTS, OLD, House
from tests.waiting import until

THROUGH = 30
Another = Callable[[], House]


@pytest.fixture
async def houses(server, keys, tmp_path) -> AsyncIterator[Another]:
    """Makes admins over one log, each with a directory of its own."""
    made: list[House] = []

    def make() -> House:
        made.append(House(connector(server.url), keys, tmp_path / f"admin-{len(made)}"))
        return made[-1]

    yield make
    for house in made:
        await house.end()


@pytest.fixture
async def house(houses) -> House:
    made = houses()
    await made.begin()
    return made


@pytest.fixture
async def trimmed(house) -> House:
    """Its log was trimmed through event 30; 41 is the one that says so."""
    await house.trim()
    return house


async def kept(house: House, name: str) -> Snapshot | None:
    packed = await house.keeper.shelf.find(name)
    return unpack(packed, KeyRing(), name) if packed else None


async def put(house: House, name: str, chain: Chain, state: Any) -> None:
    """Another snapshot in the place of the one that is there."""
    link, key = house.keeper.shelf.link, house.keys.snapshot(name)
    packed = pack(Snapshot(chain, state, name), KeyRing())
    await link.call("HSET", key, "position", chain.head.position, "body", packed)


# --- starting from them ---------------------------------------------------------------------------


async def test_an_admin_without_a_past_starts_from_the_snapshot(trimmed, houses):
    new = houses()
    await new.keeper.recall()
    assert new.mirror.follower.position == EVENTS + 1
    assert new.mirror.history == trimmed.mirror.history
    assert new.mirror.follower.applied.chain == trimmed.mirror.follower.applied.chain
    await open_log(new.log, new.mirror, KeyRing(), "/test")
    assert (await new.log.begins()).position == THROUGH + 1


async def test_an_admin_that_was_away_starts_from_the_snapshot(house, houses):
    """Its journal ends before the log begins: it remembers that log, but has to be put forward."""
    away = houses()
    await away.journal.open()
    away.journal.store.append(house.scribe.entries[:9])
    await house.trim()
    assert await recall(away.mirror)
    assert away.mirror.follower.remembered is None
    await away.keeper.recall()
    assert away.mirror.follower.position == EVENTS + 1


async def test_what_a_journal_ends_with_and_the_log_does_not_hold_is_remembered_all_the_same(
    trimmed, houses
):
    """It lies where the log is: that is another history."""
    away = houses()
    await away.journal.open()
    store = away.journal.store
    store.skip(Chain(Head(34, "a" * 64, "a" * 64), "log-1"))
    store.append([trimmed.scribe.entries[34]._replace(hash="b" * 64)], confirmed=True)
    assert not await recall(away.mirror)
    assert away.mirror.follower.remembered == store.chain
    await away.keeper.recall()
    assert away.mirror.follower.position == 0


async def test_who_knows_another_log_does_not_start_from_a_snapshot_of_this_one(trimmed, houses):
    away = houses()
    await away.journal.open()
    away.journal.store.append(_another_log())
    assert away.journal.chain.log_id == "another"
    await away.keeper.recall()
    assert not await away.keeper.skip()
    assert away.mirror.follower.position == 0
    assert await away.keeper.skip(True), "unless an operator has decided so"
    assert away.mirror.follower.position == EVENTS + 1


def _another_log() -> list[Any]:
    scribe = Scribe()
    scribe.write(LogOpened(log_id="another"))
    return scribe.entries


async def test_a_snapshot_takes_nobody_back(trimmed):
    assert not await trimmed.keeper.skip()
    assert trimmed.mirror.follower.position == EVENTS + 1


async def test_whoever_follows_another_log_now_goes_back_as_far_as_it_takes(trimmed):
    """Where it has stood in the old one says nothing."""
    follower = trimmed.mirror.follower
    chain = follower.applied.chain
    follower.resume(chain._replace(head=Head(99, "a" * 64, "a" * 64)))
    assert not await trimmed.keeper.skip()
    assert await trimmed.keeper.skip(True)
    assert follower.applied.chain == chain


async def test_a_snapshot_that_the_log_does_not_hold_is_no_place_to_start_from(trimmed, houses):
    chain = trimmed.mirror.follower.applied.chain
    state = dump_history(trimmed.mirror.history)
    await put(trimmed, "history", chain._replace(head=Head(35, "a" * 64, "a" * 64)), state)
    new = houses()
    await new.keeper.recall()
    assert new.mirror.follower.position == 0
    with pytest.raises(TrimmedPast):
        await new.mirror.follower.look()


# --- keeping them ---------------------------------------------------------------------------------


async def test_what_is_live_and_gone_is_read_from_the_journal_for_it(trimmed):
    await trimmed.keeper.keep()
    snapshot = await kept(trimmed, "live")
    assert snapshot
    assert from_line(snapshot.state[OLD][2].encode()) == trimmed.scribe.entries[1]
    assert snapshot.state[BUSY] == [EVENTS, trimmed.scribe.entries[-1].hash]


async def test_of_a_log_that_was_never_trimmed_only_places_are_kept(house):
    await house.keeper.keep()
    snapshot = await kept(house, "live")
    assert snapshot
    assert {len(each) for each in snapshot.state.values()} == {2}


@pytest.fixture
async def new(trimmed, houses) -> House:
    """An admin that has nothing of what was trimmed, and has read one event more than the snapshots."""
    made = houses()
    await made.keeper.recall()
    head = made.mirror.follower.applied.chain.head
    await made.log.append(Scribe(head=head).draft(saved("more", 99, BUSY)), head, 5.0)
    await made.mirror.catch_up()
    return made


async def test_what_the_last_snapshot_holds_itself_goes_on_into_the_next(trimmed, new):
    """So that it outlives whoever had it; and nobody looks for it in a journal every time."""
    await new.keeper.keep()
    snapshot = await kept(new, "live")
    assert snapshot
    assert snapshot.chain.head.position == EVENTS + 2
    assert from_line(snapshot.state[OLD][2].encode()) == trimmed.scribe.entries[1]
    assert snapshot.state[BUSY][0] == EVENTS + 2


SPOILED: dict[str, Callable[[list[Any]], Any]] = {
    "no line": lambda row: row[:2],
    "another event": lambda row: [*row[:2], row[2].replace("old", "OLD")],
    "another position": lambda row: [*row[:2], row[2].replace('"position": 2', '"position": 3')],
    "no text": lambda row: [*row[:2], 7],
    "nonsense": lambda row: [*row[:2], "{"],
    "no row": lambda _: 7,
    "no place": lambda row: [[], row[1], row[2]],
}


@pytest.mark.parametrize("how", SPOILED)
async def test_who_lacks_what_must_be_kept_lets_another_s_snapshot_stay(trimmed, new, how):
    """What a snapshot says counts by its hash; and this one is of no use."""
    snapshot = await kept(trimmed, "live")
    assert snapshot
    spoiled = {**snapshot.state, OLD: SPOILED[how](snapshot.state[OLD])}
    await put(trimmed, "live", snapshot.chain, spoiled)
    before = [await kept(trimmed, name) for name in ("history", "live")]
    with pytest.raises(TrimmedPast):
        await new.keeper.keep()
    assert [await kept(trimmed, name) for name in ("history", "live")] == before
    await trimmed.mirror.catch_up()
    await trimmed.keeper.keep()
    whole = await kept(trimmed, "live")
    assert whole
    assert from_line(whole.state[OLD][2].encode()) == trimmed.scribe.entries[1]


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(keeping, "LOOK_SECONDS", 0.005)


async def keeping_up(house: House, done: Callable[[], Awaitable[bool]]) -> list[Any]:
    """What is told while ``house`` keeps snapshots, until something is so."""
    with capture_logs() as told:
        task = asyncio.create_task(house.keeper.keep_up())
        deadline = asyncio.get_running_loop().time() + 20
        while not await done():
            assert not task.done(), task
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return told


@pytest.mark.parametrize("gone", [["history"], ["live"], ["history", "live"]])
async def test_what_a_trimmed_log_cannot_do_without_is_kept_again_soon(
    trimmed, server, quick, gone
):
    """A server that lost everything else lost these, too; so few events have come since."""
    trimmed.mirror.follower.state = "current"
    for name in gone:
        server.call("DEL", trimmed.keys.snapshot(name))

    async def is_back() -> bool:
        return all([await kept(trimmed, name) for name in ("history", "live")])

    await keeping_up(trimmed, is_back)


async def test_one_from_before_it_was_trimmed_is_as_good_as_none(trimmed, quick):
    trimmed.mirror.follower.state = "current"
    old = trimmed.scribe.entries[:20]
    await put(trimmed, "live", Chain(Head(20, old[-1].hash, old[-1].hash), "log-1"), {})

    async def is_new() -> bool:
        snapshot = await kept(trimmed, "live")
        return bool(snapshot and snapshot.chain.head.position == EVENTS + 1)

    await keeping_up(trimmed, is_new)


async def test_nothing_is_kept_while_the_log_is_another_one(trimmed, server, quick):
    trimmed.mirror.follower.state = "diverged"
    server.call("DEL", trimmed.keys.snapshot("live"))
    assert not await trimmed.keeper._is_gone()
    trimmed.mirror.follower.state = "current"
    assert await trimmed.keeper._is_gone()


async def test_who_cannot_keep_it_says_so_and_goes_on(trimmed, houses, server, quick, monkeypatch):
    new = houses()
    await new.keeper.recall()
    new.mirror.follower.state = "current"
    server.call("DEL", new.keys.snapshot("live"))
    keep, tried = Keeper.keep, []

    async def counted(keeper: Keeper) -> None:
        tried.append(1)
        await keep(keeper)

    monkeypatch.setattr(Keeper, "keep", counted)

    async def twice() -> bool:
        return len(tried) > 1

    told = await keeping_up(new, twice)
    assert "snapshot_not_kept" in [line["event"] for line in told]
    assert await kept(trimmed, "live") is None


# --- proving them ---------------------------------------------------------------------------------


async def proved(house: House, match: str, through: int = THROUGH) -> None:
    with pytest.raises(LogUnavailable, match=match):
        await house.keeper.prove(through)


async def test_sound_snapshots_of_this_log_are_proof(trimmed):
    await trimmed.keeper.prove(THROUGH)


@pytest.mark.parametrize("name", ["history", "live"])
async def test_without_one_there_is_no_proof(trimmed, server, name):
    server.call("DEL", trimmed.keys.snapshot(name))
    await proved(trimmed, name)


@pytest.mark.parametrize("through", [EVENTS + 1, EVENTS + 2])
async def test_one_that_would_go_itself_is_no_proof(trimmed, through):
    await proved(trimmed, "history", through)


async def test_what_points_to_what_would_go_is_no_proof(trimmed):
    """An admin of an older version, which knows nothing of lines, may have kept it meanwhile."""
    chain, history = trimmed.mirror.follower.applied.chain, trimmed.mirror.history
    await put(trimmed, "live", chain, dump_live(history))
    await proved(trimmed, "points to")
    await trimmed.keeper.prove(1)


@pytest.mark.parametrize("name", ["history", "live"])
async def test_one_of_another_log_is_no_proof(trimmed, name):
    chain = trimmed.mirror.follower.applied.chain
    other = chain._replace(head=Head(EVENTS + 1, "a" * 64, "a" * 64))
    state = dump_history(History()) if name == "history" else {}
    await put(trimmed, name, other, state)
    await proved(trimmed, "another log")


# --- content --------------------------------------------------------------------------------------


async def test_content_that_has_gone_is_read_from_the_journal(trimmed):
    record = trimmed.mirror.history.prompts[BUSY].versions[0]
    assert (await trimmed.mirror.content(record)).template == "You are busy."


async def test_content_that_is_not_here_is_told_to_be_trimmed_and_not_to_be_forged(trimmed, houses):
    new = houses()
    await new.keeper.recall()
    record = new.mirror.history.prompts[OLD].versions[0]
    with pytest.raises(TrimmedPast):
        await new.mirror.content(record)
    new.mirror.journal = None
    for archive in (archive_of(new.mirror), None):  # None: what says so was not read here yet
        new.log.archive = archive
        with pytest.raises(TrimmedPast):
            await new.mirror.content(record)
    latest = new.mirror.history.prompts[BUSY].versions[-1]
    assert (await new.mirror.content(latest)).template == "You are busy."


async def test_content_whose_place_holds_something_else_is_no_content(trimmed):
    """By its hash, wherever it is read."""
    entry = trimmed.scribe.entries[1]
    assert await trimmed.mirror.entry(2, entry.hash) == entry
    with pytest.raises(LogForked):
        await trimmed.mirror.entry(2, "0" * 64)
    with pytest.raises(LogForked):
        await trimmed.mirror.entry(EVENTS + 5, "0" * 64)


async def test_a_request_waits_a_moment_until_the_mirror_was_put_forward(trimmed, houses):
    """Right after a start nothing of the log is known here yet: that is no trouble with the log."""
    new = houses()
    asked = asyncio.create_task(new.mirror.confirmed())
    await until(lambda: new.mirror.follower.head_position)
    assert not asked.done()
    await new.keeper.recall()
    assert set((await asked).prompts) == {OLD, BUSY}


async def test_who_was_put_forward_once_does_not_wait_for_what_is_gone(trimmed, houses):
    new = houses()
    new.mirror.follower.resume(Chain(Head(9, "a" * 64, "a" * 64), "log-1"))
    async with asyncio.timeout(2.0):
        with pytest.raises(TrimmedPast):
            await new.mirror.confirmed()
