"""A shifted clock: a process whose wall clock is set back or ahead while it runs; the others' stay right.

`shifted_clock.c` is preloaded into it. It shifts what the C library tells: ``time.time()`` of a service,
``TIME`` and expiry of the server, which both ask that. A program that is linked statically, or asks the
kernel itself, would not notice: :meth:`ShiftedClock.misled` shows whether it has.
"""

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.faults.preloaded import Env, fitted, preloaded, variable
from tests.faults.scenario import Stage

SOURCE = Path(__file__).with_suffix(".c")
HOUR, DAY = 3600.0, 86400.0
_ORDERS = struct.Struct("2q")
_AHEAD, _MISLED = range(2)


@dataclass(slots=True)
class ShiftedClock:
    """The wall clock of one process."""

    page: mmap.mmap

    @classmethod
    def of(cls, env: Mapping[str, str]) -> "ShiftedClock":
        """That of a process with this environment."""
        with Path(env[variable(SOURCE)]).open("r+b") as file:
            return cls(mmap.mmap(file.fileno(), _ORDERS.size))

    def is_ahead(self, seconds: float) -> None:
        """From now on it is so far ahead of the true time; behind it when negative."""
        struct.pack_into("q", self.page, _AHEAD * 8, round(seconds * 1e6))

    def is_right(self) -> None:
        """It tells the true time again."""
        self.is_ahead(0.0)

    @property
    def misled(self) -> int:
        """How often the process was told a wrong time, ever."""
        return int(_ORDERS.unpack_from(self.page)[_MISLED])


async def shifted_clock(stage: Stage, name: str) -> ShiftedClock:
    """The clock of ``server``, an admin or a replica, which is started again with it unless it has it
    already. It is right. Raises :class:`Void` where there is no compiler."""
    make = partial(prepared, stage.rig.services.directory, name)
    clock = ShiftedClock.of(await fitted(stage, name, SOURCE, make))
    clock.is_right()
    return clock


def prepared(folder: Path, name: str, others: str = "") -> Env:
    """The environment of a process ``name`` with such a clock, beside the ``others`` preloaded."""
    return preloaded(SOURCE, folder, name, _ORDERS.size, others)
