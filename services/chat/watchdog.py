"""The watchdog: ends what takes too long on the main thread, by an exception in the midst of it."""

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

from events.errors import PromptcastError

LOAD_SECONDS = 2.0
"""For loading a prompt, which takes some microseconds."""
TICKS = 8


class LoaderHung(PromptcastError):
    """Loading took too long."""


@dataclass(slots=True)
class Watchdog:
    """Between :meth:`begin` and :meth:`end` it hears a timer tick; the last tick raises ``LoaderHung``.

    The timer is started when it stands still, and stopped by a tick that nobody cares for: so loads
    in a row make no system call. Ticks are counted, not time: a process that was stopped for a minute
    has heard one. It interrupts Python, and waiting; what hangs within C is for the liveness probe to
    end. Until it is installed, and on other threads, it watches nothing.
    """

    seconds: float = LOAD_SECONDS
    _main: int = 0
    _heard: int = 0
    _watching: bool = False
    _ticking: bool = False

    def install(self) -> Callable[[], None]:
        """Take SIGALRM and its timer, on the main thread; returns what gives both back."""
        before = signal.signal(signal.SIGALRM, self._tick)
        delay, interval = signal.getitimer(signal.ITIMER_REAL)
        self._main = threading.get_ident()

        def give_back() -> None:
            self._main, self._watching, self._ticking = 0, False, False
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            signal.setitimer(signal.ITIMER_REAL, delay, interval)

        return give_back

    def begin(self) -> None:
        """Watch from now on."""
        if self._main == threading.get_ident():
            self._heard, self._watching = 0, True
            if not self._ticking:
                self._ticking = True
                signal.setitimer(signal.ITIMER_REAL, self.seconds / TICKS, self.seconds / TICKS)

    def end(self) -> None:
        """Watch no longer."""
        self._watching = False

    def _tick(self, _number: int, _frame: FrameType | None) -> Any:
        if not self._watching:
            self._ticking = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            return
        self._heard += 1
        if self._heard >= TICKS:  # and again with each tick, should somebody catch it on the way
            raise LoaderHung(f"it was not loaded within {self.seconds:g} s")
