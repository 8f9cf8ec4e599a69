"""Rebuilding a log: it is written beside the present one, and then takes its place in one step."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from events.chain import GENESIS, Entry, Head, head_of
from events.errors import LogUnavailable
from events.streams.entries import to_raw
from events.streams.keys import Keys
from events.streams.link import Link, Script
from events.streams.putting_back import FENCE_MILLISECONDS, portions, put_back, unfence

_BEGIN, _SWAP = Script.load("rebuild"), Script.load("swap")


@dataclass(slots=True)
class Rebuilding:
    """One rebuilding of the log of ``keys`` by ``holder`` (a random word). Nobody appends meanwhile.

    The consumer groups go with the old log: replicas open theirs again by themselves.
    """

    link: Link
    keys: Keys
    holder: str
    head: Head = GENESIS
    """Of what is written already."""
    start: Head = GENESIS
    """What it begins behind."""
    sure: Callable[[], Awaitable[None]] | None = None
    """Waited for before the first step and the last one, as before an append."""

    async def begin(self, start: Head = GENESIS) -> None:
        """Keep everybody else out; what an earlier try has left is dropped. What lies at ``start`` and
        before it was trimmed, and stays so.

        Raises ``LogUnavailable`` when somebody else puts this log back.
        """
        if self.sure is not None:
            await self.sure()
        keys = [self.keys.rebuilt, self.keys.fence]
        if not await self.link.run(_BEGIN, keys, self.holder, FENCE_MILLISECONDS):
            raise LogUnavailable("the log is being put back by somebody else; nothing was written")
        self.head = self.start = start

    async def add(self, entries: Sequence[Entry]) -> None:
        """Write ``entries`` behind those before, a bounded piece at a time, as they are.

        Raises like :func:`~events.streams.putting_back.put_back`; then begin again, or abandon it.
        More than 10 s between two calls end the fence, and then :meth:`swap` will refuse.
        """
        for portion in portions(entries):
            args = self.keys.rebuilt, portion, self.head, self.holder
            begins = self.head == self.start != GENESIS
            await put_back(self.link, self.keys, *args, last=False, begins=begins)
            self.head = head_of(portion[-1])

    async def swap(self, old_head: str | None, old_stored: str) -> bool:
        """Put it in the log's place; whether that was done. Then everybody may append again.

        Not when the log's last id and its stored hash are others than these (None: there was no log),
        nor when the fence was lost meanwhile, nor when not all that was added is there.
        ``ReplyLost``: it was done if the log's head is :attr:`head` now.
        """
        if self.sure is not None:
            await self.sure()
        keys = [self.keys.log, self.keys.rebuilt, self.keys.fence]
        mine = f"{self.head.position}-0", to_raw(self.head.stored)
        answer = await self.link.run(
            _SWAP, keys, self.holder, old_head or "", to_raw(old_stored), *mine
        )
        return bool(answer == b"swapped")

    async def abandon(self) -> None:
        """Drop what was written, and let everybody in again."""
        await self.link.call("UNLINK", self.keys.rebuilt)
        await unfence(self.link, self.keys, self.holder)
