"""Files of lines: whatever a file is, reading it costs little memory and ends with a clear word."""

import io
from types import SimpleNamespace

import pytest

from events.lines import MOST_LINE_BYTES
from services.cli.errors import CliError
from services.cli.line_files import lines_of
from tests.services.cli.test_compressed import packed


@pytest.fixture
def written(tmp_path):
    def write(data: bytes) -> str:
        (tmp_path / "file").write_bytes(data)
        return str(tmp_path / "file")

    return write


@pytest.mark.parametrize("made", [bytes, packed])
def test_lines_come_without_their_ends_and_without_empty_ones(written, made):
    assert list(lines_of(written(made(b"one\r\n\n\r\ntwo\nthree")))) == [b"one", b"two", b"three"]
    assert list(lines_of(written(made(b"")))) == []


@pytest.mark.parametrize("made", [bytes, packed])
def test_standard_input_is_a_file_too(monkeypatch, made):
    stdin = SimpleNamespace(buffer=io.BytesIO(made(b"one\ntwo\n")))
    monkeypatch.setattr("sys.stdin", stdin)
    assert list(lines_of("-")) == [b"one", b"two"]


@pytest.mark.parametrize("made", [bytes, packed])
def test_a_line_without_end_is_given_up(written, made):
    name = written(made(b"one\n" + bytes(MOST_LINE_BYTES + 1_000_000)))
    lines = lines_of(name)
    assert next(lines) == b"one"
    with pytest.raises(CliError, match=f"{name}: line 2 is longer than any entry"):
        next(lines)


def test_a_file_of_nothing_but_empty_lines_is_given_up(written):
    with pytest.raises(CliError, match="empty"):
        list(lines_of(written(packed(b"\n" * 50_000_000))))


def test_what_cannot_be_read_is_named(tmp_path, written):
    for name, why in ((tmp_path / "none", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(CliError, match=f"cannot read {name}: {why}"):
            list(lines_of(name))
    name = written(packed(b"line\n" * 1000)[:-5])
    with pytest.raises(CliError, match=f"{name}: it is cut off"):
        list(lines_of(name))
