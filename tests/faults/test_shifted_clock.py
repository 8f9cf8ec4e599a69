"""The shifted clock is tried on a process that does nothing but tell the time, and on the server."""

import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import slow_disk
from tests.faults.shifted_clock import DAY, HOUR, ShiftedClock, prepared
from tests.servers import Server

pytestmark = pytest.mark.skipif(
    not shutil.which("gcc"), reason="the shifted clock is compiled where gcc is"
)
TELLS = """
import os, sys, time, datetime
print(time.time(), time.time_ns() / 1e9, datetime.datetime.now().timestamp())
COARSE = 5
print(time.clock_gettime(COARSE), time.monotonic())
file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
try:
    os.write(file, b"1")
except OSError as error:
    print(error.errno)
"""
NEAR = 5.0


def said(env: dict[str, str], file: Path) -> list[str]:
    """What a process with this environment says of the time, and of a write to ``file``."""
    argv = [sys.executable, "-c", TELLS, str(file)]
    ended = subprocess.run(
        argv, env={**os.environ, **env}, capture_output=True, text=True, check=True
    )
    return ended.stdout.split()


@pytest.mark.parametrize("ahead", [0.0, -HOUR, DAY, -0.75])
def test_every_way_to_ask_for_the_time_of_day_is_shifted_alike(
    tmp_path: Path, ahead: float
) -> None:
    env = prepared(tmp_path, "teller")
    clock = ShiftedClock.of(env)
    clock.is_ahead(ahead)
    *wall, monotonic = (float(each) for each in said(env, tmp_path / "file"))
    assert len(wall) == 4
    assert all(abs(each - time.time() - ahead) < NEAR for each in wall)
    assert abs(monotonic - time.monotonic()) < NEAR
    assert (clock.misled > 0) == (ahead != 0)


def test_a_small_shift_is_exact_to_the_microsecond(tmp_path: Path) -> None:
    env = prepared(tmp_path, "teller")
    clock = ShiftedClock.of(env)
    for ahead in (-1.5, -1e-6, 999_999e-6):
        clock.is_ahead(ahead)
        before = time.time()
        told = float(said(env, tmp_path / "file")[0])
        assert before + ahead <= told <= time.time() + ahead


def test_it_stands_beside_a_slow_disk(tmp_path: Path) -> None:
    (tmp_path / "under").mkdir()
    env = prepared(tmp_path, "teller")
    env |= slow_disk.prepared(tmp_path, "teller", tmp_path / "under", env["LD_PRELOAD"])
    ShiftedClock.of(env).is_ahead(DAY)
    slow_disk.SlowDisk.of(env).writes_fail(errno.ENOSPC)
    told, *_, failed = said(env, tmp_path / "under" / "file")
    assert abs(float(told) - time.time() - DAY) < NEAR
    assert failed == str(errno.ENOSPC)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def test_the_server_tells_the_shifted_time_and_expires_by_it(server: Server) -> None:
    server.env |= prepared(server.directory, "server")
    clock = ShiftedClock.of(server.env)
    server.start()
    server.call("SET", "claim", "1", "PX", 3_000)
    clock.is_ahead(-HOUR)
    assert abs(int(server.call("TIME")[0]) - time.time() + HOUR) < NEAR
    assert server.call("PTTL", "claim") > HOUR * 1000
    clock.is_ahead(DAY)
    assert abs(int(server.call("TIME")[0]) - time.time() - DAY) < NEAR
    assert server.call("GET", "claim") is None
    clock.is_right()
    assert abs(int(server.call("TIME")[0]) - time.time()) < NEAR
