"""What the chat service needs to know of the replica that it is the HTTP side of."""

from collections.abc import Mapping
from typing import Protocol

from projections.live import LivePrompt


class Replica(Protocol):
    """The follower, as seen from a chat request. Every read is a look at memory and never waits."""

    @property
    def id(self) -> str:
        """The replica's id; it goes into ``X-Replica``."""

    @property
    def applied_position(self) -> int:
        """The last position that was handled: swapped in, rejected, or of no concern."""

    @property
    def state(self) -> str:
        """One of ``starting``, ``catching_up``, ``current``, ``stale``, ``diverged``."""

    @property
    def serving(self) -> bool:
        """Whether it may be asked: not before it is a member by its own word, or serves a kept state."""

    def prompt(self, name: str) -> LivePrompt | None:
        """The live version of ``name``; None when it is unknown, archived or not held here."""

    def prompts(self) -> Mapping[str, LivePrompt]:
        """Every live prompt by name. The mapping does not change under the caller's hands."""

    def outdated_seconds(self) -> float | None:
        """How long what it serves may have been old; None while it follows the log, or did just now."""

    def stale_seconds(self) -> float | None:
        """How long the log has been out of reach; None unless the state is ``stale``."""

    def rejection(self, name: str, position: int) -> str | None:
        """Why this prompt's event at exactly this position was rejected; None if it was not."""

    def answered(self, name: str, version: int) -> None:
        """An answer from this version of ``name`` was given, whole: count it."""

    async def wait_applied(self, position: int, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for ``applied_position >= position``; True if it is."""
