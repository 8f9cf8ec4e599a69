"""Processes that the bench starts: each prints one line when it is ready, and is ended by its pid."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

START_SECONDS = 30.0
END_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Child:
    """A running ``python -m tests.bench.<module>``; ``ready`` is the first line that it printed."""

    ready: str
    process: asyncio.subprocess.Process

    async def ask(self) -> str:
        """Send it an empty line; the line that it prints then."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        return await self.line()

    async def line(self) -> str:
        """The next line that it prints."""
        return await _line(self.process)


@asynccontextmanager
async def child(module: str, *words: str) -> AsyncIterator[Child]:
    """Start a module of the bench, and end it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"tests.bench.{module}", *words,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Child(await _line(process), process)
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), END_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
    if not line:
        raise RuntimeError(f"a process of the bench ended with {await process.wait()}")
    return line.decode().strip()
