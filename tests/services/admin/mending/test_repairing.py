"""Putting a log together again that has strange ids, or holes, on a real server."""

import pytest

from events.chain import GENESIS, Recorded, head_of
from events.envelope import TYPES
from events.model import LogHealed
from projections.refusals import Invalid
from services.admin.mending.repairing import Repairing
from tests.scribe import Scribe, outcomes
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


# --- a log that was trimmed -----------------------------------------------------------------------


@pytest.fixture
async def trimmed(server, log, repairing, scribe, keys):
    """The first two events may go, and are gone."""
    repairing.trimmed = head_of(scribe.entries[1])
    server.call("XTRIM", keys.log, "MINID", "3-0")
    return repairing


async def begins(log, position):
    assert (await log.begins()).position == position


async def test_a_trimmed_log_that_is_whole_is_left_alone(log, scribe, trimmed, server, keys):
    done = await trimmed.run()
    assert (done.changed, done.position) == (False, 4)
    assert await log.read(2) == scribe.entries[2:]
    await begins(log, 3)
    assert not server.call("EXISTS", keys.fence, keys.rebuilt)


@pytest.mark.parametrize("gone", [[3], [4], [3, 4]])
async def test_what_is_missing_behind_what_was_trimmed_comes_back_and_no_more(
    server, log, scribe, trimmed, keys, gone
):
    """As when somebody else has cut the log further."""
    for position in gone:
        server.call("XDEL", keys.log, f"{position}-0")
    await trimmed.run()
    assert trimmed.filled == gone
    found = await log.read(2)
    assert found[:2] == scribe.entries[2:]
    assert TYPES[LogHealed].encode() in found[2].event
    await begins(log, 3)


async def test_a_trimmed_log_that_is_gone_comes_back_from_where_it_began(
    server, log, scribe, trimmed, keys
):
    server.call("DEL", keys.log)
    done = await trimmed.run()
    assert (done.changed, done.position) == (True, 5)
    assert (await log.read(2))[:2] == scribe.entries[2:]
    await begins(log, 3)


async def test_strange_ids_in_a_trimmed_log_are_left_out(server, log, scribe, trimmed, keys):
    server.call("XADD", keys.log, "*", "what", "ever")
    await trimmed.run()
    assert (await log.read(2))[:2] == scribe.entries[2:]
    await begins(log, 3)
    assert len(trimmed.stray) == 1


async def test_a_strange_id_before_the_beginning_is_left_out_too(
    server, log, scribe, trimmed, keys
):
    server.call("DEL", keys.log)
    server.call("XADD", keys.log, "1-7", "what", "ever")
    for entry in scribe.entries[2:]:
        fields = ("event", entry.event, "hash", entry.hash, "at", str(entry.at))
        server.call("XADD", keys.log, f"{entry.position}-0", *fields)
    await trimmed.run()
    assert trimmed.stray == ["1-7"]
    assert (await log.read(2))[:2] == scribe.entries[2:]


async def test_what_is_there_still_of_what_may_go_stays(server, log, scribe, repairing, keys):
    """It was being trimmed, in steps; or an old copy has brought all of it back."""
    repairing.trimmed = head_of(scribe.entries[2])
    server.call("XTRIM", keys.log, "MINID", "2-0")
    server.call("XADD", keys.log, "*", "what", "ever")
    await repairing.run()
    assert (await log.read(1))[:3] == scribe.entries[1:]
    await begins(log, 2)


async def test_what_a_journal_lacks_of_a_trimmed_log_is_not_needed(
    server, log, scribe, trimmed, keys
):
    trimmed.copy = Copied(scribe.entries[2:])
    server.call("XDEL", keys.log, "3-0")
    await trimmed.run()
    assert (await log.read(2))[:2] == scribe.entries[2:]


async def test_what_is_missing_of_a_trimmed_log_everywhere_is_named(
    server, log, scribe, trimmed, keys
):
    trimmed.copy = Copied(scribe.entries[3:])
    server.call("XDEL", keys.log, "3-0")
    with pytest.raises(Invalid, match="positions 3 to 3"):
        await trimmed.run()
    await begins(log, 4)
    assert not server.call("EXISTS", keys.fence, keys.rebuilt)


@pytest.mark.parametrize("there", ["nothing", "the rest"])
async def test_a_past_that_is_not_what_was_trimmed_is_not_gone_on_from(
    server, log, scribe, trimmed, keys, there
):
    """The journal is of another history than this instance has followed: a fork, and no loss."""
    other = Scribe()
    other.opened()
    for version in range(1, 4):
        other.saved(f"other {version}", version)
    trimmed.copy = Copied(other.entries)
    server.call("DEL" if there == "nothing" else "XDEL", keys.log, *["3-0"] * (there != "nothing"))
    with pytest.raises(Invalid, match="position 3: broken_chain"):
        await trimmed.run()
    assert server.call("XLEN", keys.log) == (there != "nothing")
    assert not server.call("EXISTS", keys.fence, keys.rebuilt)


async def test_a_trimmed_log_that_begins_with_poison_is_repaired_like_any_other(
    server, log, scribe, repairing, keys
):
    """Poison does not say what it follows upon."""
    server.call("DEL", keys.log)
    for _ in range(2):
        scribe.poison(b"{}")
    scribe.saved("later", 4)
    repairing.copy, repairing.trimmed = Copied(scribe.entries), head_of(scribe.entries[3])
    await repairing.run()
    assert (await log.read(4))[:3] == scribe.entries[4:]
    await begins(log, 5)
