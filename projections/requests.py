"""The idempotency memory: which request made which event, for the last ten thousand keyed events."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from events.envelope import RequestKey

REMEMBERED = 10_000
Known = tuple[str, int]
"""The hash of the request, and the position of the event that it made."""


@dataclass(frozen=True, slots=True)
class Requests:
    """Keyed requests in two generations: when ``recent`` is full it becomes ``older``.

    So at least :data:`REMEMBERED` are known, and adding one copies a bounded number, not all.
    """

    recent: Mapping[tuple[str, str], Known] = field(default_factory=dict)
    older: Mapping[tuple[str, str], Known] = field(default_factory=dict)

    def find(self, request: RequestKey) -> Known | None:
        """What is known under this actor and key, whatever the request's hash."""
        name = (request.actor, request.key)
        return self.recent.get(name) or self.older.get(name)

    def add(self, request: RequestKey, position: int) -> "Requests":
        """The memory with one more keyed event."""
        return self.extended([(request, position)])

    def extended(self, made: Iterable[tuple[RequestKey, int]]) -> "Requests":
        """The memory with more keyed events, in their order; it is copied once for all of them."""
        recent, older = dict(self.recent), self.older
        for request, position in made:
            if len(recent) >= REMEMBERED:
                recent, older = {}, recent
            recent[(request.actor, request.key)] = (request.hash, position)
        return Requests(recent, older)

    def dump(self) -> list[list[Any]]:
        """As JSON values, for a snapshot; :meth:`load` is the inverse."""
        return [
            [[*name, *known] for name, known in generation.items()]
            for generation in (self.recent, self.older)
        ]

    @classmethod
    def load(cls, dumped: list[list[Any]]) -> "Requests":
        """Back from :meth:`dump`."""
        recent, older = (
            {(actor, key): (hash, position) for actor, key, hash, position in generation}
            for generation in dumped
        )
        return cls(recent, older)
