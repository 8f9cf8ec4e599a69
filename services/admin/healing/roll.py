"""The roll: everybody's last word on each log, in this process's memory and on its disk.

Whoever speaks of a log in doubt must have done so after it came into doubt. Clocks cannot show that
(the server may be another one): so this admin says something itself at that moment, and what stands
behind its own words in the stream of reports was said after them.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Literal, get_args

import structlog

from projections.reports import AdminReport, Report
from projections.witnesses import (
    Kind,
    Witness,
    Witnesses,
    Word,
    doubted,
    heard,
    left,
    overruled,
    settled,
)
from services.admin.healing.files import replace_file

LogName = Literal["log", "access"]
LOGS: tuple[LogName, ...] = get_args(LogName)
SAVE_SECONDS = 5.0
_ADMIN = "admin "
"""What an admin's name begins with here: no replica's id has a space."""


@dataclass(slots=True)
class Roll:
    """Of both logs. ``me`` is this admin's name, ``instance`` the random id of this run of it."""

    me: str
    instance: str
    path: Path | None = None
    """Where the last words are kept, so that a restarted admin knows whom to wait for."""
    forget_after: float = 3600.0
    of: dict[LogName, Witnesses] = field(
        default_factory=lambda: {name: Witnesses(in_doubt=True) for name in LOGS}
    )
    spoken: dict[LogName, set[str]] = field(default_factory=lambda: {name: set() for name in LOGS})
    """Who has spoken since the log came into doubt."""
    ask_again: Callable[[], None] = lambda: None
    """Makes this admin speak at once."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    sequence: int = 0
    """Of this admin's own reports."""
    since: float = field(default_factory=monotonic)
    """Since when this process listens."""
    recalled: dict[LogName, bool] = field(default_factory=lambda: dict.fromkeys(LOGS, False))
    """Whether it is known from an earlier run whom to wait for."""
    _behind: dict[LogName, int] = field(default_factory=lambda: dict.fromkeys(LOGS, 1))
    """Words count once the own report of this sequence was heard."""
    _heard: int = 0

    def doubt(self, name: LogName) -> None:
        """The log is in doubt: everybody has to speak again."""
        self.of[name] = doubted(self.of[name])
        self.spoken[name] = set()
        self._behind[name] = self.sequence + 1
        self.ask_again()

    @property
    def former(self) -> str:
        """An earlier run of this admin. What it said counts where no journal has it; it will not come
        back."""
        return _ADMIN + self.me

    def is_heard(self, name: LogName) -> bool:
        """Whether this admin has heard itself since the log came into doubt."""
        return self._heard >= self._behind[name]

    def settle(self, name: LogName) -> None:
        """The log is whole."""
        self.of[name] = settled(self.of[name])

    def overrule(self, name: LogName, witness: str) -> None:
        """What this one alone holds was given up and kept elsewhere."""
        self.of[name] = overruled(self.of[name], witness)

    def hear(self, report: Report | AdminReport) -> None:
        """Take in what somebody said."""
        if isinstance(report, Report):
            word = Word(report.position, report.hash)
            diverged = report.state == "diverged"
            self._hear("log", report.replica, "replica", report.log_id, word, diverged, report.left)
        elif report.instance == self.instance:
            self._heard = max(self._heard, report.sequence)
        elif report.admin != self.me or self.path is None:
            for name in LOGS:
                if told := report.logs.get(name):
                    word, id = Word(told.position, told.hash), told.log_id or None
                    self._hear(name, _ADMIN + report.admin, "admin", id, word, False, report.left)
        self.news.set()

    def _hear(
        self, name: LogName, witness: str, kind: Kind, log_id: str | None, word: Word,
        diverged: bool, has_left: bool,
    ) -> None:  # fmt: skip
        of = heard(self.of[name], witness, kind, log_id, word, monotonic(), diverged)
        self.of[name] = left(of, witness) if has_left else of
        if self.is_heard(name):
            self.spoken[name].add(witness)

    # --- on disk ----------------------------------------------------------------------------------

    async def load(self) -> None:
        """Recall whom this admin knew; nothing, when nothing readable was kept."""
        if self.path is None:
            return
        try:
            kept = json.loads(await asyncio.to_thread(self.path.read_text))
            for name in LOGS:
                known = {each["name"]: _witness(each) for each in kept[name]}
                self.of[name] = Witnesses(known, in_doubt=True)
                self.recalled[name] = bool(known)
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            structlog.get_logger().warning("members_not_recalled", error=repr(error)[:200])

    async def keep_up(self) -> None:
        """Keep it on disk, until cancelled."""
        if self.path is None:
            await asyncio.Event().wait()
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            self._forget_old()
            await self.save()

    async def save(self) -> None:
        """Keep it on disk as it is now."""
        if self.path is None:
            return
        kept = {name: [_kept(each) for each in self.of[name].known.values()] for name in LOGS}
        try:
            await asyncio.to_thread(replace_file, self.path, json.dumps(kept).encode())
        except OSError as error:
            structlog.get_logger().error("members_not_kept", error=str(error))

    def _forget_old(self) -> None:
        """Who was silent for so long is nobody's member any more; its name may never come again."""
        before = monotonic() - self.forget_after
        for name in LOGS:
            if not self.of[name].in_doubt:
                for witness in list(self.of[name].known.values()):
                    if witness.heard_at < before:
                        self.of[name] = left(self.of[name], witness.name)


def _kept(witness: Witness) -> dict[str, Any]:
    silent = max(0.0, monotonic() - witness.heard_at)
    fields = asdict(witness)
    del fields["heard_at"]
    return {**fields, "silent": silent if silent < 1e9 else None}


def _witness(kept: dict[str, Any]) -> Witness:
    silent = kept.pop("silent")
    kept["heard_at"] = float("-inf") if silent is None else monotonic() - float(silent)
    kept["last"] = Word(*kept["last"])
    kept["words"] = tuple(Word(*each) for each in kept["words"])
    return Witness(**kept)
