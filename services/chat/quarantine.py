"""The quarantine: events that broke this replica's loader, and are not tried again.

An exception or a hang is caught in the act. A process that died while it was loading has left a mark:
one such death may be somebody's ``kill -9``, so it only makes what was marked suspected, and each
of those is then loaded by itself; who dies a second time there has died of that one.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import structlog

from events.chain import Chain, Reason, Rejected
from events.errors import PromptcastError
from events.model import Event
from events.signing import KeyRing
from projections.snapshot import Snapshot, pack, unpack
from services.chat import kept_file
from services.chat.marks import Mark

KEPT = 100
"""Events; beyond that the oldest are forgotten."""
MAX_FILE_BYTES = 1024 * 1024
_log = structlog.stdlib.get_logger()


class TriedBefore(PromptcastError):
    """It broke the loader before."""


class Quarantined(NamedTuple):
    """An event that is not tried again, nor its content under another event; "" is not known."""

    position: int
    hash: str
    prompt: str
    content: str
    detail: str

    def rejected(self) -> Rejected:
        """As it is reported."""
        detail = f"it broke this replica's loader before: {self.detail}"
        return Rejected(self.position, Reason.CRASHED, detail, prompt=self.prompt or None)


def _not_shown(_count: int) -> None:
    return None


@dataclass(slots=True)
class Quarantine:
    """Kept in one file, if there is a ``path``; ``shown`` is told how many there are."""

    path: Path | None = None
    keys: KeyRing = field(default_factory=KeyRing)
    shown: Callable[[int], None] = _not_shown
    events: dict[tuple[int, str], Quarantined] = field(default_factory=dict)
    suspected: tuple[int, int] | None = None
    """First and last position of what a process has died at, once."""
    _changed: bool = False
    _trouble: str = ""

    def known(self, position: int, hash: str) -> Quarantined | None:
        """This very event, if it is in here."""
        return self.events.get((position, hash[:64])) if self.events else None

    def concerns(self, event: Event) -> bool:
        """Whether something of the same prompt is in here."""
        prompt = getattr(event, "prompt", None)
        return any(each.prompt == prompt for each in self.events.values())

    def same(self, prompt: str, content: str) -> Quarantined | None:
        """An event in here that made the same content live, such as the save of what is restored."""
        same = (
            each
            for each in self.events.values()
            if (each.prompt, each.content) == (prompt, content)
        )
        return next(same, None) if content else None

    def is_suspected(self, first: int, last: int) -> bool:
        """Whether one of these positions is."""
        return bool(self.suspected and self.suspected[0] <= last and first <= self.suspected[1])

    def add(self, what: Quarantined) -> None:
        """Do not try this again."""
        self.events[what.position, what.hash[:64]] = what
        while len(self.events) > KEPT:
            del self.events[next(iter(self.events))]
        self._changed = True
        self.shown(len(self.events))
        _log.error(
            "event_quarantined",
            position=what.position,
            prompt=what.prompt or None,
            detail=what.detail,
        )

    def died(self, mark: Mark) -> None:
        """A process has died while it was loading this."""
        self._changed = True
        if mark.first == mark.last and self.is_suspected(mark.first, mark.last):
            self.suspected = None
            detail = "the process died of it, twice"
            self.add(Quarantined(mark.last, mark.hash, mark.prompt, mark.content, detail))
        else:
            self.suspected = mark.first, mark.last
            _log.warning("loader_died", first=mark.first, last=mark.last)

    def recall(self) -> None:
        """Take up what was kept; what cannot be trusted is refused, and told. Blocks."""
        try:
            kept = kept_file.read(self.path, MAX_FILE_BYTES) if self.path else None
            if kept is None:
                return
            self._load(kept)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            self.events, self.suspected = {}, None
            _log.error("quarantine_refused", error=str(error)[:200])
        self.shown(len(self.events))

    def _load(self, kept: bytes) -> None:
        snapshot = unpack(kept, self.keys, "quarantine")
        if snapshot is None:
            raise ValueError("damaged, or not signed by one of our keys")
        for position, *texts in snapshot.state["events"][:KEPT]:
            if type(position) is not int or not all(isinstance(text, str) for text in texts):
                raise ValueError("of another shape")
            hash, prompt, content, detail = texts
            self.events[position, hash] = Quarantined(position, hash, prompt, content, detail)
        if suspected := snapshot.state["suspected"]:
            first, last = suspected
            if type(first) is not int or type(last) is not int:
                raise ValueError("of another shape")
            self.suspected = first, last

    async def keep(self, applied: int) -> bool:
        """Keep what is new; whether all is kept. What was suspected and is applied by now is above
        suspicion."""
        if self.suspected and self.suspected[1] <= applied:
            self.suspected, self._changed = None, True
        if self._changed:
            await asyncio.to_thread(self.write)
        return not self._trouble

    def write(self) -> None:
        """Write the file if there is something new. Blocks; an error is told, and tried again."""
        if self.path is None or not self._changed:
            return
        self._changed = False
        state = {
            "events": [list(each) for each in tuple(self.events.values())],
            "suspected": self.suspected,
        }
        try:
            kept_file.write(self.path, pack(Snapshot(Chain(), state, "quarantine"), self.keys))
            self._trouble = ""
        except OSError as error:
            self._changed = True
            if str(error) != self._trouble:
                self._trouble = str(error)
                _log.error("quarantine_not_kept", error=self._trouble)
