"""Tampering: by somebody who may write to the server, and knows nothing of us, or too much."""

import asyncio

from events.chain import Entry
from events.envelope import digest
from tests.faults.aftermath import becomes_so, head_now, promised, verified
from tests.faults.scenario import Fault, Scenario, Stage
from tests.system.hand import Hand

TRIES = 20
_REPLACE = """
local log, aside, id = KEYS[1], KEYS[1] .. ':aside', ARGV[1]
local head = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
if ARGV[4] == 'head' and head[1] ~= id then return 0 end
for _, entry in ipairs(redis.call('XRANGE', log, '-', '+')) do
    local fields = entry[2]
    for n = 1, #fields, 2 do
        if entry[1] == id and fields[n] == 'event' then fields[n + 1] = ARGV[2] end
        if entry[1] == id and fields[n] == 'hash' then fields[n + 1] = ARGV[3] end
    end
    redis.call('XADD', aside, entry[1], unpack(fields))
end
for _, group in ipairs(redis.call('XINFO', 'GROUPS', log)) do
    redis.call('XGROUP', 'CREATE', aside, group[2], group[8])
end
redis.call('RENAME', aside, log)
return 1
"""
"""An entry's event and hash are others from then on; if it has to be the head, only as long as it is."""


async def stray(stage: Stage) -> None:
    """``XADD *``: no position fits behind it. Saving is refused until it is repaired; chat goes on."""
    before = _refused(stage, "log-diverged")
    with stage.rig.services.hand() as hand:
        id = await asyncio.to_thread(hand.stray)
        await stage.until(lambda: _refused(stage, "log-diverged") >= before + 3)
        answers = len(stage.chats())
        await stage.until(lambda: len(stage.chats()) >= answers + 10)
    await stage.lasts(stage.some(0.0, 2.0))
    await _repaired(stage)
    await stage.saves(3)
    with stage.rig.services.hand() as hand:
        promised(stage, id not in _ids(hand), f"{id} is in the log no more")


async def deleted(stage: Stage) -> None:
    """XDEL of some events: nobody reads them again; verify names the hole, and repair fills it."""
    with stage.rig.services.hand() as hand:
        head = await asyncio.to_thread(head_now, stage)
        first = stage.chance.randint(max(2, head - 10), head - 2)
        ids = [f"{first + n}-0" for n in range(stage.chance.randint(1, 2))]
        gone = await asyncio.to_thread(hand.client.xdel, hand.keys.log, *ids)
    stage.bites(gone == len(ids), f"only {gone} of {ids} were there")
    await stage.saves(3)
    await _is_told(stage, "gap")
    await _repaired(stage)
    await _is_well(stage)


def _trimmed(seconds: float) -> Fault:
    async def trimmed(stage: Stage) -> None:
        """The log is trimmed while a replica is stopped: what it has not read is gone. It says so, and
        goes on with its last good prompt; a repair fills the log again."""
        name = stage.replica()
        stage.rig.stop(name)
        await stage.saves(6)
        with stage.rig.services.hand() as hand:
            least = f"{await asyncio.to_thread(head_now, stage) - 1}-0"
            gone = await asyncio.to_thread(
                hand.client.execute_command, "XTRIM", hand.keys.log, "MINID", least
            )
        stage.bites(gone, "nothing was trimmed")
        stage.rig.go_on(name)
        stage.rig.fails(name, "what it has to read is gone")
        await _until_state(stage, name, "diverged")
        await stage.saves(3)
        answers = _answers(stage, name)
        await stage.until(lambda: _answers(stage, name) >= answers + 5)
        await stage.lasts(seconds)
        await _is_told(stage, "gap", "not_opened")
        await _repaired(stage)
        await _until_state(stage, name, "current")
        stage.rig.well(name)
        await _is_well(stage)

    return trimmed


async def tampered(stage: Stage) -> None:
    """One bit of an event is changed in place: verify names it until it is as it was."""
    await stage.saves(5)
    with stage.rig.services.hand() as hand:
        entries = await asyncio.to_thread(hand.entries)
        entry = stage.chance.choice(entries[-10:-1])
        place = stage.chance.randrange(len(entry.event))
        changed = bytes(b ^ (n == place) for n, b in enumerate(entry.event))
        await _put(hand, entry._replace(event=changed))
        await stage.saves(3)
        await _is_told(stage, f"position {entry.position}", str(entry.position))
        await _put(hand, entry)
    await stage.saves(3)
    await _is_well(stage)


async def head_tampered(stage: Stage) -> None:
    """The last event is rewritten, hash and all: nobody saves upon it until it is as it was."""
    before = _refused(stage, "log-diverged")
    with stage.rig.services.hand() as hand:
        for _ in range(TRIES):
            entry = (await asyncio.to_thread(hand.entries, 1))[0]
            forged = entry.event.replace(b"You are ", b"You were ")
            forgery = entry._replace(event=forged, hash=digest(forged))
            if await _put(hand, forgery, "head"):
                break
        else:
            stage.bites(False, "others have always saved upon it before it was rewritten")
        await stage.until(lambda: _refused(stage, "log-diverged") >= before + 3)
        answers = len(stage.chats())
        await stage.until(lambda: len(stage.chats()) >= answers + 10)
        await _put(hand, entry)


async def memory_full(stage: Stage) -> None:
    """``maxmemory`` is reached: the server refuses what would make it grow; then there is room again."""
    before = _refused(stage, "log-unavailable")
    with stage.rig.services.hand() as hand:
        hand.client.config_set("maxmemory", "1mb")
        try:
            await stage.until(lambda: _refused(stage, "log-unavailable") >= before + 3)
            await stage.lasts(stage.some(0.5, 4.0))
        finally:
            hand.client.config_set("maxmemory", "0")


# --- what an operator sees and does -----------------------------------------------------------------


async def _repaired(stage: Stage) -> None:
    """``promptcast repair``; others may be writing, so that it has to be asked for again."""
    for _ in range(TRIES):
        answer = await stage.rig.api().call("POST", "/logs/repair", body={"log": "log"})
        if answer.status == 200:
            promised(stage, answer.json["changed"], f"the repair changed something: {answer.json}")
            return
        await asyncio.sleep(0.1)
    promised(stage, False, f"the log is repaired: {answer.status} {answer.body[:300]!r}")


async def _is_told(stage: Stage, *words: str) -> None:
    status, said = await verified(stage.rig)
    named = status == 1 and any(word in said for word in words)
    promised(stage, named, f"verify says {' or '.join(words)}: {status} {said[-300:]}")


async def _is_well(stage: Stage) -> None:
    status, said = await verified(stage.rig)
    promised(stage, status == 0, f"verify is content: {status} {said[-300:]}")


async def _until_state(stage: Stage, name: str, state: str) -> None:
    def so() -> bool:
        seen = [
            each
            for each in stage.rig.history.sightings
            if each.replica == name and not each.sequence
        ]
        return bool(seen) and seen[-1].state == state

    await becomes_so(stage, f"{name} is {state}", so)


def _answers(stage: Stage, name: str) -> int:
    return sum(1 for each in stage.chats() if each.replica == name and each.ok)


def _refused(stage: Stage, why: str) -> int:
    return sum(1 for each in stage.hurt() if each.why == why)


def _ids(hand: Hand) -> list[str]:
    return [id.decode() for id, _ in hand.client.execute_command("XRANGE", hand.keys.log, "-", "+")]


async def _put(hand: Hand, entry: Entry, must_be: str = "") -> bool:
    """Put ``entry`` in the place of what stands at its position; whether it is there now."""
    script = hand.client.register_script(_REPLACE)
    args: list[str | bytes] = [f"{entry.position}-0", entry.event, entry.hash, must_be]
    return bool(await asyncio.to_thread(script, keys=[hand.keys.log], args=args))


SCENARIOS = (
    Scenario("stray-id", "XADD *: an id that is a clock time, until it is repaired", stray, quick=True),
    Scenario("events-deleted", "XDEL of events; a repair puts them back", deleted),
    Scenario("log-trimmed", "the log is trimmed past a stopped replica", _trimmed(0.0)),
    Scenario(
        "log-trimmed-10s", "the same, and repaired only after ten seconds: old answers say so",
        _trimmed(10.0),
    ),
    Scenario("event-tampered", "one bit of an event is changed in place", tampered),
    Scenario("head-tampered", "the last event is rewritten, hash and all", head_tampered),
    Scenario("maxmemory", "maxmemory is reached, for seconds", memory_full, quick=True),
)  # fmt: skip
