"""A slow disk: a process whose disk is made slow, full or broken, or loses what was not synced.

`slow_disk.c` is preloaded into the server, an admin or a replica.
"""

import mmap
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.faults.preloaded import Env, fitted, preloaded, variable
from tests.faults.scenario import Stage

SOURCE = Path(__file__).with_suffix(".c")
_ORDERS, _FILES = struct.Struct("8i"), 500
_FILE = struct.Struct("2Q")
_SIZE = _ORDERS.size + _FILES * _FILE.size
_SYNC_MS, _SYNC_ERROR, _WRITE_ERROR, _TEAR, _SLOWED, _FAILED, _USED = range(7)


@dataclass(slots=True)
class SlowDisk:
    """The disk of one process, below the folder ``under``."""

    page: mmap.mmap
    under: Path

    @classmethod
    def of(cls, env: Mapping[str, str]) -> "SlowDisk":
        """That of a process with this environment."""
        with Path(env[variable(SOURCE)]).open("r+b") as file:
            return cls(mmap.mmap(file.fileno(), _SIZE), Path(env["SLOW_DISK_UNDER"]))

    def syncs_take(self, seconds: float) -> None:
        """From now on each fsync takes so much longer."""
        self._put(_SYNC_MS, int(seconds * 1000))

    def syncs_fail(self, error: int) -> None:
        """From now on each fsync fails with ``error``."""
        self._put(_SYNC_ERROR, error)

    def writes_fail(self, error: int, *, torn: bool = False) -> None:
        """From now on each write fails with ``error``; ``torn``: half of the first is written before."""
        self._put(_TEAR, int(torn))
        self._put(_WRITE_ERROR, error)

    def works(self) -> None:
        """It is as good as any disk again."""
        for number in (_SYNC_MS, _SYNC_ERROR, _WRITE_ERROR, _TEAR):
            self._put(number, 0)

    @property
    def slowed(self) -> int:
        """How many calls it has held up, ever."""
        return self._got(_SLOWED)

    @property
    def failed(self) -> int:
        """How many calls have failed, ever."""
        return self._got(_FAILED)

    def loses_power(self) -> int:
        """Cut off what was written and not synced; how many bytes. The process must be dead."""
        synced = {}
        for number in range(self._got(_USED)):
            inode, size = _FILE.unpack_from(self.page, _ORDERS.size + number * _FILE.size)
            synced[inode] = size
        lost = 0
        for file in (path for path in self.under.rglob("*") if path.is_file()):
            known, there = synced.get(file.stat().st_ino), file.stat().st_size
            if known is not None and known < there:
                os.truncate(file, known)
                lost += there - known
        return lost

    def _got(self, number: int) -> int:
        return int(_ORDERS.unpack_from(self.page)[number])

    def _put(self, number: int, value: int) -> None:
        struct.pack_into("i", self.page, number * 4, value)


async def slow_disk(stage: Stage, name: str) -> SlowDisk:
    """The disk of ``server``, an admin or a replica, which is started again with it unless it has it
    already. Raises :class:`Void` where there is no compiler."""
    rig = stage.rig
    under = rig.server.directory / "appendonlydir" if name == "server" else rig.state_dir(name)
    make = partial(prepared, rig.services.directory, name, under)
    disk = SlowDisk.of(await fitted(stage, name, SOURCE, make))
    disk.works()
    return disk


def prepared(folder: Path, name: str, under: Path, others: str = "") -> Env:
    """The environment of a process ``name`` whose files below ``under`` are on a slow disk, beside the
    ``others`` preloaded."""
    env = preloaded(SOURCE, folder, name, _SIZE, others)
    return {**env, "SLOW_DISK_UNDER": str(under.resolve())}
