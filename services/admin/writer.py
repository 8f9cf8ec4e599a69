"""The writer: from a command to an event in the log. Decide, append, and decide again if it moved."""

from dataclasses import dataclass
from typing import Protocol, assert_never

from events.chain import Chain
from events.errors import LogError
from events.model import MAIN, PromptArchived, PromptEvent, PromptRestored, PromptSaved
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
from services.admin.appending import AppendQueue
from services.admin.mirror import Mirror
from services.admin.views import Change

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

    def not_durable(self, position: int) -> None:
        """What was appended there was not confirmed to be as durable as was asked for."""
        ...


@dataclass(slots=True)
class Writer:
    """Carries commands out, one at a time."""

    mirror: Mirror
    queue: AppendQueue
    observer: WriteObserver

    async def change(self, command: Command, actor: str) -> Change:
        """Carry ``command`` out. Raises ``Refused``, or the ``LogError`` that stood in the way."""
        action = _action(command)
        try:
            change = await self.queue.in_turn(lambda: self._attempt(command, actor))
        except Refused:
            self.observer.settled(action, "refused")
            raise
        except LogError:
            self.observer.settled(action, "failed")
            raise
        self.observer.settled(action, _outcome(change))
        return change

    async def _attempt(self, command: Command, actor: str) -> Change | None:
        """One round: the change, or None when the log has moved and it must be decided again.

        What appends nothing is an answer too, and is given only by the log's head. ``seen`` is what
        it is decided upon: the mirror may move on at every ``await``.
        """
        seen = self.mirror.follower.applied.chain
        try:
            decision = await self._decide(command)
        except Refused:
            if await self.queue.is_head(seen):
                raise
            return None
        if isinstance(decision, Replayed):
            return self._replayed(decision, command)
        if not isinstance(decision, Unchanged):
            return await self._append(decision, command, actor, seen)
        known = decision.history
        confirmed = await self.queue.is_head(seen)
        durable = self.queue.is_durable(known.last.position)
        return _change(known, known.last, durable, unchanged=True) if confirmed else None

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
        done = await self.queue.append(event, actor, seen, command.request)
        if done is None:
            return None
        self.observer.appended(done.seconds)
        known = self.mirror.history.prompts[event.prompt]
        return _change(known, _at(known, done.entry.position), done.durable, appended_at=done.ended)

    def _replayed(self, decision: Replayed, command: Command) -> Change:
        known = self.mirror.history.prompts[command.prompt]
        durable = self.queue.is_durable(decision.position)
        return _change(known, _at(known, decision.position), durable, replayed=True)


def _at(known: PromptHistory, position: int) -> Activated:
    """What the event at ``position`` did; it need not be the last, for others write too."""
    return next(each for each in reversed(known.activations) if each.position == position)


def _change(
    known: PromptHistory,
    activation: Activated,
    durable: bool,
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
        durable=durable,
    )


def _action(command: Command) -> Action:
    actions: dict[type, Action] = {Save: "saved", Restore: "restored", Archive: "archived"}
    return actions[type(command)]


def _outcome(change: Change) -> str:
    return "replayed" if change.replayed else "unchanged" if change.unchanged else "done"
