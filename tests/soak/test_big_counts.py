"""What ``tests/system`` shows with small counts, with the big ones."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from tests.soak.counts import share_of
from tests.system.chat_port import ChatPort
from tests.system.edit_api import EditApi
from tests.system.scenarios import saved_under_load, stops_and_catches_up
from tests.system.system import System

SAVES, ANSWERS = share_of(200), share_of(2_000)
STOPPED_SECONDS = 10.0
LATER_STARTS = 3
FIRST_START_SECONDS, LATER_START_SECONDS = 60.0, 6.0
"""The promise is 2 s on a machine that has nothing else to do; here it is told, and held loosely."""


@pytest.fixture(scope="module")
def system(start_system: Callable[..., System]) -> System:
    """Without supervision: a replica that is stopped for ten seconds is not started again."""
    return start_system("--replicas", "3", "--no-supervise")


async def test_no_answer_of_two_thousand_fails_or_is_malformed_while_200_prompts_are_saved(
    admin: EditApi, chat: ChatPort
) -> None:
    await saved_under_load(admin, chat, saves=SAVES, answers=ANSWERS)


async def test_a_replica_stopped_for_ten_seconds_is_named_by_the_barrier_and_catches_up(
    system: System, admin: EditApi, replicas: dict[str, ChatPort]
) -> None:
    await stops_and_catches_up(system, admin, replicas, STOPPED_SECONDS)


@pytest.fixture
def fresh() -> Iterator[System]:
    """A whole system, not started yet."""
    made = System()
    try:
        yield made
    finally:
        made.close()


async def test_the_first_start_is_quick_and_later_ones_are_quicker(fresh: System) -> None:
    await asyncio.to_thread(fresh.start)
    first, later = fresh.started_in, []
    for _ in range(LATER_STARTS):
        assert await asyncio.to_thread(fresh.end) == 0
        await asyncio.to_thread(fresh.start)
        later.append(fresh.started_in)
    told = ", ".join(f"{seconds:.2f} s" for seconds in later)
    print(f"first start {first:.2f} s, later ones {told}")
    assert first < FIRST_START_SECONDS
    assert min(later) < LATER_START_SECONDS
