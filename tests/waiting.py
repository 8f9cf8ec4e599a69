"""Waiting for a condition: nothing in the tests sleeps for a time that somebody guessed."""

import asyncio
from collections.abc import Callable

LOOK_SECONDS = 0.002


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Return once ``condition()`` is true; raises ``TimeoutError`` with its source when it never is."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110  # what is waited for may be in another process
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        raise TimeoutError(f"not within {seconds} s: {condition!r}") from None
