"""Applying: entries of the log, through the chain, into a projection; and who waits for them."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from events.chain import Chain, Entry, Outcome, Reason, Recorded, Rejected, read
from events.errors import LogForked, PromptcastError
from events.signing import KeyRing

REJECTIONS_KEPT = 20


class Projection(Protocol):
    """What is folded into. All methods are synchronous: nobody ever sees a half-made state."""

    def fold(self, outcomes: Sequence[Outcome]) -> None:
        """Take in the next entries, in the order of the log, and swap once."""
        ...

    def begin(self) -> None:
        """From now on fold into an empty state, unseen; the present one stays in force."""
        ...

    def commit(self) -> None:
        """What was folded since :meth:`begin` comes into force."""
        ...


Judge = Callable[[Chain, Entry, KeyRing], tuple[Chain, Outcome]]


@dataclass(slots=True)
class Applied:
    """A projection, how far it was folded, and what was rejected on the way."""

    projection: Projection
    keys: KeyRing
    chain: Chain = Chain()
    judge: Judge = read
    """Says what an entry is worth: :func:`events.chain.read`, or that with a guard around it."""
    rejected: deque[Rejected] = field(default_factory=lambda: deque(maxlen=REJECTIONS_KEPT))
    _rebuilding: bool = False
    _waiters: dict[asyncio.Future[None], int] = field(default_factory=dict)

    @property
    def position(self) -> int:
        """The applied position."""
        return self.chain.head.position

    def read(self, entries: Sequence[Entry]) -> "Read":
        """What the entries that are new here are worth. Changes nothing.

        Raises ``LogGap`` when one is missing before them, and ``LogForked`` when another event
        stands at the applied position.
        """
        chain = self.chain
        outcomes: list[Outcome] = []
        for entry in entries:
            if entry.position > self.position:
                if outcomes and entry.position != chain.head.position + 1:
                    break  # what comes before a gap counts; the gap is found on the next look
                chain, outcome = self.judge(chain, entry, self.keys)
                outcomes.append(outcome)
            elif entry.position == self.position and entry.hash != self.chain.head.stored:
                raise LogForked(entry.position)
        return Read(self.chain, chain, outcomes)

    def take(self, what: "Read") -> list[Outcome]:
        """Apply what was read, unless something else was applied since: then it is of no use."""
        if what.before is not self.chain or not what.outcomes:
            return []
        outcomes = self._fold(what.outcomes)
        self.chain = what.after
        self.rejected.extend([o for o in outcomes if isinstance(o, Rejected)])
        if self._waiters:
            self._wake()
        return outcomes

    def _fold(self, outcomes: list[Outcome]) -> list[Outcome]:
        try:
            self.projection.fold(outcomes)
            return outcomes
        except Exception:  # noqa: BLE001  a bug must not stop the stream; one by one, it costs one event
            return [self._fold_one(outcome) for outcome in outcomes]

    def _fold_one(self, outcome: Outcome) -> Outcome:
        try:
            self.projection.fold([outcome])
            return outcome
        except Exception as error:  # noqa: BLE001  told as a rejection
            known = isinstance(error, PromptcastError)
            detail = str(error) if known else f"{type(error).__name__} while it was applied"
            prompt = (
                getattr(outcome.event, "prompt", None) if isinstance(outcome, Recorded) else None
            )
            return Rejected(outcome.position, Reason.CRASHED, detail, prompt=prompt)

    @property
    def settled(self) -> bool:
        """Whether what is in force is what was folded; not so while it is being rebuilt."""
        return not self._rebuilding

    def resume(self, chain: Chain) -> None:
        """The projection is that of ``chain`` now, by other means than folding."""
        self.chain = chain
        self._wake()

    def rebuild(self) -> None:
        """Start again from the log's beginning; what is in force stays until :meth:`settle`."""
        self.projection.begin()
        self.chain = Chain(signed=self.chain.signed)
        self.rejected.clear()
        self._rebuilding = True

    def settle(self) -> None:
        """All that the log holds is applied: a rebuilt state comes into force.

        :attr:`chain` is another object then: what was decided upon the state before it is void.
        """
        if self._rebuilding:
            self.projection.commit()
            self._rebuilding = False
            self.chain = self.chain._replace()

    async def wait(self, position: int, seconds: float) -> bool:
        """Whether ``position`` is applied within ``seconds``."""
        if self.position >= position:
            return True
        applied: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[applied] = position
        try:
            async with asyncio.timeout(seconds):
                await applied
        except TimeoutError:
            return self.position >= position
        finally:
            del self._waiters[applied]
        return True

    def _wake(self) -> None:
        for waiter, position in self._waiters.items():
            if position <= self.position and not waiter.done():
                waiter.set_result(None)


class Read(NamedTuple):
    """Entries that were read but not applied yet, between two states of the chain."""

    before: Chain
    after: Chain
    outcomes: list[Outcome]

    @property
    def breaks_chain(self) -> bool:
        """Whether an entry was written behind another event than the one that stands before it."""
        return any(
            isinstance(outcome, Rejected) and outcome.reason is Reason.BROKEN_CHAIN
            for outcome in self.outcomes
        )
