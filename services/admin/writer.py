"""The writer: from a command to an event in the log. Decide, append, and decide again if it moved."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol, assert_never

import uuid_utils

from events.chain import Chain, Head
from events.envelope import Stamp
from events.errors import AppendExpired, Conflict, LogDiverged, LogError, LogUnavailable
from events.log import Draft, EventLog
from events.model import MAIN, Event, PromptArchived, PromptEvent, PromptRestored, PromptSaved
from events.signing import KeyRing
from events.writing import appended, seal
from projections.decisions import (
    Archive,
    Content,
    Replayed,
    Restore,
    Save,
    Unchanged,
    decide_archive,
    decide_restore,
    decide_save,
)
from projections.history import Action, Activated, PromptHistory
from projections.refusals import NotFound, Refused
from services.admin.mirror import Mirror
from services.admin.views import Change

APPEND_SECONDS = 5.0
"""An append lands within this time or never."""
CHANGE_SECONDS = 10.0
"""For a whole change, its turn in the queue and every decide-again round included."""

Command = Save | Restore | Archive
Decision = PromptSaved | PromptRestored | PromptArchived | Unchanged | Replayed


class WriteObserver(Protocol):
    """Told of what came of commands and appends."""

    def settled(self, action: Action, outcome: str) -> None:
        """A command ended: ``done``, ``unchanged``, ``replayed``, ``refused`` or ``failed``."""
        ...

    def appended(self, seconds: float) -> None:
        """An append took this long."""
        ...


@dataclass(slots=True)
class Writer:
    """Carries commands out, one at a time: the one append queue of this process."""

    log: EventLog
    mirror: Mirror
    keys: KeyRing
    source: str
    observer: WriteObserver
    new_id: Callable[[], str] = lambda: str(uuid_utils.uuid7())
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def change(self, command: Command, actor: str) -> Change:
        """Carry ``command`` out. Raises ``Refused``, or the ``LogError`` that stood in the way."""
        action = _action(command)
        try:
            change = await self._in_turn(command, actor)
        except Refused:
            self.observer.settled(action, "refused")
            raise
        except LogError:
            self.observer.settled(action, "failed")
            raise
        self.observer.settled(action, _outcome(change))
        return change

    async def _in_turn(self, command: Command, actor: str) -> Change:
        """Only waiting is cut short: an append that is under way is seen through to its end."""
        deadline = monotonic() + CHANGE_SECONDS
        try:
            async with asyncio.timeout(CHANGE_SECONDS):
                await self._turn.acquire()
        except TimeoutError:
            raise LogUnavailable("too many changes are waiting; nothing was written") from None
        try:
            while monotonic() < deadline:
                change = await self._attempt(command, actor)
                if change:
                    return change
        finally:
            self._turn.release()
        raise LogUnavailable("others keep changing the log; nothing was written")

    async def _attempt(self, command: Command, actor: str) -> Change | None:
        """One round: the change, or None when the log has moved and it must be decided again.

        What appends nothing is an answer too, and is given only by the log's head. ``seen`` is what
        it is decided upon: the mirror may move on at every ``await``.
        """
        seen = self.mirror.follower.applied.chain
        try:
            decision = await self._decide(command)
        except Refused:
            if await self._is_head(seen):
                raise
            return None
        if isinstance(decision, Replayed):
            return self._replayed(decision, command)
        if not isinstance(decision, Unchanged):
            return await self._append(decision, command, actor, seen)
        known = decision.history
        confirmed = await self._is_head(seen)
        return _change(known, known.last, unchanged=True) if confirmed else None

    async def _is_head(self, seen: Chain) -> bool:
        """Whether the log ends where ``seen`` does; if not, the mirror is caught up."""
        return await self.mirror.confirm() and self.mirror.follower.applied.chain is seen

    async def _decide(self, command: Command) -> Decision:
        history = self.mirror.history
        match command:
            case Save():
                return decide_save(history, command)
            case Restore():
                return decide_restore(history, command, await self._content(command))
            case Archive():
                return decide_archive(history, command)
            case _:
                assert_never(command)

    async def _content(self, command: Restore) -> Content | None:
        known = self.mirror.history.prompts.get(command.prompt)
        record = known.find(command.version) if known else None
        return await self.mirror.content(record) if record else None

    async def _append(
        self, event: PromptEvent, command: Command, actor: str, seen: Chain
    ) -> Change | None:
        """The change, or None when the head has moved and it must be decided again."""
        after = self._opened(seen)
        draft = self._seal(event, command, actor, after)
        started = monotonic()
        try:
            at = await self.log.append(draft, after, APPEND_SECONDS)
        except (Conflict, AppendExpired):
            await self.mirror.confirm()
            return None
        ended = monotonic()
        self.observer.appended(ended - started)
        self.mirror.follower.advance([appended(draft, after, at)])
        known = self.mirror.history.prompts[event.prompt]
        return _change(known, _at(known, after.position + 1), appended_at=ended)

    def _opened(self, seen: Chain) -> Head:
        """Where an event goes. A log that was not opened takes none: it might be one that is gone."""
        if seen.log_id:
            return seen.head
        if self.mirror.follower.state == "diverged":
            raise LogDiverged("there was a log, and it is missing")
        raise LogUnavailable("the log is not opened yet; nothing was written")

    def _seal(self, event: Event, command: Command, actor: str, after: Head) -> Draft:
        now = self.log.clock.now()
        stamp = Stamp(self.new_id(), self.source, now, actor, command.request)
        return seal(event, stamp, after, self.keys)

    def _replayed(self, decision: Replayed, command: Command) -> Change:
        known = self.mirror.history.prompts[command.prompt]
        return _change(known, _at(known, decision.position), replayed=True)


def _at(known: PromptHistory, position: int) -> Activated:
    """What the event at ``position`` did; it need not be the last, for others write too."""
    return next(each for each in reversed(known.activations) if each.position == position)


def _change(
    known: PromptHistory,
    activation: Activated,
    *,
    unchanged: bool = False,
    replayed: bool = False,
    appended_at: float | None = None,
) -> Change:
    version = activation.version or known.versions[-1].version
    record = known.find(version)
    if record is None:
        raise NotFound(f"{known.name!r} has no version {version}")
    return Change(
        action=activation.action,
        prompt=known.name,
        branch=MAIN,
        version=activation.version,
        position=activation.position,
        revision=activation.position,
        hash=activation.hash.hex(),
        content_hash=record.content_hash.hex(),
        author=activation.author,
        recorded_at=activation.recorded_at,
        unchanged=unchanged,
        replayed=replayed,
        appended_at=appended_at,
    )


def _action(command: Command) -> Action:
    actions: dict[type, Action] = {Save: "saved", Restore: "restored", Archive: "archived"}
    return actions[type(command)]


def _outcome(change: Change) -> str:
    return "replayed" if change.replayed else "unchanged" if change.unchanged else "done"
