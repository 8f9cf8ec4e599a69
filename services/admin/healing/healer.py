"""The healer of a log: while it is in doubt, finds out whether it is whole, and makes it so if it can.

It looks when somebody has spoken, and a few times a second; it decides by `projections.healing`, and
it alone opens the gate.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Literal, NamedTuple

import structlog

from events.errors import Conflict, Fenced, LogError, LogUnavailable, StrayId
from events.model import LogHealed
from projections.healing import Decision, Forked, Heal, Open, Wait, decide
from projections.settlements import Search, Settlement
from projections.witnesses import awaited
from services.admin.healing.gate import Gate
from services.admin.healing.gathering import JOURNAL, ME, Facts, Gathering
from services.admin.healing.loud import Loud
from services.admin.healing.putting_back import PuttingBack

LOOK_SECONDS = 0.25
"""Between two looks at a log in doubt, when nobody speaks."""
LEAST_SECONDS = 0.02
"""Between two looks, however many speak."""
NAMED = 5
_REPAIR = "run 'promptcast repair'"


class Hearing(NamedTuple):
    """Who was heard when a look began. Facts that are gathered later have at least those words; who
    speaks only meanwhile may be missing in them, and so is waited for until the next look."""

    missing: set[str]
    """Who has still to speak."""
    waited_out: bool
    """They had time enough."""
    goes_on: bool
    """This instance has just started, and listens whether somebody knows more."""


@dataclass(slots=True)
class Healer:
    """Owns the gate of one log. ``listen_seconds``: how long an instance that has just started, and
    remembers nobody, listens whether somebody knows more than the log holds."""

    gate: Gate
    gathering: Gathering
    putting_back: PuttingBack
    loud: Loud
    rejoin_after: float
    listen_seconds: float
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while it looks; an operator who decides takes it, too."""
    _looked_at: float = 0.0
    _search: Search | None = None
    _begun: LogHealed | None = None
    """What was being put back when the server's answer was lost: it may all be there."""
    _to_say: LogHealed | None = None

    def __post_init__(self) -> None:
        roll, name = self.gathering.roll, self.gathering.name
        self.gate.on_doubt.append(lambda: roll.doubt(name))

    async def run(self) -> None:
        """Look whenever the log is in doubt, until cancelled."""
        journal = self.gathering.tracked.journal
        if journal:
            await journal.open()
        while True:
            await self.gate.in_doubt.wait()
            self.gathering.roll.news.clear()
            async with self.turn:
                await self.look()
            is_diverged = self.gate.state == "diverged"  # maybe for days, and a large fleet speaks
            await asyncio.sleep(LOOK_SECONDS if is_diverged else LEAST_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self.gathering.roll.news.wait()

    async def look(self) -> None:
        """Look once, and do what follows. Never raises because of the log."""
        doubted_at = self.gate.doubted_at
        if self._looked_at != doubted_at:  # whatever is under way must ask the gate again
            self._looked_at, self._search, self._begun = doubted_at, None, None
            await self.gathering.tracked.log.writer.close()  # type: ignore[attr-defined]  # a RedisLog
        try:
            hearing = await self._hearing()  # first: see there
            facts = await self.gathering.facts()
            decision = await self._decided(facts, hearing)
            if self._is_about(doubted_at):
                await self._carry_out(decision, facts)
        except StrayId as error:
            self.gate.diverge(f"{error}: {_REPAIR}")
        except Conflict:
            pass  # the log has moved while it was looked at: look again
        except LogError as error:
            if self.gate.state != "diverged":
                self.gate.wait(f"saving waits for the log: {error}")

    def _is_about(self, doubted_at: float) -> bool:
        """Whether the log is still in the doubt that began then, and in no newer one."""
        return self.gate.doubted_at == doubted_at and self.gate.in_doubt.is_set()

    # --- deciding ---------------------------------------------------------------------------------

    async def _hearing(self) -> Hearing:
        waited_out = monotonic() - self.gate.doubted_at >= self.rejoin_after
        return Hearing(await self._missing(), waited_out, self._is_listening())

    async def _decided(self, facts: Facts, hearing: Hearing) -> Decision:
        settlements = await self._settlements(facts)
        if settlements is None:
            return Wait("to read what was decided of this log", (ME,))
        args = facts.words, hearing.missing, hearing.waited_out, settlements
        decision = decide(facts.log, facts.tails, *args)
        if not isinstance(decision, Open):
            return decision
        return await self._kept_shut(facts, hearing) or decision

    async def _kept_shut(self, facts: Facts, hearing: Hearing) -> Decision | None:
        """What else speaks against opening a log that nobody contradicts; None when nothing does."""
        follower = self.gathering.tracked.follower
        mine = follower.applied.chain.head
        known = facts.log.at(mine.position)
        if mine.position and known not in (None, mine.digest):
            hindrance = f": {self.gathering.hindrance}" if self.gathering.hindrance else ""
            return Wait(f"to follow what was decided of this log{hindrance}", (ME,))
        if follower.state == "diverged" and (why := await self.gathering.misses(mine.position)):
            return Forked(f"{why}: {_REPAIR}")
        if hearing.goes_on:
            return Wait("to listen whether somebody knows more", (ME,))
        return None

    def _is_listening(self) -> bool:
        roll = self.gathering.roll
        heard_long_enough = monotonic() - roll.since >= self.listen_seconds
        return not (heard_long_enough or roll.recalled[self.gathering.name])

    async def _missing(self) -> set[str]:
        """Who has still to speak; nobody counts before this instance has heard itself."""
        name, roll = self.gathering.name, self.gathering.roll
        groups = await self.gathering.reports.groups() if name == "log" else []
        waited_for = awaited(
            roll.of[name],
            [group.replica for group in groups],
            await self.gathering.log_id(),
            self.gate.doubted_at,
            roll.since,
        )
        waited_for.discard(roll.former)
        if not roll.is_heard(name):
            return waited_for or {ME}
        journal = self.gathering.tracked.journal
        unread = {JOURNAL} if journal and not journal.store.is_open else set()
        return waited_for - roll.spoken[name] | unread

    async def _settlements(self, facts: Facts) -> list[Settlement] | None:
        """Decisions that stand behind what the log contradicts; None while they are still looked for."""
        said = [*facts.words, *((t.name, (t.last, t.at(t.last))) for t in facts.tails)]
        against = [p for _, (p, hash) in said if p <= facts.log.last and facts.log.at(p) != hash]
        if not against:
            return []
        behind = min(against) - 1
        if self._search is None or behind < self._search.start:
            self._search = Search(self.gathering.keys, behind)
        signed = self.gathering.tracked.follower.applied.chain.signed
        found = await self._search.go_on(self.gathering.log, signed)
        return self._search.found if found or self._search.found else None

    # --- doing ------------------------------------------------------------------------------------

    async def _carry_out(self, decision: Decision, facts: Facts) -> None:
        match decision:
            case Open(missed):
                if self._begun and facts.head.position >= self._begun.through:
                    self._healed(self._begun)
                if self._to_say:
                    await self.putting_back.say(self._to_say)
                    self._to_say = None
                    if not self._is_about(self._looked_at):  # it came into doubt anew meanwhile
                        return
                self.loud.missed(missed)
                self.gathering.roll.settle(self.gathering.name)
                self.gate.open()
            case Wait(what, names):
                self.gate.wait(f"saving waits for {_listed(names)} {what}")
            case Heal():
                await self._heal(decision, facts)
            case Forked(reason):
                self.gate.diverge(reason)

    async def _heal(self, heal: Heal, facts: Facts) -> None:
        self.gate.heal(f"events behind position {heal.after} are being put back")
        self.loud.went_back(heal, facts.head.position)
        cause: Literal["went_back", "missing"] = "went_back" if facts.exists else "missing"
        begun = LogHealed(after=heal.after, through=heal.through, cause=cause)
        if self._begun:  # some of it was put back before
            begun = self._begun.model_copy(update={"through": heal.through})
        self._begun = begun
        try:
            await self.putting_back.run(heal.parts, facts)
        except (Conflict, Fenced):  # somebody else does it, and says so
            self._begun = None
            raise
        self._healed(begun)
        try:
            await self.putting_back.say(begun)
        except LogUnavailable as error:  # it is healed; that is said before anybody else may append
            structlog.get_logger().warning("log_healed_unsaid", error=str(error))
            return
        self._to_say = None

    def _healed(self, event: LogHealed) -> None:
        self.loud.healed(event.after, event.through)
        self._begun, self._to_say = None, event


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:NAMED])
    more = len(names) - NAMED
    return f"{shown} and {more} more" if more > 0 else shown
