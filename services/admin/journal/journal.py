"""The journal of one log: what is in it is on this machine's own disk, whatever becomes of the server.

It is the whole log, from position 1. What the follower applies is written at once, many entries with
one sync; whatever is missing before is read from the log first. It never stands in the way: when the
disk fails, saving goes on, and is told not to be safe here.
"""

import asyncio
from collections.abc import AsyncIterable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import structlog

from events.chain import GENESIS_HASH, Chain, Entry, Head
from events.errors import BadLine, LogError
from events.limits import MAX_READ_BYTES
from events.log import READ_COUNT, EventLog
from events.signing import KeyRing
from projections.follower import Follower
from projections.tail import Tail
from services.admin.journal.disk import Disk
from services.admin.journal.filling import Filling
from services.admin.journal.missing import Missing
from services.admin.journal.reading import bounded, read_back
from services.admin.journal.store import Store, Unchained
from services.admin.journal.tending import Tending
from services.admin.journal.waiting import Waiting
from services.metrics import AdminMetrics

LOOK_SECONDS = 1.0
"""Between two looks at whether the follower is further than the journal, when nothing else is told."""
PAUSES = (0.1, 5.0)
LATE_SECONDS = 1.5
"""What a write may take before it is told."""
_log = structlog.stdlib.get_logger(__name__)


class Journal:
    """See above. ``followed`` is the chain of what this instance has applied of ``log``.

    Nothing is there before :meth:`open`, and nothing is written unless :meth:`keep_up` runs. No
    method raises because of the disk: ``trouble`` says what is wrong, None while all is well.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        log: EventLog,
        followed: Callable[[], Chain],
        keys: KeyRing,
        metrics: AdminMetrics,
        disk: Disk | None = None,
    ) -> None:
        self.name = name
        self.trouble: str | None = None
        self.is_examined = False
        """Whether all of it was read once since it was opened."""
        self.store = Store(directory, name, keys, disk or Disk())
        self._log, self._followed, self._metrics = log, followed, metrics
        metrics.journal_errors.labels(name)  # from 0 on: else the first would be no increase
        self._missing = Missing(self.store, log, followed, self._in_thread)
        self._thread = ThreadPoolExecutor(1, f"journal-{name}")  # nothing else makes it wait
        self._turn = asyncio.Lock()
        self._news = asyncio.Event()
        self._waiting = Waiting()
        self._waiters: dict[asyncio.Future[bool], int] = {}
        self._recent = Tail()
        self._is_closed = False
        self._began: float | None = None  # of the write that is under way

    @property
    def chain(self) -> Chain:
        """How far the log is safe here; ``Chain()`` when nothing is."""
        return self.store.chain

    @property
    def is_open(self) -> bool:
        """Whether it was found out what is here, and nobody else writes to it."""
        return self.store.is_open

    @property
    def lacks(self) -> list[tuple[int, int]]:
        """The positions that are missing here, first and last of each hole: they were trimmed from the
        server before this journal had them, or are still being filled in."""
        return [(after + 1, segment.first - 1) for after, segment in self.store.holes()]

    @property
    def first(self) -> int:
        """From this position on nothing is missing here. What lies before the last hole does not show
        that it is of the same history."""
        return max([last for _, last in self.lacks], default=0) + 1

    async def before(self) -> str:
        """The hash of the event before :attr:`first`; "" where that is not known."""
        holes = self.store.holes()
        if not holes:
            return GENESIS_HASH
        with suppress(OSError, BadLine):
            return await asyncio.to_thread(holes[-1][1].before)
        return ""

    async def open(self) -> None:
        """Find out what is there, once. A torn end is cut off, damage in the newest part put aside."""
        async with self._turn:
            if self.store.is_open:
                return
            try:
                await self._in_thread(self.store.open)
            except OSError as error:
                self._failed(error)
                return
            self._show()

    def taken(self, entries: Sequence[Entry]) -> None:
        """Entries were applied, in order: they are written soon. Never waits, never raises."""
        self._waiting.take(entries)
        self._news.set()

    async def keep_up(self) -> None:
        """Write what is applied, and mend what is broken, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._write())
            group.create_task(self._tend())

    async def safe(self, position: int, seconds: float) -> bool:
        """Whether the entry at ``position`` is on disk within ``seconds``; at once False in trouble."""
        if self.chain.head.position >= position:
            return True
        if self.trouble:
            return False
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiters[waiter] = position
        try:
            async with asyncio.timeout(seconds):
                return await waiter
        except TimeoutError:
            self._tell_if_late()
            return self.chain.head.position >= position
        finally:
            del self._waiters[waiter]

    async def behind(
        self, position: int, count: int = READ_COUNT, max_bytes: int = MAX_READ_BYTES
    ) -> Sequence[Entry]:
        """Entries behind ``position``, as :meth:`events.log.EventLog.read` gives them.

        Empty at the end, and where something is missing or cannot be read.
        """
        if recent := self._recent.behind(position):
            return list(bounded(recent, count, max_bytes))
        segments = list(self.store.segments)
        return await asyncio.to_thread(read_back, segments, position, count, max_bytes)

    async def holds(self, head: Head) -> bool:
        """Whether the entry at ``head.position`` is here, with ``head.stored`` for its hash."""
        if head.position == 0:
            return True
        if head.position == self.chain.head.position:
            return head.stored == self.chain.head.stored
        found = await self.behind(head.position - 1, 1)
        return bool(found) and (found[0].position, found[0].hash) == (head.position, head.stored)

    async def cut(self, after: int) -> int:
        """Take away every entry behind ``after``, and what was to be written; how many were there.

        Whoever cuts keeps them elsewhere first. Raises ``OSError`` when the disk would not, or nobody
        knows yet what is here.
        """
        async with self._turn:
            if not self.is_open:
                raise OSError("it is not open")
            self._waiting.clear()
            self._recent.clear()
            try:
                cut: int = await self._in_thread(self.store.cut, after)
                return cut
            finally:
                self._show()

    async def close(self) -> None:
        """Write what still waits, if that is possible, and let go; behind the end of :meth:`keep_up`."""
        if self._is_closed:
            return
        self._is_closed = True
        with suppress(OSError, LogError, Unchained):
            if self.store.is_open and (batch := self._batch()):
                await self._in_thread(self.store.append, batch)
        await self._in_thread(self.store.close)
        self._thread.shutdown(wait=False)

    async def fill(self, batches: AsyncIterable[Sequence[Entry]]) -> int:
        """Fill the first hole with what ``batches`` hold, in order; how many entries that are.

        Raises ``BadLine`` when they do not chain to what is here, or end too early, and ``OSError``.
        """
        if not self.is_open:
            raise OSError("it is not open")
        filling = await asyncio.to_thread(Filling, self.store)
        try:
            async for entries in batches:
                await asyncio.to_thread(filling.take, entries)
            async with self._turn:
                filled: int = await self._in_thread(filling.end)
        finally:
            await asyncio.to_thread(filling.discard)
        self._show()
        return filled

    async def _tend(self) -> None:
        await Tending(self.store, self._log, self._in_thread, self._told).run()
        self.is_examined = True
        self._show()

    # --- writing ------------------------------------------------------------------------------

    async def _write(self) -> None:
        pause, most = PAUSES
        while True:
            try:
                await self.open()
                while self.store.is_open and await self._write_some():
                    pass
            except (OSError, LogError, BadLine) as error:
                self._failed(error)
            if self.trouble:
                await asyncio.sleep(pause)
                pause = min(pause * 2, most)
                continue
            pause = PAUSES[0]
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._news.wait()
            self._news.clear()

    async def _write_some(self) -> bool:
        """Whether there was something to write; it is safe then."""
        async with self._turn:
            if batch := self._batch() or await self._missing.entries():
                await self._append(batch)
            self._well()
            return bool(batch)

    def _batch(self) -> list[Entry]:
        """What waits and follows upon what is safe."""
        return self._waiting.behind(self.chain.head.position)

    async def _append(self, batch: Sequence[Entry]) -> None:
        self._began = began = monotonic()
        try:
            await self._in_thread(self.store.append, batch)
        except Unchained:  # poison may say anything; but it may be this journal that is another one
            await self._missing.confirm()
            await self._in_thread(self.store.append, batch, True)
        finally:
            self._began = None
            self._wake()
        self._recent.take(batch)
        self._metrics.journal.observe(monotonic() - began)
        self._show()

    async def _in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def _wake(self) -> None:
        position = self.chain.head.position
        for waiter, wanted in self._waiters.items():
            if wanted <= position and not waiter.done():
                waiter.set_result(True)

    # --- telling ------------------------------------------------------------------------------

    def _failed(self, error: Exception) -> None:
        """Whoever waits is told at once; the log line comes once for each kind of trouble."""
        self._told(error)
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(False)
        if str(error) != self.trouble:
            self.trouble = str(error)
            _log.error("journal_not_written", log=self.name, error=self.trouble)

    def _tell_if_late(self) -> None:
        """A disk that hangs gives no error: nobody else waits for it until it has answered."""
        if self._began is not None and monotonic() - self._began >= LATE_SECONDS:
            self._failed(OSError(f"a write has taken longer than {LATE_SECONDS:g} s"))

    def _show(self) -> None:
        self._metrics.journal_position.labels(self.name).set(self.chain.head.position)
        lacks = sum(last - first + 1 for first, last in self.lacks)
        self._metrics.journal_lacks.labels(self.name).set(lacks)

    def _told(self, error: Exception) -> None:
        if not isinstance(error, LogError):
            self._metrics.journal_errors.labels(self.name).inc()

    def _well(self) -> None:
        if self.trouble:
            self.trouble = None
            _log.info("journal_recovered", log=self.name, position=self.chain.head.position)


def journal_of(
    state_dir: Path | None, name: str, log: EventLog, follower: Follower, metrics: AdminMetrics
) -> Journal | None:
    """The journal of what ``follower`` follows; None when there is no directory to keep it in."""
    if state_dir is None:
        return None
    applied = follower.applied
    directory = state_dir / "journal" / name
    return Journal(directory, name, log, lambda: applied.chain, applied.keys, metrics)
