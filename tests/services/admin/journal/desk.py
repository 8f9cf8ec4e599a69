"""A journal over a log in memory, on a disk that can be made to fail or to hang."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from events.chain import Chain, Entry, read
from events.lines import from_line
from events.signing import KeyRing
from events.verify import Verifier
from services.admin.journal.disk import Disk
from services.admin.journal.journal import Journal
from services.metrics import AdminMetrics
from tests.projections.rig import TroubledLog
from tests.scribe import Scribe
from tests.waiting import until


@dataclass
class FaultyDisk(Disk):
    """Fails while ``error`` is set, hangs while ``may_sync`` is not, and counts."""

    error: OSError | None = None
    torn_after: int | None = None
    """Bytes of the next write that still get through before the error."""
    failing: str = "write"
    syncs: int = 0
    may_sync: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.may_sync.set()

    def write(self, descriptor: int, data: bytes | bytearray) -> None:
        if self.error and self.failing == "write":
            super().write(descriptor, bytes(data)[: self.torn_after or 0])
            raise self.error
        super().write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        self.may_sync.wait(10.0)
        self.syncs += 1
        if self.error and self.failing == "sync":
            raise self.error
        super().sync(descriptor)


class Follows:
    """What an instance has applied of a log that a scribe writes, and the journal that it keeps."""

    def __init__(self, directory: Path, log: TroubledLog | None = None, most: int = 2_000) -> None:
        self.log = log or TroubledLog()
        self.scribe = Scribe()
        self.chain = Chain()
        self.disk = FaultyDisk()
        self.registry = CollectorRegistry()
        self.directory = directory
        self.journal = Journal(
            directory, "log", self.log, lambda: self.chain, KeyRing(), AdminMetrics(self.registry),
            self.disk,
        )  # fmt: skip
        self.journal.store.most = most
        self._task: asyncio.Task[None] | None = None

    # --- the log and the instance -----------------------------------------------------------------

    async def opened_with(self, saves: int) -> None:
        """A log with its opening and so many saves, of which nothing is applied yet."""
        await self.log.put(self.scribe.opened())
        for number in range(1, saves + 1):
            await self.log.put(self.scribe.saved(f"version {number}", number))

    def apply(self, *entries: Entry, told: bool = True) -> None:
        """The instance applies entries; ``told``: and tells its journal, as a follower does."""
        for entry in entries:
            self.chain, _ = read(self.chain, entry, KeyRing())
        if told:
            self.journal.taken(entries)

    async def write(self, count: int = 1) -> int:
        """Saves are appended and applied; the last position."""
        for _ in range(count):
            entry = self.scribe.saved("more", self.scribe.head.position)
            await self.log.put(entry)
            self.apply(entry)
        return self.chain.head.position

    def follows(self, entries: list[Entry]) -> None:
        """The instance has come so far without telling the journal, as from a snapshot."""
        self.apply(*entries, told=False)

    # --- the journal ------------------------------------------------------------------------------

    def start(self) -> None:
        self._task = asyncio.create_task(self.journal.keep_up())

    async def stop(self) -> None:
        self.disk.may_sync.set()
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.journal.close()

    async def safe(self, position: int | None = None) -> None:
        """Wait until the journal reaches so far, or as far as what is applied."""
        wanted = self.chain.head.position if position is None else position
        await until(lambda: self.journal.chain.head.position >= wanted)

    async def whole(self) -> None:
        """Wait until nothing is missing in the midst either."""
        await until(lambda: self.journal.store.is_open and not self.journal.store.holes())
        await self.safe()

    def metric(self, name: str, **labels: str) -> Any:
        return self.registry.get_sample_value(name, {"log": "log", **labels})

    def kept(self) -> list[Entry]:
        return kept_in(self.directory)


def segments(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.jsonl"))


def kept_in(directory: Path) -> list[Entry]:
    """Every entry in the files of a journal, as anybody could read them."""
    lines = b"".join(path.read_bytes() for path in segments(directory)).splitlines()
    return [from_line(line) for line in lines]


def findings(entries: list[Entry]) -> list[Any]:
    verifier = Verifier()
    for entry in entries:
        verifier.feed(entry)
    return verifier.findings


@asynccontextmanager
async def keeping(follows: Follows) -> AsyncIterator[Follows]:
    """While its journal keeps up."""
    follows.start()
    try:
        yield follows
    finally:
        await follows.stop()
