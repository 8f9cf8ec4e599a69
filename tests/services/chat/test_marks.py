"""A mark is there after its process has died, and only then."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chat.marks import Mark, Marks

ROOT = Path(__file__).parents[3]
DIES = """
import os, signal, sys
from pathlib import Path
from services.chat.marks import Marks
marks = Marks(Path(sys.argv[1]))
marks.open()
marks.write(7, 9, "ab" * 32, "system", "cd" * 32)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "chat-1.loading"


def left(path):
    """What a process that starts now finds."""
    marks = Marks(path)
    try:
        return marks.open()
    finally:
        marks.close()


def test_a_killed_process_has_left_its_mark(path):
    child = subprocess.run([sys.executable, "-c", DIES, str(path)], cwd=ROOT, check=False)
    assert child.returncode == -signal.SIGKILL
    assert left(path) == Mark(7, 9, "ab" * 32, "system", "cd" * 32)
    assert left(path) is None, "who has closed it leaves nothing"


def test_a_mark_that_was_cleared_is_none(path):
    marks = Marks(path)
    assert marks.open() is None
    marks.write(1, 2, "hash")
    marks.clear()
    kept = path.read_bytes()
    marks.close()
    path.write_bytes(kept)
    assert left(path) is None


def test_while_a_process_lives_no_other_takes_its_marks(path):
    marks = Marks(path)
    marks.open()
    marks.write(1, 2, "hash")
    with pytest.raises(OSError, match="unavailable"):
        Marks(path).open()
    assert b"hash" in path.read_bytes()
    marks.close()
    assert left(path) is None


def test_without_a_path_nothing_is_marked():
    marks = Marks(None)
    assert marks.open() is None
    marks.write(1, 2, "hash")
    marks.clear()
    marks.close()
    assert not marks.opened


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda tail: b"loading1" + tail))
def test_whatever_was_planted_there_is_a_mark_or_none(tmp_path_factory, planted):
    path = tmp_path_factory.mktemp("marks") / "x.loading"
    path.write_bytes(planted)
    found = left(path)
    assert found is None or (found.first <= found.last and isinstance(found.hash, str))


def test_what_is_no_plain_file_is_refused(path):
    os.mkfifo(path)
    with pytest.raises(OSError, match="no plain file"):
        Marks(path).open()


def test_no_hash_and_no_id_is_too_long_for_a_mark(path):
    marks = Marks(path)
    marks.open()
    marks.write(2**70, 2**70, "é\ud800" * 1000)
    marks.close()
