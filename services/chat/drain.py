"""Leaving without cutting anybody off: first say so, then finish what is under way."""

import asyncio
from typing import Any, Final

CUT_OFF_SECONDS: Final = 1.0
"""What answers get to say that they end here, once their time is up."""
TAKES_SECONDS: Final = 2.0
"""For so long new requests are answered as long as others are under way. Who still sends them then does
not look at ``/readyz``, and would go on until there is no time left for what has begun."""


class Drain:
    """Knows the answers under way, and whether the replica is on its way out.

    Once :meth:`begin` was called ``/readyz`` fails. New requests are still answered, for the load
    balancer needs a moment to notice, but their connections are closed afterwards. After
    :meth:`refuse` they are turned away, so that none begins that could not end. Handlers run
    ``with`` the drain. ``cut`` is how many answers were cut off in the end.
    """

    def __init__(self) -> None:
        self.draining = False
        self.refusing = False
        self.cut = 0
        self._under_way: set[asyncio.Task[Any] | None] = set()
        self._cut_off: set[asyncio.Task[Any] | None] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def under_way(self) -> int:
        """How many answers have begun and not ended."""
        return len(self._under_way)

    def begin(self) -> None:
        """Fail readiness from now on. There is no way back."""
        self.draining = True

    def refuse(self) -> None:
        """Take no new requests from now on."""
        self.refusing = True

    async def leave(self, notice: float, deadline: float) -> bool:
        """The whole way out, in at most ``deadline`` seconds: see :meth:`finished`.

        Nothing ends before ``notice`` seconds are over, even when nothing is under way: whoever
        balances over replicas asks ``/readyz`` meanwhile, and sends nothing more.
        """
        clock = asyncio.get_running_loop().time
        began = clock()
        self.begin()
        await asyncio.sleep(min(notice, deadline))
        await self._wait(min(TAKES_SECONDS, deadline) - (clock() - began))
        self.refuse()
        return await self.finished(deadline - (clock() - began))

    async def finished(self, deadline: float) -> bool:
        """Wait until nothing is under way; True if that came about within ``deadline`` seconds.

        What is under way then is cut off, and gets a second to tell its client.
        """
        if await self._wait(deadline):
            return True
        self._cut_off = set(self._under_way)
        self.cut = len(self._cut_off)
        for task in self._cut_off:
            if task is not None:
                task.cancel()
        await self._wait(CUT_OFF_SECONDS)
        return False

    def cut_off(self) -> bool:
        """Ask, in a task that was just cancelled, whether the drain did it; if so, it goes on."""
        task = asyncio.current_task()
        if task is None or task not in self._cut_off:
            return False
        self._cut_off.discard(task)
        task.uncancel()
        return True

    async def _wait(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def __enter__(self) -> None:
        self._under_way.add(asyncio.current_task())
        self._idle.clear()

    def __exit__(self, *_: object) -> None:
        self._under_way.discard(asyncio.current_task())
        if not self._under_way:
            self._idle.set()
