"""Who is told of what a follower does: so metrics and logs stay out of it."""

from collections.abc import Sequence
from typing import Protocol

from events.chain import Outcome
from events.errors import LogError
from events.log import Pulse


class Observer(Protocol):
    """Told of what happens; keeps metrics and logs out of the follower."""

    def applied(self, outcomes: Sequence[Outcome], lag_us: int | None) -> None:
        """Entries were folded; ``lag_us`` is the last one's, None while replaying."""
        ...

    def reached(self, pulse: Pulse, position: int) -> None:
        """The log was reached and its head looked at."""
        ...

    def lost(self, error: LogError) -> None:
        """The log was not reached, or is not the one that we know."""
        ...

    def changed(self, state: str, reason: str) -> None:
        """The follower's state is another one now."""
        ...

    def crashed(self, error: Exception) -> None:
        """A bug: the follower goes on by its recovery path, but somebody should hear of it."""
        ...
