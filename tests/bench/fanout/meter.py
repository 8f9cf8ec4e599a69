"""A meter: what a server has used so far, by its own word, and what lies between two readings."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis

RESTED_SECONDS, REST_WITHIN_SECONDS = 2.0, 40.0
NEGLIGIBLE = 0.005
"""Of what rests."""


@dataclass(frozen=True, slots=True)
class Used:
    """Either of a server so far, or of a time: seconds of one core, bytes, commands."""

    seconds: float
    """Monotonic time of the reading, or how long the time is."""
    cpu: float
    sent: float
    logged: float
    """Written to the append-only file."""
    commands: float

    def since(self, before: "Used") -> "Used":
        """Between two readings."""
        return Used(*(now - then for now, then in zip(_of(self), _of(before), strict=True)))

    def a_second(self) -> "Used":
        """By the second."""
        return Used(*(each / self.seconds for each in _of(self)))

    def beyond(self, idle: "Used") -> "Used":
        """Without what would have been used all the same, which is ``idle`` a second."""
        rest = (mine - self.seconds * rate for mine, rate in zip(_of(self), _of(idle), strict=True))
        return Used(*rest)

    def by(self, count: int) -> "Used":
        """A share of it."""
        return Used(*(each / count for each in _of(self)))


def _of(used: Used) -> tuple[float, ...]:
    return used.seconds, used.cpu, used.sent, used.logged, used.commands


@dataclass(frozen=True, slots=True)
class Meter:
    """Reads a server's ``INFO``, by a connection that is used for nothing else."""

    client: Redis

    def used(self) -> Used:
        """So far."""
        told = self._told()
        cpu = float(told["used_cpu_user"]) + float(told["used_cpu_sys"])
        return Used(
            seconds=time.monotonic(),
            cpu=cpu,
            sent=told["total_net_output_bytes"],
            logged=told["aof_current_size"],
            commands=told["total_commands_processed"],
        )

    def held(self) -> int:
        """Bytes of memory, now."""
        return int(self._told()["used_memory"])

    def connections(self) -> int:
        """Now, without this one."""
        return int(self._told()["connected_clients"]) - 1

    def size(self, key: str) -> int:
        """Bytes of memory that a key takes; 0 for none."""
        return int(self.client.memory_usage(key, samples=0) or 0)

    def name(self) -> str:
        """Which program, and its version."""
        told = self._told()
        program = str(told.get("server_name", "redis"))
        return f"{program} {told.get(f'{program}_version', told['redis_version'])}"

    def _told(self) -> Mapping[str, Any]:
        told: Mapping[str, Any] = self.client.info()
        return told


def cpu_of(pid: int) -> float | None:
    """Seconds of a core that a process has used; None where the system does not show it."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return None
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def rested(value: Callable[[], float], seconds: float = RESTED_SECONDS) -> float:
    """``value()`` once it has come to rest: a service goes on starting behind its first answer.

    Raises ``TimeoutError`` when it never does.
    """
    last, since = value(), time.monotonic()
    async with asyncio.timeout(REST_WITHIN_SECONDS):
        while time.monotonic() - since < seconds:
            await asyncio.sleep(seconds / 10)
            now = value()
            if abs(now - last) > NEGLIGIBLE * last:
                last, since = now, time.monotonic()
    return last
