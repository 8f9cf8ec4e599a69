"""A new file is there whole or not at all."""

import errno
import stat

import pytest

from services.cli.errors import CliError
from services.cli.line_files import lines_of
from services.cli.new_file import NewFile


@pytest.mark.parametrize("packs", [True, False])
def test_it_is_there_only_once_it_is_whole_and_only_for_its_owner(tmp_path, packs):
    place = tmp_path / "file"
    made = NewFile(tmp_path / "part", packs=packs)
    made.write(b"one\n")
    made.write(b"two\n")
    assert made.size == 8
    assert not place.exists()
    made.put(place)
    made.discard()
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert list(lines_of(place)) == [b"one", b"two"]
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_a_disk_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    place = tmp_path / "file"
    place.write_bytes(b"old")
    made = NewFile(tmp_path / "part", packs=False)
    made.write(b"new")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CliError, match=f"cannot write {place}: No space left"):
        made.put(place)
    made.discard()
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert place.read_bytes() == b"old"


def test_nobody_elses_file_is_written_to(tmp_path):
    (tmp_path / "part").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CliError, match="File exists"):
        NewFile(tmp_path / "part", packs=False)
    assert not (tmp_path / "elsewhere").exists()
