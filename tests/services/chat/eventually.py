"""Waiting for a condition, with a limit."""

import asyncio
from collections.abc import Callable


async def eventually(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Return once ``condition()`` is true; TimeoutError when that takes too long."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  any condition, not one that can tell us
            await asyncio.sleep(0.002)
