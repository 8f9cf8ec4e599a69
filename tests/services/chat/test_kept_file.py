"""A kept file is whole, private, and read only if it is a plain file."""

import os
import stat

import pytest

from services.chat import kept_file


def test_what_was_written_is_read_and_is_nobody_else_s(tmp_path):
    path = tmp_path / "deep" / "down" / "chat.1.kept"
    kept_file.write(path, b"one")
    kept_file.write(path, b"two")
    assert kept_file.read(path, 100) == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_no_file_is_nothing(tmp_path):
    assert kept_file.read(tmp_path / "kept", 100) is None


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "kept"
    kept_file.write(path, b"one")

    def full(_file):
        raise OSError(28, "no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        kept_file.write(path, b"two")
    assert path.read_bytes() == b"one"


def test_a_link_that_was_planted_is_not_followed(tmp_path):
    path, elsewhere = tmp_path / "kept", tmp_path / "elsewhere"
    elsewhere.write_bytes(b"precious")
    (tmp_path / "kept.new").symlink_to(elsewhere)
    kept_file.write(path, b"one")
    assert elsewhere.read_bytes() == b"precious"
    path.unlink()
    path.symlink_to(elsewhere)
    with pytest.raises(OSError, match="symbolic"):
        kept_file.read(path, 100)


@pytest.mark.parametrize("plant", [os.mkfifo, os.mkdir])
def test_what_is_no_plain_file_is_refused_at_once(tmp_path, plant):
    path = tmp_path / "kept"
    plant(path)
    with pytest.raises(OSError, match="no plain file"):
        kept_file.read(path, 100)


def test_what_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "kept"
    path.write_bytes(b"x" * 101)
    with pytest.raises(OSError, match="101 bytes; at most 100"):
        kept_file.read(path, 100)
