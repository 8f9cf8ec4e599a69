"""Putting a log together again that has strange ids, or holes, on a real server."""

import pytest

from events.chain import GENESIS, Recorded
from events.model import LogHealed
from projections.refusals import Invalid
from services.admin.mending.repairing import Repairing
from tests.scribe import outcomes
from tests.services.admin.mending.conftest import Copied


@pytest.fixture
def repairing(log, rebuilding, closing, scribe):
    return Repairing(log, rebuilding, closing, Copied(scribe.entries))


async def healed(log, scribe, after, cause):
    """The log is what it was, and says what was done."""
    found = await log.read(0)
    assert found[:4] == scribe.entries
    told = outcomes(list(found))[4]
    assert isinstance(told, Recorded)
    assert told.event == LogHealed(after=after, through=4, cause=cause)


@pytest.mark.parametrize("id", ["*", "4-1", "77-1"])
async def test_entries_with_strange_ids_are_left_out(server, log, scribe, repairing, keys, id):
    strange = server.call("XADD", keys.log, id, "what", "ever").decode()
    done = await repairing.run()
    await healed(log, scribe, after=4, cause="stray")
    assert (done.changed, done.position, repairing.stray) == (True, 5, [strange])
    assert not server.call("EXISTS", keys.fence, keys.rebuilt)


@pytest.mark.parametrize("gone", [[1], [2, 3], [4], [1, 2, 3, 4]])
async def test_holes_are_filled_from_the_journal(server, log, scribe, repairing, keys, gone):
    for position in gone:
        server.call("XDEL", keys.log, f"{position}-0")
    await repairing.run()
    await healed(log, scribe, after=gone[0] - 1, cause="holes")
    assert repairing.filled == gone


@pytest.mark.parametrize("position", [1, 2, 4])
async def test_an_event_that_was_changed_where_it_stands_is_the_journals_again(
    server, log, scribe, repairing, keys, position
):
    server.call("DEL", keys.log)
    for entry in scribe.entries:
        event = entry.event + b" " * (entry.position == position)
        fields = ("event", event, "hash", entry.hash, "at", str(entry.at))
        server.call("XADD", keys.log, f"{entry.position}-0", *fields)
    await repairing.run()
    await healed(log, scribe, after=position - 1, cause="holes")
    assert repairing.filled == [position]


async def test_a_log_that_is_gone_comes_back_from_the_journal(server, log, scribe, repairing, keys):
    server.call("DEL", keys.log)
    await repairing.run()
    await healed(log, scribe, after=0, cause="missing")


async def test_a_whole_log_is_left_alone(server, log, scribe, repairing, keys):
    done = await repairing.run()
    assert (done.changed, done.position) == (False, 4)
    assert await log.read(0) == scribe.entries
    assert not server.call("EXISTS", keys.fence, keys.rebuilt)


async def test_what_is_missing_everywhere_is_named_and_nothing_is_changed(
    server, log, scribe, repairing, keys
):
    repairing.copy = None
    server.call("XDEL", keys.log, "2-0", "3-0")
    with pytest.raises(Invalid, match="positions 2 to 3"):
        await repairing.run()
    assert [each.position for each in await log.read(0)] == [1, 4]
    assert not server.call("EXISTS", keys.fence, keys.rebuilt)


async def test_a_journal_of_another_log_fills_no_hole(server, log, scribe, repairing, keys):
    other = scribe.entries[1]._replace(event=scribe.entries[1].event.replace(b"v1", b"vX"))
    repairing.copy = Copied([scribe.entries[0], other])
    server.call("XDEL", keys.log, "2-0")
    with pytest.raises(Invalid, match="broken_chain"):
        await repairing.run()
    assert [each.position for each in await log.read(0)] == [1, 3, 4]


async def test_a_log_that_takes_no_entry_behind_ids_that_were_deleted_takes_them_again(
    server, log, scribe, repairing, keys
):
    strange = server.call("XADD", keys.log, "*", "what", "ever")
    server.call("XDEL", keys.log, strange)
    await repairing.run()
    await healed(log, scribe, after=4, cause="stray")
    server.call("XADD", keys.log, "6-0", "the next", "one")


async def test_a_long_log_is_written_in_few_steps(server, log, scribe, closing, rebuilding, keys):
    """Each of them waits for the server's disk, and nobody appends meanwhile."""
    for version in range(4, 600):
        scribe.saved(f"v{version}", version)
    server.call("DEL", keys.log)
    await log.put_back(scribe.entries, GENESIS, "somebody", last=True)
    server.call("XDEL", keys.log, "300-0")
    repairing = Repairing(log, rebuilding, closing, Copied(scribe.entries))
    before = scripts_run(server)
    done = await repairing.run()
    assert (done.position, repairing.filled) == (601, [300])
    assert scripts_run(server) - before < 40


def scripts_run(server) -> int:
    """How often the server was sent a script."""
    with server.client() as client:
        told = client.info("commandstats")
    return sum(told.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("eval", "evalsha"))
