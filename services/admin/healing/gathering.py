"""Gathering: what the log holds, what was said of it, and who holds what, for a decision about it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from events.chain import GENESIS, STRAY_FROM, Chain, Entry, Head, Recorded, read
from events.envelope import digest, prevhash
from events.errors import BadLine, LogDiverged, LogGap, StrayId
from events.limits import MAX_READ_BYTES
from events.lines import from_line
from events.log import READ_COUNT, Pulse
from events.model import LogOpened
from events.signing import KeyRing
from events.streams.log import RedisLog
from projections.healing import Side
from projections.witnesses import Word
from services.admin.healing.roll import LogName, Roll
from services.admin.journal.journal import Journal
from services.admin.tracked import Tracked
from services.membership import Reports

ME, JOURNAL, MEMORY = "this instance", "this instance's journal", "this instance's memory"
OFFERS_TAKEN = 8
"""Of those who have been furthest."""
OFFERS_ASKED = 64
"""So many are asked for one at most: who died has none any more."""

Behind = Callable[[int], Awaitable[Sequence[Entry]]]
"""Some of the entries behind a position."""


class Facts(NamedTuple):
    """What a decision is made of. ``holders`` give the entries of each tail."""

    head: Head
    exists: bool
    log: Side
    tails: list[Side]
    words: list[tuple[str, Word]]
    holders: Mapping[str, Behind]
    start: Head = GENESIS
    """The event that the log begins behind on the server; what lies before it was trimmed."""

    @property
    def begins(self) -> bool:
        """Whether the server has nothing of a log that was trimmed: what is put back begins there."""
        return self.start != GENESIS and self.head == self.start

    def emptied(self) -> "Facts":
        """The same where the log holds nothing: to begin it anew."""
        return self._replace(head=GENESIS, log=Side("log", 1, 0, {}), start=GENESIS)


@dataclass(slots=True)
class Gathering:
    """Gathers for the log ``name``, over connections that nobody else uses (``log``)."""

    name: LogName
    log: RedisLog
    tracked: Tracked[Any]
    roll: Roll
    reports: Reports
    hindrance: str = ""
    """Why this instance cannot give up what it holds, and follow what was decided."""

    @property
    def keys(self) -> KeyRing:
        """The keys that events are signed with."""
        return self.tracked.follower.applied.keys

    async def facts(self) -> Facts:
        """All of it. What was said comes first: then whatever is beyond the head was lost.

        Raises ``StrayId`` when the log ends with an id that is no position, and any ``LogError``.
        """
        own = self._own()
        words = self.roll.of[self.name].words(await self.log_id())
        words += [(ME, Word(c.head.position, c.head.digest)) for c in own if c.head.position]
        pulse = await self.log.pulse()
        if pulse.head_position >= STRAY_FROM:
            raise StrayId(self.tracked.follower.position + 1, str(pulse.head_position))
        start = await self._start(pulse)
        head = max(start, await self._head(pulse.head_position, pulse.head_stored))
        asked = {word.position for _, word in words} | {head.position, start.position}
        tails, holders = await self._tails(asked, words, head)
        asked |= {tail.last for tail in tails}
        hashes = await self._of_log(asked, head, {word.hash for _, word in words})
        if start.digest and start.position:
            hashes[start.position] = start.digest
        log = Side("log", 1, head.position, hashes)

        def counts(position: int) -> bool:  # what cannot be told any more contradicts nobody
            return position > start.position or position in hashes

        words = [(name, word) for name, word in words if counts(word.position)]
        tails = [tail for tail in tails if counts(tail.last)]
        return Facts(head, pulse.exists, log, tails, words, holders, start)

    async def _start(self, pulse: Pulse) -> Head:
        """What the log begins behind on the server, as far as it was trimmed by its own word."""
        trimmed = self.trimmed()
        if not (pulse.head_position and trimmed.position):
            return trimmed
        begins = await self.log.begins()
        if begins is None or not 1 < begins.position <= trimmed.position + 1:
            return GENESIS
        if begins.position == trimmed.position + 1:
            return trimmed
        first = await self.log.read(begins.position - 1, count=1)  # it was not trimmed to the end
        return Head(begins.position - 1, "", prevhash(first[0].event)) if first else GENESIS

    def _own(self) -> list[Chain]:
        """How far this instance has been, in each way that it knows of."""
        follower, journal = self.tracked.follower, self.tracked.journal
        known = [follower.applied.chain, follower.remembered, journal.chain if journal else None]
        return [chain for chain in known if chain is not None]

    def furthest(self) -> Chain:
        """The furthest of those."""
        return max(self._own(), key=lambda chain: chain.head.position)

    def trimmed(self) -> Head:
        """The event through which the log was trimmed, as far as this instance knows."""
        return max(chain.trimmed for chain in self._own())

    async def log_id(self) -> str:
        """Of the log that this instance knows, else of the one that is there; "" when there is none."""
        for chain in self._own():
            if chain.log_id:
                return chain.log_id
        try:
            first = await self.log.read(0, count=1)
        except LogGap:
            return ""
        if not first or first[0].position != 1:
            return ""
        _, outcome = read(Chain(), first[0], self.keys)
        opened = outcome.event if isinstance(outcome, Recorded) else None
        return opened.log_id if isinstance(opened, LogOpened) else ""

    # --- the log ----------------------------------------------------------------------------------

    async def _head(self, position: int, stored: str) -> Head:
        if not position:
            return GENESIS
        entry = await self.entry(position)
        if entry is None or entry.hash != stored:
            raise LogDiverged("the log is being changed while it is looked at")
        return Head(position, stored, digest(entry.event))

    async def entry(self, position: int) -> Entry | None:
        """What the log holds at ``position``."""
        try:
            found = await self.log.read(position - 1, count=1)
        except StrayId:
            return None
        return found[0] if found and found[0].position == position else None

    async def _of_log(self, asked: set[int], head: Head, said: set[str]) -> dict[int, str]:
        """The hashes there. The stored one is right where somebody has said the same: an entry is
        read only where it may be that its bytes have another one."""
        hashes = {head.position: head.digest} if head.position else {}
        trimmed = self.trimmed()
        for position in asked - hashes.keys():
            if 0 < position < head.position:
                stored = (await self.log.pulse(position)).stored_at
                if stored is None and position <= trimmed.position:
                    stored = await self._of_archive(position, trimmed)
                elif stored is not None and stored not in said:
                    entry = await self.entry(position)
                    stored = digest(entry.event) if entry else None
                if stored is not None:
                    hashes[position] = stored
        return hashes

    async def _of_archive(self, position: int, trimmed: Head) -> str | None:
        """The hash of what was trimmed, by this instance's journal, if that is of this log."""
        journal = self.tracked.journal
        if journal is None or position < journal.first:
            return None
        last = await journal.behind(trimmed.position - 1, 1)
        if not last or digest(last[0].event) != trimmed.digest:
            return None
        found = await journal.behind(position - 1, 1)
        return digest(found[0].event) if found else None

    async def misses(self, position: int) -> str | None:
        """What stands in the way of reading on behind ``position``, if it is not the end."""
        try:
            found = await self.log.read(position, count=1)
        except LogGap as error:
            return str(error)
        if found and found[0].position != position + 1:
            return str(LogGap(position + 1, f"{found[0].position}-0"))
        return None

    # --- tails ------------------------------------------------------------------------------------

    async def _tails(
        self, asked: set[int], words: Sequence[tuple[str, Word]], head: Head
    ) -> tuple[list[Side], dict[str, Behind]]:
        tails: list[Side] = []
        holders: dict[str, Behind] = {}
        beyond = [(name, word) for name, word in words if word.position > head.position]
        journal = self.tracked.journal
        if journal and journal.chain.head.position:
            tails.append(await _of_journal(journal, asked))
            holders[JOURNAL] = journal.behind
        if not beyond:
            return tails, holders
        if recent := self.tracked.tail.entries:
            tails.append(side(MEMORY, recent))
            holders[MEMORY] = _reader(recent)
        furthest = max(word.position for _, word in beyond)
        if max((tail.last for tail in tails), default=0) < furthest:
            for name, entries in (await self.offers({name for name, _ in beyond})).items():
                tails.append(side(name, entries))
                holders[name] = _reader(entries)
        return tails, holders

    async def offers(self, names: set[str]) -> dict[str, Sequence[Entry]]:
        """What these replicas offer, of those who have been furthest."""
        known = self.roll.of[self.name].known
        replicas = [
            known[name] for name in names if name in known and known[name].kind == "replica"
        ]
        replicas.sort(key=lambda each: (each.furthest.position, each.heard_at), reverse=True)
        found: dict[str, Sequence[Entry]] = {}
        for witness in replicas[:OFFERS_ASKED]:
            if len(found) == OFFERS_TAKEN:
                break
            lines = await self.reports.tail(witness.name)
            entries = await asyncio.to_thread(_parsed, lines) if lines else []
            if entries:
                found[witness.name] = entries
        return found


async def _of_journal(journal: Journal, asked: set[int]) -> Side:
    last, first = journal.chain.head, journal.first
    hashes = {last.position: last.digest}
    for position in asked:
        if first <= position < last.position:
            found = await journal.behind(position - 1, 1)
            if found and found[0].position == position:
                hashes[position] = digest(found[0].event)
    return Side(JOURNAL, first, last.position, hashes, await journal.before())


def side(name: str, entries: Sequence[Entry]) -> Side:
    """A tail as a side."""
    hashes = {entry.position: digest(entry.event) for entry in entries}
    return Side(name, entries[0].position, entries[-1].position, hashes, prevhash(entries[0].event))


def _parsed(lines: bytes) -> list[Entry]:
    """The entries of an offered tail, as far as they follow upon each other: anybody may offer."""
    found: list[Entry] = []
    for line in lines.split(b"\n"):
        try:
            entry = from_line(line)
        except BadLine:
            break
        if found and entry.position != found[-1].position + 1:
            break
        found.append(entry)
    return found


def _reader(entries: Sequence[Entry]) -> Behind:
    async def behind(position: int) -> Sequence[Entry]:
        size = 0
        some: list[Entry] = []
        for entry in entries:
            if entry.position > position and len(some) < READ_COUNT:
                size += len(entry.event)
                if some and size > MAX_READ_BYTES:
                    break
                some.append(entry)
        return some

    return behind
