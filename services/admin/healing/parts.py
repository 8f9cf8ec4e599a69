"""What healing is made of in one admin instance: gates, healers, the roll, the voice, the fork files."""

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any

from events.streams.keys import Keys
from events.streams.link import Connect, Link
from events.streams.log import RedisLog
from services.admin.healing.files import own_name
from services.admin.healing.forks import ForkFiles
from services.admin.healing.gate import Gate
from services.admin.healing.gathering import Gathering
from services.admin.healing.giving_up import GivingUp
from services.admin.healing.healer import Healer
from services.admin.healing.latecomers import Latecomers
from services.admin.healing.loud import Loud
from services.admin.healing.putting_back import PuttingBack
from services.admin.healing.roll import LOGS, LogName, Roll
from services.admin.healing.settling import Settling
from services.admin.healing.voice import Voice
from services.admin.journal.archive import archive_of
from services.admin.tracked import Tracked
from services.membership import AdminVoice, Reports
from services.metrics import AdminMetrics
from services.owned import Owned, persist
from services.settings import Settings

Work = Callable[[], Coroutine[Any, Any, None]]
HEAR_SECONDS = 0.3
"""Between two tries to speak, at most: saving waits for what is said."""


@dataclass(slots=True)
class LogParts:
    """One log's part of it."""

    healer: Healer
    settling: Settling
    latecomers: Latecomers

    @property
    def log(self) -> RedisLog:
        """The connections that only healing uses."""
        return self.healer.gathering.log


@dataclass(slots=True)
class Healing:
    """All of it, for both logs."""

    roll: Roll
    voice: Voice
    forks: ForkFiles
    of: dict[LogName, LogParts]
    reports: Reports

    async def begin(self) -> None:
        """Recall whom this admin knew; before anything is started."""
        await self.roll.load()
        await asyncio.to_thread(self.forks.count)

    def works(self) -> list[Work]:
        """All that runs in the background."""
        works: list[Work] = [self._speak, self.roll.keep_up]
        for parts in self.of.values():
            works += [parts.healer.run, partial(persist, "latecomers", parts.latecomers.run)]
        return works

    async def _speak(self) -> None:
        await persist("voice", self.voice.run, HEAR_SECONDS)

    def start(self, owned: Owned) -> None:
        """Start it."""
        for number, work in enumerate(self.works()):
            owned.start(f"healing {number}", work())

    async def leave(self) -> None:
        """Say the last word, keep the roll, and let go."""
        await self.voice.last_word()
        await self.roll.save()
        await self.reports.close()
        for parts in self.of.values():
            await parts.log.close()

    def views(self) -> list[dict[str, Any]]:
        """How saving goes, for each log."""
        return [parts.healer.loud.view() for parts in self.of.values()]


def build_healing(
    settings: Settings,
    connect: Connect,
    keys: Keys,
    metrics: AdminMetrics,
    tracked: dict[LogName, Tracked[Any]],
    tell: Callable[[dict[str, Any]], None],
) -> Healing:
    """The parts over one server; nothing is connected or started. ``tell`` hears how saving goes."""
    name = own_name(settings.state_dir, settings.port)
    path = settings.state_dir / "members.json" if settings.state_dir else None
    roll = Roll(name, secrets.token_hex(8), path, settings.reap_after)
    forks = ForkFiles(settings.state_dir / "forks" if settings.state_dir else None, metrics)
    reports = Reports(Link(connect), Link(connect), keys)
    streams: dict[LogName, Keys] = {"log": keys, "access": keys.access}
    of = {}
    for log in LOGS:
        gate = tracked[log].gate
        own = RedisLog.over(connect, streams[log], noted=gate.noted)
        own.clock, own.archive = tracked[log].log.clock, archive_of(tracked[log])
        gathering = Gathering(log, own, tracked[log], roll, reports)
        source = f"/promptcast/{settings.namespace}" + ("" if log == "log" else "/access")
        putting_back = PuttingBack(own, tracked[log], source)
        loud = Loud(gate, metrics, own.clock.now, [tell])
        healer = Healer(
            gate, gathering, putting_back, loud, settings.rejoin_after, settings.open_after
        )
        giving_up = GivingUp(gathering, forks)
        settling = Settling(healer, forks, giving_up)
        tracked[log].follower.giving_up = giving_up.give_up
        of[log] = LogParts(healer, settling, Latecomers(healer, giving_up))
    knows = {log: parts.healer.gathering.furthest for log, parts in of.items()}
    voice = Voice(AdminVoice(Link(connect), keys), roll, knows)
    roll.ask_again = voice.at_once
    return Healing(roll, voice, forks, of, reports)


def gates() -> dict[LogName, Gate]:
    """A gate for each log, shut."""
    return {log: Gate(log) for log in LOGS}
