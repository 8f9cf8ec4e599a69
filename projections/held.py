"""A state that a follower folds into and readers look at: one reference, replaced as a whole."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from events.chain import Outcome

State = TypeVar("State")


@dataclass(slots=True)
class Held(Generic[State]):
    """A :class:`~projections.applying.Projection` made of an immutable state and a pure fold."""

    state: State
    empty: State
    folded: Callable[[State, Iterable[Outcome]], State]
    _rebuilt: State | None = None

    def fold(self, outcomes: Sequence[Outcome]) -> None:
        """See :class:`~projections.applying.Projection`."""
        if self._rebuilt is None:
            self.state = self.folded(self.state, outcomes)
        else:
            self._rebuilt = self.folded(self._rebuilt, outcomes)

    def put(self, state: State) -> None:
        """Go on from a state that was not folded here, such as a snapshot's; unseen while rebuilding."""
        if self._rebuilt is None:
            self.state = state
        else:
            self._rebuilt = state

    def begin(self) -> None:
        """See :class:`~projections.applying.Projection`."""
        self._rebuilt = self.empty

    def commit(self) -> None:
        """See :class:`~projections.applying.Projection`."""
        if self._rebuilt is not None:
            self.state, self._rebuilt = self._rebuilt, None
