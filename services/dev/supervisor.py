"""The supervisor: all children at once, in order at the end, and what is done when one falls."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from services.dev.child import Child, Oversight
from services.dev.errors import DevError, StartFailed
from services.dev.journal import Journal
from services.dev.leash import Leash
from services.dev.program import Program
from services.dev.terminal import Digest, Screen, short

START_TIMEOUT = 60.0
_TRIES = 2
"""How often a child may end before it was ever ready, until the start has failed."""


@dataclass(slots=True)
class Supervisor:
    """Runs programs, in stages: within a stage they end together, the last stage ends first.

    ``changed`` is called with the pids whenever a child that was started again is ready.
    """

    leash: Leash
    screen: Screen
    restart: bool
    changed: Callable[[dict[str, int | None]], None]
    children: list[Child] = field(default_factory=list)
    _stages: list[list[Child]] = field(default_factory=list)
    _fell: asyncio.Event = field(default_factory=asyncio.Event)
    _up: bool = False

    def start(self, stages: Sequence[Sequence[Program]]) -> None:
        """Start every program at once; none waits for another."""
        oversight = Oversight(self.leash, self.restart, self._told, self._is_ready)
        for programs in stages:
            self._stages.append([self._child(program, oversight) for program in programs])
        self.children = [child for stage in self._stages for child in stage]
        for child in self.children:
            child.start().add_done_callback(lambda _: self._fell.set())

    async def until_ready(self) -> None:
        """Wait until every child is ready; raises :class:`StartFailed`, naming one that is not."""
        fell = asyncio.create_task(self._until_one_fails())
        ready = asyncio.create_task(self._all_ready())
        try:
            await asyncio.wait(
                {ready, fell}, timeout=START_TIMEOUT, return_when=asyncio.FIRST_COMPLETED
            )
            if fell.done():
                raise fell.result()
            if not ready.done():
                late = next(child for child in self.children if not child.ready.is_set())
                raise StartFailed(
                    f"{late.name} was not ready after {START_TIMEOUT:g} s{_last_words(late)}"
                )
        finally:
            ready.cancel()
            fell.cancel()
        self._up = True

    async def _all_ready(self) -> None:
        for child in self.children:
            await child.ready.wait()

    def pids(self) -> dict[str, int | None]:
        """The process id of each child by name."""
        return {child.name: child.pid for child in self.children}

    async def stop(self, hurry: asyncio.Event) -> None:
        """End every child, stage by stage; at once from the moment when ``hurry`` is set."""
        self._up = False
        for stage in reversed(self._stages):
            gentle = asyncio.create_task(_end(stage, at_once=False))
            hurried = asyncio.create_task(hurry.wait())
            await asyncio.wait({gentle, hurried}, return_when=asyncio.FIRST_COMPLETED)
            hurried.cancel()
            if not gentle.done():
                await _end(stage, at_once=True)
            await gentle

    def _child(self, program: Program, oversight: Oversight) -> Child:
        digest = Digest(program.name, self.screen)

        def show(line: str) -> None:
            # While everything starts at once, each finds the others missing; that is no news.
            if self._up and not program.is_quiet:
                digest(line)

        return Child(program, Journal(program.log, show), oversight)

    def _told(self, child: Child, what: str) -> None:
        self._fell.set()
        if self._up:
            then = "; starting it again" if self.restart else ""
            self.screen.line(f"{child.name} {what}{then}", "warning")

    def _is_ready(self, child: Child) -> None:
        if self._up:
            self.screen.line(f"{child.name} is ready again (pid {child.pid})", "good")
            try:
                self.changed(self.pids())
            except DevError as error:  # nothing that would be a reason to end what runs well
                self.screen.line(str(error), "warning")

    async def _until_one_fails(self) -> StartFailed:
        while True:
            await self._fell.wait()
            self._fell.clear()
            for child in self.children:
                if error := child.cannot_run():
                    return StartFailed(f"{child.name} cannot be started: {error}")
                if child.failures >= (_TRIES if self.restart else 1):
                    return StartFailed(f"{child.name} does not start{_last_words(child)}")


async def _end(stage: Sequence[Child], *, at_once: bool) -> None:
    await asyncio.gather(*(child.stop(at_once=at_once) for child in stage))


def _last_words(child: Child) -> str:
    """What it complained of last, if anything, and where the rest is."""
    told = [shown[1] for line in child.journal.last if (shown := short(line))]
    return f"{f': {told[-1]}' if told else ''} (see {child.program.log})"
