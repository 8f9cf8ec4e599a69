import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.dev.datadir import opened, write_private
from services.dev.errors import DataDirInUse, DevError

ROOT = Path(__file__).parents[3]


def test_it_is_made_for_its_owner_only(tmp_path):
    with opened(tmp_path / "a" / "data") as data:
        assert data.path.stat().st_mode & 0o777 == 0o700


def test_the_admin_key_is_made_once_and_private(tmp_path):
    with opened(tmp_path) as data:
        key = data.admin_key()
    with opened(tmp_path) as again:
        assert again.admin_key() == key
    assert len(key) >= 32
    assert (tmp_path / "admin-key").stat().st_mode & 0o777 == 0o600


def test_only_one_supervisor_works_in_it(tmp_path):
    with (
        opened(tmp_path),
        pytest.raises(DataDirInUse, match=rf"\(pid {os.getpid()}\) works in .*--data-dir"),
        opened(tmp_path),
    ):
        pass


def test_the_next_one_may_work_in_it(tmp_path):
    with opened(tmp_path):
        pass
    with opened(tmp_path) as data:
        assert data.path == tmp_path


def test_what_is_left_of_a_killed_supervisor_is_waited_for(tmp_path):
    """Its leash holds the lock for a moment longer, while no process of the lock's pid is there."""
    script = (
        "import fcntl, os, sys, time\n"
        "lock = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)\n"
        "fcntl.flock(lock, fcntl.LOCK_EX)\n"
        "os.write(lock, sys.argv[2].encode())\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                          capture_output=True, text=True, check=True).stdout  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "lock"), gone.strip()],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as leash:  # fmt: skip
        assert leash.stdout
        assert leash.stdin
        leash.stdout.readline()
        taker = subprocess.Popen(
            [sys.executable, "-c", TAKE, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
        )
        with taker:
            assert taker.stdout
            assert taker.stdout.readline() == b"waiting\n"
            leash.stdin.close()
            assert taker.stdout.readline() == b"taken\n"


TAKE = """
import sys, time
from pathlib import Path
from services.dev import datadir
real = time.sleep
def told(seconds):
    print("waiting", flush=True)
    datadir.time.sleep = real
datadir.time.sleep = told
with datadir.opened(Path(sys.argv[1])):
    print("taken", flush=True)
"""


def test_a_directory_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DevError, match=r"cannot use the data directory .*--data-dir"):
        opened(tmp_path / "file" / "data").__enter__()


def test_a_private_file_replaces_another_whatever_its_mode(tmp_path):
    file = tmp_path / "ready.json"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, "new")
    assert file.read_text() == "new"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_it_is_new_until_something_was_kept_that_could_remember_a_log(tmp_path):
    with opened(tmp_path) as data:
        assert data.is_new
        data.admin_key()
        data.log("admin")
    for kept in ("appendonlydir", "state"):
        with opened(tmp_path) as data:
            assert data.is_new
            inner = data.subdirectory(kept)
        with opened(tmp_path) as data:
            assert not data.is_new
        inner.rmdir()
