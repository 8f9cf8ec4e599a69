"""One child process: started, watched, started again when it dies or hangs, and ended."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from services.dev.journal import Journal, Lines
from services.dev.leash import Leash
from services.dev.program import Program

PATIENCE = 5.0
"""Seconds for which a health check may fail before the child is taken to hang."""
START_PATIENCE = 60.0
"""The same for a child that was just started."""
_INTERVAL = 1.0
_EAGER = 0.05
"""Seconds between two questions while the child is starting …"""
_EAGER_FOR = 10.0
"""… for so many seconds."""
_BACKOFF = (0.0, 0.5, 1.0, 2.0, 5.0)
_STEADY = 10.0
"""Seconds of running after which a child is no longer thought to fail at once."""
_KILLED = 5.0
_LAST_WORDS = 1.0


@dataclass(frozen=True, slots=True)
class Oversight:
    """What a child needs from its supervisor: the leash, whether to start again, who is told."""

    leash: Leash
    restart: bool
    tell: Callable[["Child", str], None]
    """Something happened to the child, in words."""
    is_ready: Callable[["Child"], None]
    """The child became ready, at the first time or again."""


class Child:
    """A program and the process that runs it at the moment (``pid``; None while there is none)."""

    def __init__(self, program: Program, journal: Journal, oversight: Oversight) -> None:
        self.program = program
        self.journal = journal
        self.pid: int | None = None
        self.ready = asyncio.Event()
        self.failures = 0
        """How many times in a row it ended without having run for a while."""
        self._oversight = oversight
        self._process: asyncio.subprocess.Process | None = None
        self._ending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """As in the ready file and on the terminal."""
        return self.program.name

    def start(self) -> asyncio.Task[None]:
        """Begin; the task ends with the child, for good, and with an error if it cannot run."""
        self._task = asyncio.create_task(self._run(), name=self.name)
        return self._task

    async def stop(self, *, at_once: bool = False) -> None:
        """Ask it to end, insist after its grace, and wait until it is gone."""
        self._ending.set()
        if (process := self._process) and process.returncode is None:
            if not at_once:
                await self._ask_to_end(process)
            if process.returncode is None:
                _kill_group(process.pid)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), _KILLED)
        if self._task:
            await asyncio.wait({self._task}, timeout=_LAST_WORDS)
            self._task.cancel()
            await asyncio.wait({self._task})
        self.journal.close()

    def cannot_run(self) -> BaseException | None:
        """Why the program could not even be started; None when that is not so."""
        task = self._task
        return task.exception() if task and task.done() and not task.cancelled() else None

    async def _ask_to_end(self, process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), self.program.grace)

    async def _run(self) -> None:
        while True:
            began = monotonic()
            process, lines = await self._spawn()
            why = await self._until_over(process)
            await self._over(process, lines)
            if self._ending.is_set():
                return
            self.failures = 1 if monotonic() - began > _STEADY else self.failures + 1
            self._oversight.tell(self, why)
            if not self._oversight.restart:
                return
            await self._pause(_BACKOFF[min(self.failures, len(_BACKOFF)) - 1])
            if self._ending.is_set():
                return

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)

    async def _spawn(self) -> tuple[asyncio.subprocess.Process, Lines]:
        """Start it as the leader of its own group, so that Ctrl-C reaches the supervisor alone."""
        reads, writes = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *self.program.argv, env=self.program.env, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=writes, stderr=writes,
                pass_fds=self.program.pass_fds,
            )  # fmt: skip
        finally:
            os.close(writes)
        self._oversight.leash.hold(process.pid, last=self.program.is_last)
        self._process, self.pid = process, process.pid
        pipe = os.fdopen(reads, "rb", buffering=0)
        loop = asyncio.get_running_loop()
        _, lines = await loop.connect_read_pipe(lambda: Lines(self.journal), pipe)
        return process, lines

    async def _until_over(self, process: asyncio.subprocess.Process) -> str:
        """Why the process is no more: it ended, or it hung and was ended."""
        ended = asyncio.create_task(process.wait())
        hung = asyncio.create_task(self._until_hung())
        try:
            await asyncio.wait({ended, hung}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                return _manner(ended.result())
            _kill_group(process.pid)
            await ended
            return f"gave no sign of life for {PATIENCE:g} s"
        finally:
            hung.cancel()
            ended.cancel()

    async def _until_hung(self) -> None:
        """Watch until the health check has failed for too long; for ever if nothing would follow.

        Time counts only as questions that were asked: a supervisor that was itself stopped for a
        while (Ctrl-Z) has no complaint about its children.
        """
        silent, patience, age = 0.0, START_PATIENCE, 0.0
        while silent < patience or not self._oversight.restart:
            asked = monotonic()
            well = await self._is_well()
            pause = _INTERVAL if self.ready.is_set() or age > _EAGER_FOR else _EAGER
            age += pause
            silent, patience = (0.0, PATIENCE) if well else (silent + pause, patience)
            await asyncio.sleep(max(0.0, asked + pause - monotonic()))

    async def _is_well(self) -> bool:
        if not self.ready.is_set() and await self.program.ready():
            self.ready.set()
            self._oversight.is_ready(self)
            return True
        return await self.program.alive()

    async def _over(self, process: asyncio.subprocess.Process, lines: Lines) -> None:
        self._oversight.leash.drop(process.pid)
        self.ready.clear()
        self.pid = None
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(lines.ended.wait(), _LAST_WORDS)


def _manner(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
