"""What a process holds: memory, file descriptors, metric series."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import aiohttp


@dataclass(frozen=True, slots=True)
class Holds:
    """``memory`` is resident, in bytes; ``descriptors`` is 0 where the system does not show them."""

    memory: int
    descriptors: int
    series: int


async def holds(pid: int, url: str, session: aiohttp.ClientSession) -> Holds:
    """What the process holds now; its metrics are at ``url``."""
    async with session.get(f"{url}/metrics") as response:
        lines = (await response.text()).splitlines()
    series = sum(1 for line in lines if line and not line.startswith("#"))
    return Holds(resident(pid), descriptors(pid), series)


def resident(pid: int) -> int:
    """Resident memory in bytes."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmRSS:")]
        return int(line.split()[1]) * 1024
    said = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=True)
    return int(said.stdout) * 1024


def descriptors(pid: int) -> int:
    """Open file descriptors."""
    listed = Path(f"/proc/{pid}/fd")
    return len(list(listed.iterdir())) if listed.exists() else 0
