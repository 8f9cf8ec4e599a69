"""The port between the HTTP side and the core: all that the edit API asks of the log and the fleet.

`services.admin.core.AdminCore` implements it; nothing on the HTTP side knows more than this.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from events.chain import Entry
from events.model import PromptSaved
from projections.decisions import Archive, Content, Restore, Save
from projections.history import History, VersionRecord
from services.admin.views import Address, Change, FleetView, Propagation, Update


class Subscription(Protocol):
    """Updates as they happen, from the moment it is entered; used with ``async with``.

    Its queue is bounded. It ends (``StopAsyncIteration``) when its reader was too slow, and when
    the service stops.
    """

    def __aiter__(self) -> "Subscription":
        """Itself."""
        ...

    async def __anext__(self) -> Update:
        """The next update; cancelling the wait loses none."""
        ...


class Core(Protocol):
    """What the edit API needs. Methods raise ``Refused`` or ``LogError`` where it says so."""

    @property
    def head_position(self) -> int:
        """The log's last position, as far as it is known here."""
        ...

    @property
    def state(self) -> str:
        """How well this instance follows the log, in the words of the replicas' states."""
        ...

    @property
    def read_only(self) -> str | None:
        """Why nothing can be written here until an upgrade; None when it can."""
        ...

    def saving(self) -> Sequence[Mapping[str, Any]]:
        """How saving goes, for each log: ``{"log", "state", "reason", "since"}``; ``open`` is well."""
        ...

    @property
    def known(self) -> History:
        """The history as it is known here, unproved: for showing while the log is not to be had."""
        ...

    async def history(self) -> History:
        """The history, confirmed to be at the log's head. Raises ``LogError``."""
        ...

    async def content(self, record: VersionRecord) -> Content:
        """What a version says, read from the log by its position. Raises ``LogError``."""
        ...

    async def change(self, command: Save | Restore | Archive, actor: str = "admin") -> Change:
        """Carry a command of ``actor`` out. Raises ``Refused`` or ``LogError``.

        An equal request (same actor, key and hash) that is under way is waited for.
        """
        ...

    async def validate(self, command: Save) -> PromptSaved:
        """The event that a save of this content would make; appends nothing. Raises ``Invalid``."""
        ...

    async def events(self, cursor: int, limit: int) -> Sequence[Entry]:
        """Entries of the log behind position ``cursor``, oldest first. Raises ``LogError``."""
        ...

    async def propagation(
        self, position: int, seconds: float = 0.0, since: float | None = None
    ) -> Propagation:
        """Who has the event at ``position``; waits up to ``seconds`` for all, or a rejection.

        ``since`` is when it was appended (monotonic seconds), for ``elapsed_ms``.
        """
        ...

    def fleet(self) -> FleetView:
        """Every member, as known now."""
        ...

    def address(self, replica: str) -> Address | None:
        """Where this member is; None when it is none, or has not said."""
        ...

    def answers(self, prompt: str) -> Mapping[int, int]:
        """How many answers the members have given from each version of the prompt."""
        ...

    def subscribe(self) -> AbstractAsyncContextManager[Subscription]:
        """Hear of what happens from now on."""
        ...
