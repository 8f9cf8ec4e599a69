"""Membership: the claim on a replica id, heartbeats and reports; both ends of them.

The one adapter outside of ``events.streams`` that speaks to Redis.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from events.errors import ClaimHeld, ClaimLost
from events.streams.feeds import BLOCK_SECONDS, CLAIM_MILLISECONDS, REPORTS_KEPT
from events.streams.keys import Keys
from events.streams.link import Command, Link, Script
from events.streams.naming import Unexpected
from projections.reports import AdminReport, Report

_CLAIM, _LEAVE, _REAP = Script.load("claim"), Script.load("leave"), Script.load("reap")
RECENT_SECONDS = 5
"""Reports older than this say nothing of who is there now."""
REPORTS_RECALLED = 5_000
TAIL_SECONDS = 10.0
CLAIM_LOOKS = 0.2
"""Seconds between two looks at a claim that another instance holds."""
OFFER_MILLISECONDS = 60_000
"""How long an offered tail outlives its last renewal; it is renewed with every heartbeat."""
MAX_OFFER_BYTES = 8 * 1024 * 1024
"""A tail holds at most 4 MiB of events, which base64 makes a third longer. More was not offered by us."""


@dataclass(slots=True)
class Membership:
    """One replica's side. ``instance`` is the random id of this run of the process."""

    link: Link
    keys: Keys
    replica: str
    instance: str
    _offered: bytes | None = None

    async def claim(self) -> None:
        """Take the replica id; wait for a dead holder's claim to run out.

        Raises ``ClaimHeld`` as soon as the holder is seen to renew its claim.
        """
        left = CLAIM_MILLISECONDS + 1
        while True:
            holder, remaining = await self._renew()
            if holder == self.instance:
                return
            if remaining > left:
                raise ClaimHeld(
                    f"the replica id {self.replica!r} is in use by another running process; "
                    "give this one its own PROMPTCAST_REPLICA_ID"
                )
            left = remaining
            await asyncio.sleep(CLAIM_LOOKS)

    async def beat(self, report: Callable[[], bytes]) -> None:
        """Renew the claim, and publish ``report``. Raises ``ClaimLost`` when it is another's."""
        holder, _ = await self._renew()
        if holder != self.instance:
            raise ClaimLost(f"another process has taken over the replica id {self.replica!r}")
        await self.publish(report)

    async def publish(self, report: Callable[[], bytes]) -> None:
        """Publish ``report``, which is made as it goes out: at a server that has just taken another's
        place nobody may be heard to have less than it has."""
        await self.link.call_as_sent(lambda: _added(self.keys, "report", report()))

    async def offer(self, lines: bytes) -> None:
        """Let admins have the last entries that are held here, as lines; for a minute from now.

        The same bytes again are not sent again, as long as they are still there.
        """
        key = self.keys.tail(self.replica)
        if lines is self._offered and await self.link.call("PEXPIRE", key, OFFER_MILLISECONDS):
            return
        await self.link.call("SET", key, lines, "PX", OFFER_MILLISECONDS)
        self._offered = lines

    async def withdraw(self) -> None:
        """Take the offer back: the log holds all of it."""
        await self.link.call("DEL", self.keys.tail(self.replica))
        self._offered = None

    async def leave(self, last_word: bytes) -> None:
        """Say good-bye: the group and the claim go, and the fleet is told."""
        keys = [self.keys.log, self.keys.replica(self.replica)]
        if await self.link.run(_LEAVE, keys, self.replica, self.instance):
            await self.publish(lambda: last_word)

    async def _renew(self) -> tuple[str, int]:
        key = self.keys.replica(self.replica)
        holder, left = await self.link.run(_CLAIM, [key], self.instance, CLAIM_MILLISECONDS)
        return holder.decode(errors="replace"), left


def _added(keys: Keys, field: str, report: bytes) -> Command:
    return ("XADD", keys.reports, "MAXLEN", "~", REPORTS_KEPT, "*", field, report)


@dataclass(slots=True)
class AdminVoice:
    """One admin's side: it is no member, but says how far it knows the logs."""

    link: Link
    keys: Keys

    async def say(self, report: Callable[[], AdminReport]) -> None:
        """Publish ``report``, made as it goes out, among those of the replicas."""
        await self.link.call_as_sent(lambda: _added(self.keys, "admin", report().to_bytes()))

    async def close(self) -> None:
        """Drop the connection."""
        await self.link.close()


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group of the log, by Redis's own word: what was delivered, and not acknowledged."""

    replica: str
    delivered: int
    pending: int


Reaped = Literal["reaped", "alive", "another", "gone"]
"""What became of a reaping; ``gone``: nobody holds its claim, and it has no group."""


@dataclass(slots=True)
class Reports:
    """An admin's side: every report from now on, offered tails, and the log's consumer groups."""

    link: Link
    """Blocks; used by :meth:`next` alone."""
    looks: Link
    keys: Keys
    _last: str = "0-0"

    async def next(self) -> list[Report | AdminReport]:
        """Reports since the last call, waiting some seconds for one; what is no report is left out.

        Call :meth:`recent` once before.
        """
        reply = await self.link.call(
            "XREAD", "COUNT", 500, "BLOCK", int(BLOCK_SECONDS * 1000),
            "STREAMS", self.keys.reports, self._last, seconds=BLOCK_SECONDS + 2,
        )  # fmt: skip
        if not reply:
            return []
        (found,) = reply.values()
        self._last = found[-1][0].decode()
        parsed = (_parsed(fields) for _, fields in found)
        return [report for report in parsed if report is not None]

    async def recent(self) -> list[Report | AdminReport]:
        """The reports of the last seconds, oldest first: so a new admin knows the fleet at once.

        Where there was a call before, also every last word since: whoever left would be waited for.
        """
        (seconds, _), found = await self.looks.calls(
            [
                ("TIME",),
                ("XREVRANGE", self.keys.reports, "+", "-", "COUNT", REPORTS_RECALLED),
            ]
        )
        # where there is none, from the beginning: another server's clock may be behind the last one's
        known, self._last = _order(self._last), found[0][0].decode() if found else "0-0"
        since = (int(seconds) - RECENT_SECONDS) * 1000, 0
        missed = known if any(known) else since
        dated = ((_order(id.decode()), fields) for id, fields in reversed(found))
        told = ((at, _parsed(fields)) for at, fields in dated if at >= since or at > missed)
        return [report for at, report in told if report and (report.left or at >= since)]

    async def tail(self, name: str) -> bytes | None:
        """What the replica ``name`` offers: lines of entries; None when it offers nothing."""
        found: bytes = await self.looks.call(
            "GETRANGE", self.keys.tail(name), 0, MAX_OFFER_BYTES, seconds=TAIL_SECONDS
        )
        return found if 0 < len(found) <= MAX_OFFER_BYTES else None

    async def reap(self, replica: str, instance: str, last_word: bytes) -> Reaped:
        """Make ``replica`` no member, if nobody holds its claim and no other instance than ``instance``
        (empty: any) has its group; ``last_word`` is then published. What was done, or why not."""
        keys = [self.keys.log, self.keys.replica(replica), self.keys.reports]
        done = await self.looks.run(
            _REAP, keys, replica, instance, last_word, REPORTS_KEPT, CLAIM_MILLISECONDS
        )
        found: Reaped = done.decode()
        return found

    async def groups(self) -> list[Group]:
        """The log's consumer groups; none when there is no log."""
        try:
            found = await self.looks.call("XINFO", "GROUPS", self.keys.log)
        except Unexpected:
            return []
        return [_group(fields) for fields in found]

    async def close(self) -> None:
        """Drop the connections."""
        await self.link.close()
        await self.looks.close()


def _order(id: str) -> tuple[int, int]:
    """Ids of a stream in order."""
    milliseconds, _, number = id.partition("-")
    return int(milliseconds), int(number)


def _parsed(fields: Sequence[bytes]) -> Report | AdminReport | None:
    named = dict(zip(fields[::2], fields[1::2], strict=False))
    if b"admin" in named:
        return AdminReport.parse(named[b"admin"])
    return Report.parse(named.get(b"report", b""))


def _group(fields: Any) -> Group:
    named = (
        fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))
    )
    delivered = named[b"last-delivered-id"].partition(b"-")[0]
    return Group(named[b"name"].decode(errors="replace"), int(delivered), named[b"pending"])
