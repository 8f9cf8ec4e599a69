"""Trimming a log on a server: what may not go stays, whoever asks; and what was begun is gone on with."""

import pytest

from events.chain import GENESIS, Entry, Head, head_of
from events.envelope import digest
from events.errors import Conflict, Fenced, LogUnavailable
from events.log import Draft
from events.streams import trimming
from tests.scribe import Scribe

EVENTS = 20
NEXT = Draft("id-n", b'{"n":1}', digest(b'{"n":1}'))


@pytest.fixture
def scribe():
    scribe = Scribe()
    scribe.opened()
    for version in range(1, EVENTS):
        scribe.saved(f"v{version}", version)
    return scribe


@pytest.fixture
async def log(server, log_at, scribe):
    """Of twenty events, the last of which says that the others may go."""
    made = log_at(server.url)
    await made.put_back(scribe.entries, GENESIS, "somebody", last=True)
    return made


@pytest.fixture
def said(scribe):
    return head_of(scribe.entries[-1])


def here(server, keys) -> list[int]:
    """The positions that the server has."""
    return [int(id.partition(b"-")[0]) for id, _ in server.call("XRANGE", keys.log, "-", "+")]


async def all_is_there(server, keys):
    assert here(server, keys) == list(range(1, EVENTS + 1))


async def test_what_may_go_goes_and_nothing_else(server, log, said, keys, scribe):
    assert await log.trim(7, said) == 7
    assert here(server, keys) == list(range(8, EVENTS + 1))
    assert list(await log.read(7)) == scribe.entries[7:]
    assert (await log.pulse()).head_stored == scribe.head.stored
    await log.append(NEXT, said, 5.0)
    assert not server.call("EXISTS", keys.fence)


async def test_once_it_has_gone_nothing_is_left_to_do(server, log, said, keys):
    await log.trim(7, said)
    assert await log.trim(7, said) == 0
    assert await log.trim(3, said) == 0
    assert await log.trim(9, said) == 2
    assert here(server, keys) == list(range(10, EVENTS + 1))


async def test_the_last_event_before_the_one_that_says_so_may_go(server, log, said, keys):
    assert await log.trim(EVENTS - 1, said) == EVENTS - 1
    assert here(server, keys) == [EVENTS]


@pytest.mark.parametrize("through", [EVENTS, EVENTS + 1, 10**6])
async def test_the_event_that_says_so_stays(server, log, said, keys, through):
    with pytest.raises(Conflict):
        await log.trim(through, said)
    await all_is_there(server, keys)


@pytest.mark.parametrize("through", [5, 6, 12])
async def test_the_event_that_says_so_stays_though_others_follow_it(
    server, log, scribe, keys, through
):
    with pytest.raises(Conflict):
        await log.trim(through, head_of(scribe.entries[4]))
    await all_is_there(server, keys)
    assert await log.trim(4, head_of(scribe.entries[4])) == 4


@pytest.mark.parametrize(
    "wrong",
    [Head(EVENTS, "0" * 64, ""), Head(EVENTS + 1, "", ""), Head(EVENTS, "", "")],
    ids=["another-hash", "not-there", "no-hash"],
)
async def test_unless_the_log_says_so_itself_nothing_goes(server, log, keys, wrong):
    """The server may be another one by now, which has lost what was said, or holds other events."""
    with pytest.raises(Conflict) as conflict:
        await log.trim(7, wrong)
    assert conflict.value.position == wrong.position
    await all_is_there(server, keys)


async def test_of_a_log_that_is_gone_nothing_goes(server, log, said, keys):
    server.call("DEL", keys.log)
    with pytest.raises(Conflict):
        await log.trim(7, said)
    assert not server.call("EXISTS", keys.log)


async def test_a_log_does_not_begin_with_a_hole(server, log, said, keys):
    """What follows upon the last event to go must be there: else nobody could tell where it begins."""
    server.call("XDEL", keys.log, "8-0")
    with pytest.raises(Conflict):
        await log.trim(7, said)
    assert len(here(server, keys)) == EVENTS - 1


async def test_while_a_log_is_put_back_nothing_goes(server, log, said, keys):
    await log.put_back([], said, "somebody", last=False)
    with pytest.raises(Fenced):
        await log.trim(7, said)
    await all_is_there(server, keys)
    await log.unfence("somebody")
    assert await log.trim(7, said) == 7


# --- groups ---------------------------------------------------------------------------------------


async def test_what_a_replica_was_not_given_yet_stays(server, log, said, keys):
    for group, position in (("chat-1", 20), ("chat-2", 6), ("chat-3", 12)):
        server.call("XGROUP", "CREATE", keys.log, group, f"{position}-0")
    with pytest.raises(LogUnavailable, match="chat-2 has not been given position 7"):
        await log.trim(7, said)
    await all_is_there(server, keys)
    server.call("XREADGROUP", "GROUP", "chat-2", "one", "COUNT", 1, "STREAMS", keys.log, ">")
    assert await log.trim(7, said) == 7
    assert here(server, keys)[0] == 8
    with pytest.raises(LogUnavailable, match="chat-2"):
        await log.trim(8, said)


async def test_a_group_that_was_given_all_is_given_what_comes(server, log, said, keys):
    server.call("XGROUP", "CREATE", keys.log, "chat-1", "7-0")
    await log.trim(7, said)
    given = server.call("XREADGROUP", "GROUP", "chat-1", "one", "STREAMS", keys.log, ">")
    ids = [id for id, _ in dict(given)[keys.log.encode()][0]] if isinstance(given, dict) else None
    ids = ids or [id for id, _ in given[0][1]]
    assert ids[0] == b"8-0"
    assert len(ids) == EVENTS - 7


# --- many -----------------------------------------------------------------------------------------


@pytest.fixture
def in_steps(monkeypatch):
    monkeypatch.setattr(trimming, "TRIM_COUNT", 3)


@pytest.mark.parametrize("through", [1, 2, 3, 4, 8, 9])
async def test_it_goes_in_steps_and_stops_exactly_there(
    server, log, said, keys, through, in_steps, monkeypatch
):
    steps = []
    run = type(log.writer).run

    async def counted(link, *args, **how):
        answer = await run(link, *args, **how)
        steps.append(answer[1])
        return answer

    monkeypatch.setattr(type(log.writer), "run", counted)
    assert await log.trim(through, said) == through
    assert steps == [3] * (through // 3) + [through % 3] * bool(through % 3)
    assert here(server, keys) == list(range(through + 1, EVENTS + 1))


async def test_what_was_cut_short_is_gone_on_with(server, log, said, keys, in_steps, monkeypatch):
    run, left = type(log.writer).run, [2]

    async def breaks(link, *args, **how):
        if not left[0]:
            raise LogUnavailable("gone")
        left[0] -= 1
        return await run(link, *args, **how)

    with monkeypatch.context() as broken:
        broken.setattr(type(log.writer), "run", breaks)
        with pytest.raises(LogUnavailable):
            await log.trim(10, said)
    assert here(server, keys)[0] == 7
    assert await log.trim(10, said) == 4
    assert here(server, keys) == list(range(11, EVENTS + 1))


async def test_what_changes_between_two_steps_ends_it(
    server, log, said, keys, in_steps, monkeypatch
):
    run, steps = type(log.writer).run, []

    async def counted(link, *args, **how):
        answer = await run(link, *args, **how)
        steps.append(answer)
        if len(steps) == 2:
            server.call("SET", keys.fence, "somebody", "PX", 10_000)
        return answer

    monkeypatch.setattr(type(log.writer), "run", counted)
    with pytest.raises(Fenced):
        await log.trim(10, said)
    assert here(server, keys)[0] == 7


async def test_thousands_go_and_no_call_takes_more_than_a_thousand(server, log, said, keys):
    many = [Entry(n, b"{}", "h", n) for n in range(EVENTS + 1, 3_501)]
    head = said
    for start in range(0, len(many), 200):
        await log.put_back(many[start : start + 200], head, "me", last=True)
        head = head_of(many[start : start + 200][-1])
    server.call("CONFIG", "RESETSTAT")
    assert await log.trim(3_000, head) == 3_000
    with server.client() as client:
        stats = client.info("commandstats")
    assert stats["cmdstat_xtrim"]["calls"] == 3
    assert here(server, keys) == list(range(3_001, 3_501))


async def test_a_server_that_is_being_replaced_is_not_trimmed(server, log, said, keys):
    async def not_sure() -> None:
        raise LogUnavailable("a failover is under way; nothing was written")

    log.sure = not_sure
    with pytest.raises(LogUnavailable, match="failover"):
        await log.trim(7, said)
    await all_is_there(server, keys)
