"""The gate: who may append, who waits, and who is told what."""

import asyncio

import pytest

from events.errors import LogDiverged, LogUnavailable, ServerChanged
from events.streams.server_id import ServerId
from services.admin.healing.gate import Gate, Shut, opened

ONE, OTHER = ServerId("run-1", "master"), ServerId("run-2", "master")


@pytest.fixture
def gate():
    made = Gate("log")
    made.noted(ONE)
    made.open()
    return made


def test_it_is_shut_until_somebody_opens_it():
    gate = Gate("log")
    with pytest.raises(Shut, match="just started"):
        gate.check()
    with pytest.raises(ServerChanged):
        gate.met(ONE)
    gate.open()
    gate.check()
    gate.met(ONE)


def test_another_server_shuts_it_before_anything_is_written_there(gate):
    doubts = []
    gate.on_doubt.append(lambda: doubts.append(gate.reason))
    with pytest.raises(ServerChanged, match="another one"):
        gate.met(OTHER)
    assert not gate.is_open
    assert doubts == ["the server is another one than before"]


def test_the_same_server_in_another_role_is_another_one(gate):
    gate.noted(ServerId("run-1", "slave"))
    assert not gate.is_open


def test_who_only_reads_is_not_kept_from_another_server(gate):
    gate.noted(OTHER)
    assert gate.in_doubt.is_set()


def test_another_server_while_it_is_shut_makes_everybody_speak_again(gate):
    doubts = []
    gate.on_doubt.append(lambda: doubts.append(gate.server))
    gate.doubt("the log is shorter")
    gate.doubt("and still is")
    gate.noted(OTHER)
    assert doubts == [ONE, OTHER]


async def test_whoever_waits_passes_when_it_opens(gate):
    gate.doubt("the log is shorter")
    waiting = [asyncio.create_task(gate.passed(5.0)) for _ in range(3)]
    await asyncio.sleep(0)
    gate.wait("saving waits for chat-1 to report again")
    gate.heal("events are being put back")
    await asyncio.sleep(0)
    assert not any(each.done() for each in waiting)
    gate.open()
    await asyncio.gather(*waiting)


async def test_whoever_waited_in_vain_is_told_for_whom(gate):
    gate.doubt("the log is shorter")
    gate.wait("saving waits for chat-1 to report again")
    with pytest.raises(LogUnavailable, match="chat-1 to report again; nothing was written"):
        await gate.passed(0.01)


async def test_where_a_person_must_decide_nobody_waits(gate):
    gate.doubt("the log is shorter")
    waiting = asyncio.create_task(gate.passed(None))
    await asyncio.sleep(0)
    gate.diverge("chat-1 has seen another event at position 3")
    with pytest.raises(LogDiverged, match="promptcast fork show"):
        await waiting


def test_a_change_is_told_once(gate):
    told = []
    gate.on_change.append(lambda: told.append((gate.state, gate.reason)))
    gate.doubt("a")
    gate.wait("b")
    gate.wait("b")
    gate.open()
    assert told == [("waiting", "a"), ("waiting", "b"), ("open", "")]


def test_one_that_nobody_keeps_stays_open():
    gate = opened()
    gate.doubt("the log is shorter")
    gate.noted(ONE)
    gate.noted(OTHER)
    assert gate.is_open


async def test_what_stopped_saving_may_be_over_at_a_fresh_look(gate):
    gate.doubt("somebody has seen more")
    gate.diverge("nobody has it")
    save = asyncio.create_task(gate.passed(5.0))
    await asyncio.sleep(0)
    gate.open()
    await save
