"""No child outlives the supervisor, however it ends; see ``leash_process``.

What holds is a pipe: its writing end is the supervisor's alone, and the kernel closes it even for a
process that was killed. The leash also inherits the data directory's lock, so nobody starts anew in
there while something of the last run is still about.
"""

import asyncio
import contextlib
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

from services.dev import leash_process

_GOODBYE = leash_process.GRACE + 3.0


class Leash:
    """The supervisor's end. ``hold`` what was started, ``drop`` what was seen to have ended."""

    def __init__(self, keep_open: int) -> None:
        self._keep_open = keep_open
        self._held: dict[int, bool] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the process at the other end, and start it again should it die."""
        self._process = await self._spawn()
        self._watch = asyncio.create_task(self._respawn(), name="leash")

    def hold(self, pid: int, *, last: bool = False) -> None:
        """End this child (``last``: after the others) when the supervisor is gone."""
        self._held[pid] = last
        self._tell(_hold(pid, last))

    def drop(self, pid: int) -> None:
        """This child has ended; its number may be another's soon."""
        self._held.pop(pid, None)
        self._tell(f"drop {pid}\n")

    async def close(self) -> None:
        """Let go: whatever is still held is ended."""
        if self._watch:
            self._watch.cancel()
        if self._process and self._process.stdin:
            self._process.stdin.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), _GOODBYE)

    async def _spawn(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", str(Path(leash_process.__file__)),
            stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL,
            pass_fds=(self._keep_open,), start_new_session=True,
        )  # fmt: skip

    async def _respawn(self) -> None:
        while self._process:
            await self._process.wait()
            self._process = await self._spawn()
            for pid, last in self._held.items():
                self._tell(_hold(pid, last))

    def _tell(self, line: str) -> None:
        if self._process and self._process.stdin:
            self._process.stdin.write(line.encode())


def _hold(pid: int, last: bool) -> str:
    return f"hold {pid}{' last' if last else ''}\n"
