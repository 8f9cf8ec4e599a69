"""The healer: what it must not take for granted while it looks, and who is asked for what they hold."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from events.chain import Chain, Head
from events.lines import to_line
from events.model import LogHealed
from events.streams.server_id import ServerId
from projections.healing import Side
from projections.reports import AdminReport, Report
from services.admin.healing import gathering as module
from services.admin.healing.gate import Gate
from services.admin.healing.gathering import JOURNAL, Facts, Gathering
from services.admin.healing.healer import Healer
from services.admin.healing.loud import Loud
from services.admin.healing.roll import Roll
from services.metrics import AdminMetrics
from tests.projections.rig import other_log

ENTRIES = other_log("one", "two", "three").entries
LAST = ENTRIES[-1]
HEAD = Head(LAST.position, LAST.hash, LAST.hash)
FACTS = Facts(HEAD, True, Side("log", 1, HEAD.position, {HEAD.position: HEAD.digest}), [], [], {})


async def nothing(*_: Any) -> Any:
    return []


class Mouth:
    """Puts nothing back; what happens while it says something is ``meanwhile``."""

    def __init__(self) -> None:
        self.said: list[LogHealed] = []
        self.meanwhile = lambda: None

    async def say(self, event: LogHealed) -> None:
        await asyncio.sleep(0)
        self.said.append(event)
        self.meanwhile()


class Desk:
    """A healer over a log that is whole, and nobody else there; it has heard itself."""

    def __init__(self, journal: Any = None, rejoin_after: float = 60.0) -> None:
        self.gate, self.roll, self.mouth = Gate("log"), Roll("me", "run-1"), Mouth()
        chain = Chain(HEAD, "log-1")
        follower = SimpleNamespace(
            applied=SimpleNamespace(chain=chain, keys=None), state="current", remembered=None
        )
        log = SimpleNamespace(writer=SimpleNamespace(close=nothing))
        tracked: Any = SimpleNamespace(log=log, journal=journal, follower=follower)
        reports: Any = SimpleNamespace(groups=nothing)
        gathering = Gathering("log", SimpleNamespace(), tracked, self.roll, reports)  # type: ignore[arg-type]
        loud = Loud(self.gate, AdminMetrics(CollectorRegistry()), lambda: 0)
        mouth: Any = self.mouth
        self.healer = Healer(self.gate, gathering, mouth, loud, rejoin_after, 0.0)
        self.roll.hear(AdminReport("me", "run-1", 1))

    async def look(self) -> None:
        await self.healer.look()


@pytest.fixture(autouse=True)
def whole(monkeypatch):
    async def facts(_self: Gathering) -> Facts:
        return FACTS

    monkeypatch.setattr(Gathering, "facts", facts)


async def test_a_log_that_is_whole_opens_the_gate():
    desk = Desk()
    await desk.look()
    assert desk.gate.is_open


async def test_a_server_that_changes_while_it_is_said_what_was_healed_keeps_the_gate_shut():
    desk = Desk()
    desk.gate.noted(ServerId("run-1", "master"))
    desk.healer._to_say = LogHealed(after=1, through=4, cause="went_back")
    desk.mouth.meanwhile = lambda: desk.gate.noted(ServerId("run-2", "master"))
    await desk.look()
    assert len(desk.mouth.said) == 1
    assert not desk.gate.is_open
    desk.roll.hear(AdminReport("me", "run-1", 2))
    await desk.look()
    assert desk.gate.is_open


async def test_a_server_that_changes_while_the_writers_connection_is_cut_is_looked_at_anew():
    desk = Desk()
    desk.gate.noted(ServerId("run-1", "master"))

    async def close() -> None:
        desk.gate.noted(ServerId("run-2", "master"))
        desk.roll.hear(AdminReport("me", "run-1", desk.roll.sequence + 1))

    desk.healer.gathering.tracked.log.writer.close = close  # type: ignore[attr-defined]
    await desk.look()
    assert not desk.gate.is_open


async def test_a_journal_that_cannot_be_read_yet_is_waited_for_but_not_for_ever():
    journal = SimpleNamespace(chain=Chain(), store=SimpleNamespace(is_open=False))
    desk = Desk(journal)
    await desk.look()
    assert (desk.gate.is_open, JOURNAL in desk.gate.reason) == (False, True)
    journal.store.is_open = True
    await desk.look()
    assert desk.gate.is_open
    journal.store.is_open = False
    patient = Desk(journal, rejoin_after=0.0)
    await patient.look()
    assert patient.gate.is_open


async def test_of_many_who_have_seen_as_much_those_who_are_still_there_are_asked(monkeypatch):
    monkeypatch.setattr(module, "OFFERS_ASKED", 3)
    desk, asked = Desk(), []

    async def tail(name: str) -> bytes | None:
        asked.append(name)
        return b"\n".join(map(to_line, ENTRIES)) if name == "alive" else None

    gathering = desk.healer.gathering
    gathering.reports.tail = tail  # type: ignore[method-assign]
    names = [f"dead-{number}" for number in range(20)]
    for name in (*names, "alive"):
        desk.roll.hear(Report(name, "i", 1, HEAD.position, HEAD.digest, "current", log_id="log-1"))
    found = await gathering.offers({"alive", *names})
    assert (list(found), asked[0], len(asked)) == (["alive"], "alive", 3)
