"""Importing a log from a file, on a real server."""

from dataclasses import replace

import pytest

from events.chain import Chain, Head
from events.envelope import digest
from events.errors import LogUnavailable
from events.log import Draft
from events.model import ForkSettled, LogHealed, PositionPassed
from projections.refusals import Invalid
from services.admin.journal.archive import JournalArchive
from services.admin.mending.importing import Importing
from tests.scribe import Scribe, outcomes, recorded
from tests.services.admin.mending.conftest import four_events


@pytest.fixture
def importing(log, rebuilding, closing, shelf):
    """Imports without giving anything up; nobody has reported more than the log holds."""
    return Importing(log, rebuilding, closing, shelf, lambda: 0, replace=False)


@pytest.fixture
def replacing(importing):
    return replace(importing, replace=True)


async def batches(entries, size=3):
    for start in range(0, len(entries), size):
        yield entries[start : start + size]


def events(entries):
    """The events of a log that is whole."""
    return [recorded(outcome).event for outcome in outcomes(list(entries))]


def another_history(scribe: Scribe) -> Scribe:
    """The same first two events, and then others."""
    other = Scribe()
    for entry in scribe.entries[:2]:
        other.put(entry)
    other.saved("theirs", 2)
    return other


async def test_a_log_that_is_missing_comes_back_hash_for_hash(
    server, log, scribe, importing, keys, shelf
):
    server.call("DEL", keys.log)
    done = await importing.run(batches(scribe.entries))
    found = await log.read(0)
    assert found[:4] == scribe.entries
    assert events(found)[4:] == [LogHealed(after=0, through=4, cause="file")]
    assert (done.changed, done.position, done.file, shelf.kept) == (True, 5, None, [])
    assert not server.call("EXISTS", keys.fence, keys.rebuilt)


async def test_what_the_log_holds_already_changes_nothing(server, log, scribe, importing, keys):
    done = await importing.run(batches(scribe.entries))
    assert (done.changed, done.position) == (False, 4)
    assert await log.read(0) == scribe.entries
    assert not server.call("EXISTS", keys.fence, keys.rebuilt)


async def test_a_log_that_ends_in_the_file_is_gone_on_with(log, importing, scribe):
    longer = four_events()
    longer.saved("v4", 4)
    longer.saved("v5", 5)
    done = await importing.run(batches(longer.entries))
    found = await log.read(0)
    assert found[:6] == longer.entries
    assert events(found)[6:] == [LogHealed(after=4, through=6, cause="file")]
    assert done.changed


@pytest.mark.parametrize("history", ["another", "shorter"])
async def test_nothing_is_given_up_unless_somebody_says_so(
    server, log, scribe, importing, keys, shelf, history
):
    file = another_history(scribe) if history == "another" else Scribe(entries=scribe.entries[:2])
    with pytest.raises(Invalid, match="'replace'"):
        await importing.run(batches(file.entries))
    assert await log.read(0) == scribe.entries
    assert not shelf.kept
    assert not server.call("EXISTS", keys.fence, keys.rebuilt)


async def test_what_is_replaced_is_kept_and_its_positions_are_never_used_again(
    log, scribe, replacing, shelf
):
    file = another_history(scribe)
    done = await replace(replacing, furthest=lambda: 6).run(batches(file.entries))
    found = await log.read(0)
    assert found[:3] == file.entries
    settled = ForkSettled(kept="file", after=2, through=6)
    assert events(found)[3:] == [PositionPassed(), PositionPassed(), PositionPassed(), settled]
    assert shelf.kept == scribe.entries[2:]
    assert (done.position, done.file) == (7, "a-file")


async def test_a_rewind_is_marked_behind_everything_that_was_there(log, scribe, replacing, shelf):
    """Whoever holds more than the file finds the mark beyond all that they know."""
    await replace(replacing, furthest=lambda: 4).run(batches(scribe.entries[:2]))
    found = await log.read(0)
    settled = ForkSettled(kept="file", after=2, through=4)
    assert events(found)[2:] == [PositionPassed(), PositionPassed(), settled]
    assert found[-1].position == 5
    assert shelf.kept == scribe.entries[2:]


@pytest.mark.parametrize("damage", ["hole", "tampered", "cut at the beginning", "empty"])
async def test_a_file_that_is_not_whole_changes_nothing(
    server, log, scribe, replacing, keys, damage
):
    entries = list(scribe.entries)
    if damage == "hole":
        del entries[2]
    elif damage == "tampered":
        event = entries[1].event.replace(b"v1", b"vX")
        entries[1] = entries[1]._replace(event=event, hash=digest(event))
    elif damage == "cut at the beginning":
        del entries[0]
    else:
        entries = []
    with pytest.raises(Invalid):
        await replacing.run(batches(entries))
    assert await log.read(0) == scribe.entries
    assert not server.call("EXISTS", keys.fence, keys.rebuilt)


async def test_nobody_appends_while_a_file_is_read(server, log, scribe, replacing):
    refused = []

    async def slowly():
        yield scribe.entries[:2]
        draft = Draft("id-5", b'{"n":1}', digest(b'{"n":1}'))
        with pytest.raises(LogUnavailable, match="put back") as error:
            await log.append(draft, scribe.head, 5.0)
        refused.append(error)
        yield scribe.entries[2:]

    assert not (await replacing.run(slowly())).changed
    assert refused


async def test_what_was_poison_in_the_log_is_poison_in_the_file_and_no_obstacle(
    server, log, importing, keys
):
    server.call("DEL", keys.log)
    scribe = four_events()
    scribe.poison(b"\x00\nno json", hash="f" * 64)
    scribe.saved("v4", 4)
    await importing.run(batches(scribe.entries))
    assert (await log.read(0))[:6] == scribe.entries


# --- a log that was trimmed, by an instance that does not have its past ----------------------------


@pytest.fixture
def trimmed(server, log, keys):
    """The first two events are gone, and this instance's journal lacks them."""
    server.call("XTRIM", keys.log, "MINID", "3-0")
    log.archive = JournalArchive(None, lambda: Chain(trimmed=Head(2, "a" * 64, "a" * 64)))
    return log


@pytest.mark.parametrize("size", [1, 2, 3, 4])
async def test_what_a_trimmed_log_begins_with_shows_that_the_file_is_its_past(
    trimmed, scribe, importing, size
):
    done = await importing.run(batches(scribe.entries, size))
    assert (done.changed, done.position) == (False, 4)
    assert (await trimmed.begins()).position == 3


@pytest.mark.parametrize("size", [1, 4])
async def test_a_file_that_goes_on_brings_a_trimmed_log_back_as_a_whole(
    server, trimmed, scribe, importing, keys, size
):
    longer = four_events()
    longer.saved("v4", 4)
    await importing.run(batches(longer.entries, size))
    assert (await trimmed.read(0))[:5] == longer.entries
    assert (await trimmed.begins()).position == 1


@pytest.mark.parametrize("history", ["another past", "shorter than that", "shorter"])
async def test_of_a_trimmed_log_nothing_is_given_up_unless_somebody_says_so(
    trimmed, scribe, importing, replacing, shelf, history
):
    if history == "another past":
        file = Scribe()
        file.opened()
        for version in range(1, 4):
            file.saved(f"theirs {version}", version)
    else:
        file = Scribe(entries=scribe.entries[: 1 if history == "shorter than that" else 3])
    with pytest.raises(Invalid, match="'replace'"):
        await importing.run(batches(file.entries))
    assert (await trimmed.begins()).position == 3
    await replacing.run(batches(file.entries))
    assert (await trimmed.read(0))[: len(file.entries)] == file.entries
    assert shelf.kept == scribe.entries[3 if history == "shorter" else 2 :]
