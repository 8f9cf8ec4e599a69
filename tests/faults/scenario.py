"""A scenario: a fault that is put in under load, and the proof that it bit."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.faults.facts import Limits
from tests.faults.history import Change, Chat
from tests.faults.load import Load
from tests.faults.plan import Crowd, Plan
from tests.faults.rig import Rig
from tests.system.patience import becomes

BITE_SECONDS = 30.0


class Void(Exception):
    """The fault did not bite: the run shows nothing."""


@dataclass(slots=True)
class Stage:
    """What a fault has in hand: the rig under load, seeded chance, and what happened since it began."""

    rig: Rig
    chance: random.Random
    load: Load
    began: float = field(default_factory=time.monotonic)

    def some(self, least: float, most: float) -> float:
        """A number between the two, by the seed."""
        return self.chance.uniform(least, most)

    def replica(self) -> str:
        """One of the replicas, by the seed."""
        return self.chance.choice(sorted(self.rig.replicas))

    def admin(self) -> str:
        """One of the admins, by the seed."""
        return self.chance.choice(sorted(self.rig.admins))

    def changes(self) -> list[Change]:
        """Changes that ended since the fault began."""
        return [each for each in self.rig.history.changes if each.ended >= self.began]

    def chats(self) -> list[Chat]:
        """Questions that ended since the fault began."""
        return [each for each in self.rig.history.chats if each.ended >= self.began]

    def acknowledged(self) -> int:
        """How many saves and restores were acknowledged on this rig."""
        return sum(1 for each in self.rig.history.changes if each.appended and each.kind != "key")

    def hurt(self) -> list[Change]:
        """Changes since the fault began that were not acknowledged."""
        return [each for each in self.changes() if each.outcome != "ok"]

    def partial(self) -> list[Change]:
        """Changes since the fault began whose barrier named somebody who had not reported."""
        told = (each for each in self.changes() if each.barrier)
        return [each for each in told if each.barrier and each.barrier.state == "partial"]

    async def lasts(self, seconds: float) -> None:
        """The fault lasts so long."""
        await asyncio.sleep(seconds)

    async def until(self, condition: Callable[[], object], seconds: float = BITE_SECONDS) -> None:
        """Wait until it is so; :class:`Void` when it never is."""

        async def holds() -> bool:
            return bool(condition())

        try:
            await becomes(holds, seconds=seconds)
        except TimeoutError:
            raise Void(f"not within {seconds:g} s: {condition.__qualname__}") from None

    async def saves(self, more: int = 5, seconds: float = BITE_SECONDS) -> None:
        """Wait until so many more changes were acknowledged."""
        due = self.acknowledged() + more
        await self.until(lambda: self.acknowledged() >= due, seconds)

    def demands(self, condition: object, what: str) -> None:
        """It is a violation unless ``condition``; ``what`` is what was seen instead."""
        if not condition:
            self.rig.history.wrong.append(what)

    def bites(self, proof: object, what: str) -> None:
        """The run is void unless ``proof``; ``what`` is what then did not happen."""
        if not proof:
            raise Void(what)


Fault = Callable[[Stage], Awaitable[None]]


async def _nothing_more(_stage: Stage) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Scenario:
    """One fault, and what it asks for. ``about`` is one line for the list."""

    name: str
    about: str
    fault: Fault
    """Runs under load; puts the fault in and leaves it, or takes it out: both is healed behind it."""
    proof: Fault = _nothing_more
    """Runs when all is quiet again; raises :class:`Void` unless the fault bit. The fault may, too."""
    plan: Plan = field(default_factory=Plan)
    crowd: Crowd = field(default_factory=Crowd)
    limits: Limits = field(default_factory=Limits)
    quick: bool = False
    """Whether it is one of those of ``make faults-quick``."""
    fresh: bool = False
    """Whether each seed needs a rig of its own."""
    seconds: float = 240.0
    """A run that takes longer hangs; scenarios that stop somebody for a minute are well below."""
