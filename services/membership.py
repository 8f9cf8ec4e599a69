"""Membership: the claim on a replica id, heartbeats and reports; both ends of them.

The one adapter outside of ``events.streams`` that speaks to Redis.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from events.errors import ClaimHeld, ClaimLost
from events.streams.feeds import BLOCK_SECONDS, CLAIM_MILLISECONDS, REPORTS_KEPT
from events.streams.keys import Keys
from events.streams.link import Link, Script, Unexpected
from projections.reports import Report

_CLAIM, _LEAVE = Script.load("claim"), Script.load("leave")
RECENT_SECONDS = 5
"""Reports older than this say nothing of who is there now."""
REPORTS_RECALLED = 5_000
CLAIM_LOOKS = 0.2
"""Seconds between two looks at a claim that another instance holds."""


@dataclass(slots=True)
class Membership:
    """One replica's side. ``instance`` is the random id of this run of the process."""

    link: Link
    keys: Keys
    replica: str
    instance: str

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

    async def beat(self, report: bytes) -> None:
        """Renew the claim, and publish ``report``. Raises ``ClaimLost`` when it is another's."""
        holder, _ = await self._renew()
        if holder != self.instance:
            raise ClaimLost(f"another process has taken over the replica id {self.replica!r}")
        await self.publish(report)

    async def publish(self, report: bytes) -> None:
        """Publish ``report``."""
        await self.link.call(
            "XADD", self.keys.reports, "MAXLEN", "~", REPORTS_KEPT, "*", "report", report
        )

    async def leave(self, last_word: bytes) -> None:
        """Say good-bye: the group and the claim go, and the fleet is told."""
        keys = [self.keys.log, self.keys.replica(self.replica)]
        if await self.link.run(_LEAVE, keys, self.replica, self.instance):
            await self.publish(last_word)

    async def _renew(self) -> tuple[str, int]:
        key = self.keys.replica(self.replica)
        holder, left = await self.link.run(_CLAIM, [key], self.instance, CLAIM_MILLISECONDS)
        return holder.decode(errors="replace"), left


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group of the log, by Redis's own word: what was delivered, and not acknowledged."""

    replica: str
    delivered: int
    pending: int


@dataclass(slots=True)
class Reports:
    """An admin's side: every report from now on, and the log's consumer groups."""

    link: Link
    """Blocks; used by :meth:`next` alone."""
    looks: Link
    keys: Keys
    _last: str = "0-0"

    async def next(self) -> list[Report]:
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
        parsed = (Report.parse(_field(fields)) for _, fields in found)
        return [report for report in parsed if report is not None]

    async def recent(self) -> list[Report]:
        """The reports of the last seconds, oldest first: so a new admin knows the fleet at once."""
        (seconds, _), found = await self.looks.calls(
            [
                ("TIME",),
                ("XREVRANGE", self.keys.reports, "+", "-", "COUNT", REPORTS_RECALLED),
            ]
        )
        if found:
            self._last = found[0][0].decode()
        since = (int(seconds) - RECENT_SECONDS) * 1000
        found = [(id, fields) for id, fields in found if int(id.partition(b"-")[0]) >= since]
        parsed = (Report.parse(_field(fields)) for _, fields in reversed(found))
        return [report for report in parsed if report is not None]

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


def _field(fields: Sequence[bytes]) -> bytes:
    named = dict(zip(fields[::2], fields[1::2], strict=False))
    return named.get(b"report", b"")


def _group(fields: Any) -> Group:
    named = (
        fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))
    )
    delivered = named[b"last-delivered-id"].partition(b"-")[0]
    return Group(named[b"name"].decode(errors="replace"), int(delivered), named[b"pending"])
