"""The slow disk is tried on a process that does nothing but write."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.slow_disk import SlowDisk, prepared

pytestmark = pytest.mark.skipif(
    not shutil.which("gcc"), reason="the slow disk is compiled where gcc is"
)
WRITES = """
import os, sys
for name in sys.argv[1:]:
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        print(os.write(file, b"12345678"), os.fsync(file))
        print(os.write(file, b"not synced"))
    except OSError as error:
        print(error.errno)
"""


class Writer:
    """Writes to two files, of which one is on the slow disk."""

    def __init__(self, folder: Path) -> None:
        self.under, self.outside = folder / "under", folder / "outside"
        self.under.mkdir()
        self.env = prepared(folder, "writer", self.under)
        self.disk = SlowDisk.of(self.env)
        self.file = self.under / "file"

    def says(self) -> list[str]:
        """What it says of the slow file, then of the other one."""
        argv = [sys.executable, "-c", WRITES, str(self.file), str(self.outside)]
        ended = subprocess.run(
            argv, env={**os.environ, **self.env}, capture_output=True, text=True, check=True
        )
        return ended.stdout.split("\n")[:-1]


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(tmp_path)


FINE = ["8 None", "10"]


def test_it_is_like_any_disk_until_it_is_told_otherwise(writer: Writer) -> None:
    assert writer.says() == [*FINE, *FINE]
    assert (writer.disk.slowed, writer.disk.failed) == (0, 0)


def test_writes_fail_below_its_folder_only(writer: Writer) -> None:
    writer.disk.writes_fail(errno.ENOSPC)
    assert writer.says() == [str(errno.ENOSPC), *FINE]
    assert writer.disk.failed == 1
    writer.disk.works()
    assert writer.says() == [*FINE, *FINE]


def test_a_torn_write_leaves_one_half(writer: Writer) -> None:
    writer.disk.writes_fail(errno.EIO, torn=True)
    assert writer.says() == ["4 None", str(errno.EIO), *FINE]
    assert writer.file.read_bytes() == b"1234"


def test_syncs_are_held_up_and_fail(writer: Writer) -> None:
    writer.disk.syncs_take(0.001)
    writer.disk.syncs_fail(errno.EIO)
    assert writer.says() == [str(errno.EIO), *FINE]
    assert (writer.disk.slowed, writer.disk.failed) == (1, 1)


def test_without_power_only_what_was_synced_is_left(writer: Writer) -> None:
    writer.says()
    assert writer.disk.loses_power() == len("not synced")
    assert writer.file.read_bytes() == b"12345678"
    assert writer.outside.read_bytes() == b"12345678not synced"
