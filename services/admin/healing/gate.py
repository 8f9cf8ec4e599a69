"""The gate of a log: it keeps this admin from appending until the log is known to be whole.

It is shut when the admin starts, when a connection finds another server (or another run of it) than
before, and when anybody here finds that the log is not the one that was followed. Only the healer
opens it again.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Literal

from events.errors import LogDiverged, LogUnavailable, ServerChanged
from events.streams.server_id import ServerId

State = Literal["open", "waiting", "healing", "diverged"]


FRESH_SECONDS = 0.6
"""Within this time the healer has looked anew: what stopped saving may be over by then."""


class Shut(LogUnavailable):
    """The gate is shut: nothing was written. Whoever can wait asks :meth:`Gate.passed`."""


@dataclass(slots=True, eq=False)
class Gate:
    """The gate of the log ``log`` (``log`` or ``access``) in this process."""

    log: str
    state: State = "waiting"
    reason: str = "this instance has just started"
    doubted_at: float = field(default_factory=monotonic)
    """Since when the log is in doubt, monotonic seconds; while it is open: was, before."""
    server: ServerId | None = None
    is_kept: bool = True
    """Whether a healer keeps it. One that nobody keeps is always open."""
    in_doubt: asyncio.Event = field(default_factory=asyncio.Event)
    """Set as long as it is not open."""
    on_doubt: list[Callable[[], None]] = field(default_factory=list)
    """Called when the log comes into doubt, and again when the server changes meanwhile."""
    on_change: list[Callable[[], None]] = field(default_factory=list)
    """Called when the state or its reason is another one."""
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.in_doubt.set()

    @property
    def is_open(self) -> bool:
        """Whether this admin may append now."""
        return self.state == "open"

    @property
    def shut_because(self) -> str | None:
        """Why it may not, in words; None when it may."""
        return None if self.is_open else self.reason

    def check(self) -> None:
        """Raises :class:`Shut` unless it is open. Never waits."""
        if not self.is_open:
            raise Shut(f"{self.reason}; nothing was written")

    async def passed(self, seconds: float | None) -> None:
        """Wait until it is open. Raises ``LogDiverged`` when only a person can decide, and a fresh look
        has not changed that; :class:`Shut` when it is still shut after ``seconds`` (None: there is no
        end)."""
        deadline, asked_at = None if seconds is None else monotonic() + seconds, monotonic()
        while not self.is_open:
            if self.state == "diverged":
                if (fresh := asked_at + FRESH_SECONDS - monotonic()) > 0:
                    await self._change(fresh)
                    continue
                raise LogDiverged(
                    f"{self.reason}; nothing was written: 'promptcast fork show' tells more"
                )
            left = None if deadline is None else deadline - monotonic()
            if left is not None and left <= 0:
                raise Shut(f"{self.reason}; nothing was written")
            await self._change(left)

    async def _change(self, seconds: float | None) -> None:
        """Wait until the state, or the reason, is another one; so long at most."""
        moved = self._moved
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await moved.wait()

    # --- the server -------------------------------------------------------------------------------

    def met(self, server: ServerId) -> None:
        """A connection for appending has met ``server``: raises ``ServerChanged`` while it is shut."""
        self.noted(server)
        if not self.is_open:
            raise ServerChanged(f"{self.reason}; nothing was written")

    def noted(self, server: ServerId) -> None:
        """A connection has met ``server``. One that does not say who it is counts as the same."""
        before, self.server = self.server, server
        if before is not None and before != server:
            self.doubt("the server is another one than before", anew=True)

    # --- what the healer decides ------------------------------------------------------------------

    def doubt(self, reason: str, *, anew: bool = False) -> None:
        """Shut it. ``anew``: whoever has spoken since it was shut has to speak again."""
        if not (self.is_kept and (self.is_open or anew)):
            return
        self.doubted_at = monotonic()
        self._set("waiting", reason)
        self.in_doubt.set()
        for told in self.on_doubt:
            told()

    def wait(self, reason: str) -> None:
        """Still shut, because of this."""
        self._set("waiting", reason)

    def heal(self, reason: str) -> None:
        """Still shut: something is being put back."""
        self._set("healing", reason)

    def diverge(self, reason: str) -> None:
        """Still shut: a person must decide, or somebody come back."""
        self._set("diverged", reason)

    def open(self) -> None:
        """The log is whole: append."""
        self.in_doubt.clear()
        self._set("open", "")

    def _set(self, state: State, reason: str) -> None:
        if (state, reason) == (self.state, self.reason):
            return
        self.state, self.reason = state, reason
        self._moved.set()
        self._moved = asyncio.Event()
        for told in self.on_change:
            told()


def opened(log: str = "log") -> Gate:
    """A gate that nobody keeps, and so is open: for a log that no server can lose."""
    gate = Gate(log, is_kept=False)
    gate.open()
    return gate
