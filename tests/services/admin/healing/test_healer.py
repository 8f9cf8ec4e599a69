"""The healer: what it must not take for granted while it looks, and who is asked for what they hold."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from events.chain import Chain, Head
from events.errors import Conflict, Fenced, LogUnavailable
from events.lines import to_line
from events.model import LogHealed
from events.streams.link import ReplyLost
from events.streams.server_id import ServerId
from projections.healing import Side
from projections.reports import AdminReport, Report
from projections.witnesses import Word
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
    """Puts back as ``put`` does; what happens while it says something is ``meanwhile``."""

    def __init__(self) -> None:
        self.said: list[LogHealed] = []
        self.meanwhile = lambda: None
        self.put: Any = nothing

    async def run(self, *args: Any) -> None:
        await self.put(*args)

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
        self.metrics = AdminMetrics(CollectorRegistry())
        loud = Loud(self.gate, self.metrics, lambda: 0)
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


async def test_who_speaks_while_the_facts_are_gathered_is_waited_for_until_they_hold_its_word(
    monkeypatch,
):
    """Else a log would be opened, or healed in part, against a word that was heard in time."""
    desk = Desk()
    one_more = Report("chat-1", "i", 2, HEAD.position + 1, "ab" * 32, "diverged", log_id="log-1")
    desk.roll.hear(replace(one_more, sequence=1, position=HEAD.position, hash=HEAD.digest))
    desk.gate.open()
    desk.gate.doubt("the server is another one than before", anew=True)
    desk.roll.hear(AdminReport("me", "run-1", desk.roll.sequence + 1))
    speaks = [one_more]

    async def facts(_self: Gathering) -> Facts:
        words = desk.roll.of["log"].words("log-1")
        await asyncio.sleep(0)  # the log is asked meanwhile
        while speaks:
            desk.roll.hear(speaks.pop())
        return FACTS._replace(words=words)

    monkeypatch.setattr(Gathering, "facts", facts)
    await desk.look()
    assert (desk.gate.state, "chat-1 to report again" in desk.gate.reason) == ("waiting", True)
    await desk.look()
    assert (desk.gate.state, "behind position" in desk.gate.reason) == ("waiting", True)


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


@pytest.fixture
def log(monkeypatch):
    """A log that has kept only its first two events; a journal holds them all. It may be lengthened."""
    kept = SimpleNamespace(last=2)

    async def facts(_self: Gathering) -> Facts:
        entries = ENTRIES[: kept.last]
        side = Side("log", 1, kept.last, {e.position: e.hash for e in entries})
        journal = Side(JOURNAL, 1, LAST.position, {e.position: e.hash for e in ENTRIES})
        head = Head(kept.last, entries[-1].hash, entries[-1].hash)
        return Facts(head, True, side, [journal], [("chat-1", Word(LAST.position, LAST.hash))], {})

    monkeypatch.setattr(Gathering, "facts", facts)
    return kept


def healed(desk: Desk) -> float:
    """How often the metric says that the log was healed."""
    return desk.metrics.log_healed.labels("log")._value.get()


async def test_what_is_put_back_is_said(log):
    desk = Desk()

    async def lands(*_: Any) -> None:
        log.last = LAST.position

    desk.mouth.put = lands
    await desk.look()
    await desk.look()
    assert desk.gate.is_open
    assert desk.mouth.said == [LogHealed(after=2, through=LAST.position, cause="went_back")]
    assert healed(desk) == 1


@pytest.mark.parametrize("landed", [3, LAST.position])
async def test_what_was_put_back_is_said_as_a_whole_though_the_servers_answer_was_lost(log, landed):
    desk = Desk()

    async def lands_unheard(*_: Any) -> None:
        log.last, desk.mouth.put = landed, lands
        raise ReplyLost("no answer")

    async def lands(*_: Any) -> None:
        log.last = LAST.position

    desk.mouth.put = lands_unheard
    for _ in range(3):
        await desk.look()
    assert desk.gate.is_open
    assert desk.mouth.said == [LogHealed(after=2, through=LAST.position, cause="went_back")]
    assert healed(desk) == 1


@pytest.mark.parametrize("error", [Conflict(LAST.position, LAST.hash), Fenced("by another")])
async def test_what_somebody_else_has_put_back_meanwhile_is_theirs_to_say(log, error):
    desk = Desk()

    async def is_late(*_: Any) -> None:
        log.last = LAST.position
        raise error

    desk.mouth.put = is_late
    await desk.look()
    await desk.look()
    assert desk.gate.is_open
    assert (desk.mouth.said, healed(desk)) == ([], 0)


async def test_a_log_that_another_server_turns_out_to_hold_was_not_healed(log):
    desk = Desk()

    async def unheard(*_: Any) -> None:
        raise ReplyLost("no answer")

    desk.mouth.put = unheard
    desk.gate.noted(ServerId("run-1", "master"))
    await desk.look()
    log.last = LAST.position
    desk.gate.noted(ServerId("run-2", "master"))
    desk.roll.hear(AdminReport("me", "run-1", 2))
    await desk.look()
    assert desk.gate.is_open
    assert (desk.mouth.said, healed(desk)) == ([], 0)


async def test_that_a_log_went_back_is_told_once_however_often_it_is_tried(log):
    desk = Desk()

    async def is_fenced(*_: Any) -> None:
        raise LogUnavailable("another one puts it back")

    desk.mouth.put = is_fenced
    with capture_logs() as lines:
        for _ in range(3):
            await desk.look()
    assert [line["event"] for line in lines].count("log_went_back") == 1
