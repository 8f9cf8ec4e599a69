"""Loading: what happens between an event's bytes and its prompt being in force, and the guard around it.

Whatever is loaded is marked first, so that a process that dies of it leaves a trace; watched, so that
what hangs becomes an exception; and tried out, so that what cannot be rendered is never swapped in.
What breaks the loader goes into quarantine, is rejected, and the last good version stays.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from events.chain import Chain, Entry, Head, Outcome, Reason, Recorded, Rejected, decode, read
from events.envelope import digest
from events.errors import LogError, PromptcastError
from events.limits import MAX_RENDERED_BYTES
from events.model import PromptEvent, PromptRestored, PromptSaved, content_hash
from events.signing import KeyRing
from events.template import RendersTooLarge
from projections.held import Held
from projections.live import Live, LivePrompt, fold
from services.chat.marks import Mark, Marks
from services.chat.quarantine import Quarantine, Quarantined, TriedBefore
from services.chat.watchdog import Watchdog

Result = TypeVar("Result")


class OneByOne(PromptcastError):
    """These are to be loaded each by itself: one of them may be deadly."""


def tried_out(live: Live, outcomes: Iterable[Outcome]) -> Live:
    """:func:`projections.live.fold`, with each prompt that changes rendered once, and measured."""
    outcomes = list(outcomes)
    after = fold(live, outcomes)
    if after is not live:
        events = (outcome.event for outcome in outcomes if isinstance(outcome, Recorded))
        for name in {event.prompt for event in events if isinstance(event, PromptEvent)}:
            prompt = after.prompts.get(name)
            if prompt is not None and prompt is not live.prompts.get(name):
                try_out(prompt)
    return after


def try_out(prompt: LivePrompt) -> None:
    """Render it with its defaults, whose size was measured when it was read. Raises when it cannot be."""
    template = prompt.template
    if len(template.parts) > 1:
        size = len(template.render(template.sample(prompt.config.variables)).encode())
        if size > MAX_RENDERED_BYTES:
            raise RendersTooLarge(f"{size} bytes; at most {MAX_RENDERED_BYTES} are allowed")


@dataclass(slots=True)
class Loading:
    """A :class:`~projections.applying.Projection` over what is live, and the judge of entries."""

    held: Held[Live]
    marks: Marks = field(default_factory=lambda: Marks(None))
    quarantine: Quarantine = field(default_factory=Quarantine)
    watchdog: Watchdog = field(default_factory=Watchdog)

    def open(self) -> None:
        """Take up the quarantine, and see whether a process has died here. Blocks.

        To be called again later if a process of the same name was still there: once is enough.
        """
        if self.marks.opened:
            return
        self.quarantine.recall()
        try:
            left = self.marks.open()
        except (OSError, ValueError) as error:
            structlog.get_logger().error("loading_not_marked", error=str(error))
            return
        if left:
            self.quarantine.died(left)
        self.quarantine.write()
        self.marks.clear()

    def once(self, mark: Mark, work: Callable[[], Result]) -> Result:
        """Do ``work``, marked and watched. Raises what it raises, or ``LoaderHung``."""
        self._enter(*mark)
        try:
            return work()
        finally:
            self._leave()

    def _enter(self, first: int, last: int, hash: str, prompt: str = "", content: str = "") -> None:
        self.marks.write(first, last, hash, prompt, content)
        self.watchdog.begin()

    def _leave(self) -> None:
        self.watchdog.end()
        self.marks.clear()

    def judge(self, chain: Chain, entry: Entry, keys: KeyRing) -> tuple[Chain, Outcome]:
        """:func:`events.chain.read`, but that nothing can break it; what is in quarantine is not read."""
        position = entry.position
        known = self.quarantine.known(position, entry.hash)
        if known and position == chain.head.position + 1:
            return _passed_over(chain, entry, keys), known.rejected()
        self._enter(position, position, entry.hash)
        try:
            return read(chain, entry, keys)
        except (LogError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001  told as a rejection, and kept in quarantine
            detail = f"{type(error).__name__}: {error}"[:200]
            self.quarantine.add(Quarantined(position, entry.hash, "", "", detail))
            rejected = Rejected(position, Reason.CRASHED, f"{detail} while it was read")
            return _passed_over(chain, entry, keys), rejected
        finally:
            self._leave()

    def decode(self, entry: Entry, hash: str) -> Recorded | None:
        """:func:`events.chain.decode`; what breaks it is kept in quarantine, as what is in there already
        raises ``TriedBefore``."""
        position = entry.position
        if self.quarantine.known(position, hash):
            raise TriedBefore(f"it points to position {position}, which is in quarantine")
        try:
            return self.once(Mark(position, position, hash), lambda: decode(entry, hash))
        except MemoryError:
            raise
        except Exception as error:
            detail = f"{type(error).__name__}: {error}"[:200]
            self.quarantine.add(Quarantined(position, hash, "", "", detail))
            raise

    def load(self, live: Live, recorded: Recorded) -> Live:
        """``live`` with this event; it is kept in quarantine if it cannot be loaded. Raises what stands
        in the way, ``TriedBefore`` if its content is in there already."""
        self.check(recorded)
        try:
            return self.once(self.mark_of(recorded), lambda: tried_out(live, [recorded]))
        except MemoryError:
            raise
        except Exception as error:
            self._give_up(recorded, error)
            raise

    def fold(self, outcomes: Sequence[Outcome]) -> None:
        """See :class:`~projections.applying.Projection`. Raises when one of them cannot be loaded."""
        mark = self._looked_at(outcomes)
        try:
            self.once(mark, lambda: self.held.fold(outcomes))
        except MemoryError:
            raise  # it says nothing about the event
        except Exception as error:
            if len(outcomes) == 1 and isinstance(outcomes[0], Recorded):
                self._give_up(outcomes[0], error)
            raise

    def _looked_at(self, outcomes: Sequence[Outcome]) -> Mark:
        first, last = outcomes[0].position, outcomes[-1].position
        suspected = self.quarantine.is_suspected(first, last)
        if suspected and len(outcomes) > 1:
            raise OneByOne(f"one of {first} to {last} may have ended a process")
        if self.quarantine.events:
            for outcome in outcomes:
                self.check(outcome)
        if suspected and isinstance(outcomes[0], Recorded):
            return self.mark_of(outcomes[0])
        return Mark(first, last, getattr(outcomes[-1], "hash", ""))

    def check(self, outcome: Outcome) -> None:
        """Raises ``TriedBefore`` when its content is in quarantine."""
        if not isinstance(outcome, Recorded) or not self.quarantine.concerns(outcome.event):
            return
        mark = self.mark_of(outcome)
        if known := self.quarantine.same(mark.prompt, mark.content):
            before = f"the same content broke this replica's loader at position {known.position}: "
            same = known.position == outcome.position
            raise TriedBefore(known.detail if same else before + known.detail)

    def mark_of(self, recorded: Recorded) -> Mark:
        """One event's mark, with all that can be said of it; for when time does not matter."""
        position, event = recorded.position, recorded.event
        plain = Mark(position, position, recorded.hash)
        if not isinstance(event, PromptSaved | PromptRestored):
            return plain
        content = self.once(plain, lambda: content_hash(event.template, event.config))
        return plain._replace(prompt=event.prompt, content=content)

    def _give_up(self, recorded: Recorded, error: Exception) -> None:
        detail = f"{type(error).__name__}: {error}"[:200]
        try:
            mark = self.mark_of(recorded)
        except Exception:  # noqa: BLE001  then it is known by its position and hash alone
            mark = Mark(recorded.position, recorded.position, recorded.hash)
        self.quarantine.add(Quarantined(mark.last, mark.hash, mark.prompt, mark.content, detail))

    def begin(self) -> None:
        """See :class:`~projections.applying.Projection`."""
        self.held.begin()

    def commit(self) -> None:
        """See :class:`~projections.applying.Projection`."""
        self.held.commit()


def _passed_over(chain: Chain, entry: Entry, keys: KeyRing) -> Chain:
    """The chain behind an entry that is not read; a good signature counts all the same."""
    own = digest(entry.event)
    signed = chain.signed or (
        bool(entry.sig) and entry.kid in keys and keys.verifies(own, entry.kid, entry.sig)
    )
    return chain._replace(head=Head(entry.position, entry.hash, own), signed=signed)
