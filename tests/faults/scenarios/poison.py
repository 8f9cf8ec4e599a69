"""Poison: what somebody writes straight into the stream. Everybody passes over it, and says so."""

import asyncio
import contextlib
from collections.abc import Callable

from redis.exceptions import ResponseError

from tests.faults.facts import MB, Limits
from tests.faults.scenario import Scenario, Stage
from tests.system.hand import Hand
from tests.system.patience import becomes
from tests.system.poison import POISON


async def poisoned(stage: Stage) -> None:
    """Every kind, in an order by the seed, each between two saves; every replica reports each."""
    kinds = sorted(POISON, key=lambda kind: kind.__name__)
    stage.chance.shuffle(kinds)
    for kind in kinds:
        position = await asyncio.to_thread(_put, stage, kind)
        told = await becomes(_rejected, stage, position, seconds=10)
        wanted = dict.fromkeys(stage.rig.replicas, POISON[kind])
        stage.demands(told == wanted, f"{kind.__name__}: {told}")
        await stage.saves(1)


def _put(stage: Stage, kind: Callable[[Hand], int]) -> int:
    """Poison behind the head: others are writing too, so it may take some tries."""
    with stage.rig.services.hand() as hand:
        while True:
            with contextlib.suppress(ResponseError):  # somebody else has just taken the position
                return kind(hand)


async def _rejected(stage: Stage, position: int) -> dict[str, str] | None:
    fleet = await stage.rig.api().fleet()
    told = {
        name: next((r["reason"] for r in each["rejected"] if r["position"] == position), "")
        for name, each in fleet.items()
    }
    return told if all(told.values()) else None


FOUND = frozenset({*POISON.values(), "foreign_field", "clock_went_back"})
"""What ``verify`` says of these."""
SCENARIOS = (
    Scenario(
        "poison", "every kind of poison in the stream, between saves", poisoned, quick=True,
        limits=Limits(memory=256 * MB, rejected=FOUND),
    ),
)  # fmt: skip
