"""Waiting for what other processes do: always for a condition, and never for longer than a limit."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, TypeVarTuple

LOOK_SECONDS = 0.02
PATIENCE_SECONDS = 20.0
"""What takes this long is broken; the machine may be small, and others may use it too."""

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def wait_until(condition: Callable[[], T | None], seconds: float, what: Callable[[], str]) -> T:
    """The first true ``condition()``; ``TimeoutError`` with ``what()`` when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what()}")
        time.sleep(LOOK_SECONDS)
    return found


async def becomes(
    ask: Callable[[*Ts], Awaitable[T | None]], *args: *Ts, seconds: float = PATIENCE_SECONDS
) -> T:
    """The first true answer to ``ask(*args)``; ``TimeoutError`` when none came in time."""
    deadline = time.monotonic() + seconds
    while not (found := await ask(*args)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {ask.__name__}{args} said {found!r}")
        await asyncio.sleep(LOOK_SECONDS)
    return found
