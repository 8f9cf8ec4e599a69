"""The ``promptcast`` command as a person or a pipeline runs it: a process, its words, its status."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from tests.system.process import environment, promptcast

SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str


Command = Callable[..., Awaitable[Ended]]


def command_at(url: str, key: str, given: Mapping[str, str] | None = None) -> Command:
    """The command, with ``PROMPTCAST_URL`` and ``PROMPTCAST_API_KEY`` set."""
    env = environment({"PROMPTCAST_URL": url, "PROMPTCAST_API_KEY": key, **(given or {})})

    def run(words: tuple[str, ...], text: str) -> Ended:
        done = subprocess.run(
            promptcast(*words), env=env, input=text, capture_output=True,
            text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
        return Ended(done.returncode, done.stdout, done.stderr)

    async def command(*words: str, text: str = "") -> Ended:
        return await asyncio.to_thread(run, words, text)

    return command
