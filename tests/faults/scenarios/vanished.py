"""Vanished logs: FLUSHALL, DEL, RENAME, and something else in the log's place."""

import asyncio
from collections.abc import Callable

from tests.faults.aftermath import furthest, heals
from tests.faults.scenario import Fault, Scenario, Stage
from tests.system.hand import Hand


def _gone(how: Callable[[Hand], object]) -> Fault:
    async def gone(stage: Stage) -> None:
        """It is gone from one moment to the next; all of it comes back, hash for hash."""
        said = await _taken_away(stage, how)
        await heals(stage, 0, said)

    return gone


async def _taken_away(stage: Stage, how: Callable[[Hand], object]) -> int:
    """The last position that was acknowledged before."""
    await stage.lasts(stage.some(0.0, 0.5))
    with stage.rig.services.hand() as hand:
        said = furthest(stage)
        await asyncio.to_thread(how, hand)
    return said


async def replaced(stage: Stage) -> None:
    """A string stands where the log was: saving is refused until somebody takes it away."""
    said = await _taken_away(stage, lambda hand: hand.client.set(hand.keys.log, "a value"))
    await stage.until(lambda: len([e for e in stage.hurt() if e.outcome == "refused"]) >= 3)
    await stage.lasts(stage.some(0.0, 2.0))
    with stage.rig.services.hand() as hand:
        hand.client.delete(hand.keys.log)
    await heals(stage, 0, said)


def _flushed(hand: Hand) -> None:
    hand.client.flushall()


def _both_deleted(hand: Hand) -> None:
    hand.client.delete(hand.keys.log, hand.keys.access.log)


def _renamed(hand: Hand) -> None:
    hand.client.rename(hand.keys.log, f"{hand.keys.log}:elsewhere")


SCENARIOS = (
    Scenario("flushall", "FLUSHALL under load", _gone(_flushed), quick=True),
    Scenario("logs-deleted", "DEL of both logs under load", _gone(_both_deleted), quick=True),
    Scenario("log-renamed", "RENAME of the log under load", _gone(_renamed)),
    Scenario("log-replaced", "SET over the log; somebody takes it away later", replaced),
)  # fmt: skip
