"""Checks of the server, at the start and now and then: each way to lose saves is one clear line.

Somebody may change the server's settings, or put another server into its place, at any time: so it is
looked at again. Only the first look can refuse the start: a service that runs is worth more than a rule.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import structlog

from events.errors import PromptcastError
from events.streams.checks import CHECKS, Finding, Look, look
from events.streams.durability import Durability
from events.streams.link import Command, Link
from services.metrics import AdminMetrics
from services.owned import persist

AGAIN_SECONDS = 60.0
"""Between two looks."""
_log = structlog.stdlib.get_logger()


class ServerRefused(PromptcastError):
    """The server could lose acknowledged saves, and `PROMPTCAST_SERVER_CHECKS` says to refuse it."""


@dataclass(slots=True)
class ServerChecks:
    """Looks at the server while :meth:`run` runs; ``show`` is told what was seen, hints left out.

    ``passed`` is set once the first look was no reason to refuse the start.
    """

    link: Link
    rights: Sequence[Command]
    durability: Durability
    mode: Literal["warn", "refuse", "off"]
    show: Callable[[Look], None] = lambda _look: None
    passed: asyncio.Event = field(default_factory=asyncio.Event)
    _known: frozenset[Finding] = frozenset()

    async def run(self) -> None:
        """Look, and look again, until cancelled. Raises `ServerRefused` for the first server only."""
        if self.mode == "off":
            self.passed.set()
            await asyncio.Event().wait()
        await persist("server checks", self._look_again)

    async def behind(self, work: Callable[[], Awaitable[None]]) -> None:
        """``work``, once the server was not refused; one that could not be looked at yet may be."""
        if self.mode == "refuse":
            await self.passed.wait()
        await work()

    async def _look_again(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(AGAIN_SECONDS)

    async def look(self) -> None:
        """One look. Raises a ``LogError`` when the server was not reached, or `ServerRefused`."""
        try:
            seen = await look(self.link, self.durability, self.rights)
        finally:
            await self.link.close()  # a connection that is used once a minute is not worth keeping
        self._tell(seen.findings)
        bad = [each for each in seen.findings if each.kind == "finding"]
        self.show(seen._replace(findings=bad))
        if bad and self.mode == "refuse" and not self.passed.is_set():
            _refuse(bad)
        self.passed.set()

    def _tell(self, found: Sequence[Finding]) -> None:
        for each in found:
            if each not in self._known:
                level = _log.info if each.kind == "hint" else _log.warning
                level("server_finding", check=each.check, kind=each.kind, finding=each.text)
        for each in self._known.difference(found):
            _log.info("server_finding_gone", check=each.check, kind=each.kind, finding=each.text)
        self._known = frozenset(found)


def on_gauges(metrics: AdminMetrics) -> Callable[[Look], None]:
    """Shows each look: for each check 1 while it finds something, else 0; and the server's memory."""

    def show(seen: Look) -> None:
        bad = {each.check for each in seen.findings}
        for check in CHECKS:
            metrics.server_findings.labels(check).set(check in bad)
        metrics.server_memory.set(seen.memory.used)
        metrics.server_memory_limit.set(seen.memory.limit)

    return show


def _refuse(found: Sequence[Finding]) -> None:
    for each in found:
        print(f"promptcast: the Redis server: {each.text}", file=sys.stderr)  # noqa: T201  one clear line
    raise ServerRefused(
        f"the Redis server could lose saves in {len(found)} ways;"
        " PROMPTCAST_SERVER_CHECKS=warn starts all the same"
    )
