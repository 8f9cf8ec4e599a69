"""``promptcast export --output`` and ``import`` of a file: compressed or not, whole or not at all."""

import io
import stat
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from events.chain import Entry
from events.lines import MOST_LINE_BYTES, to_line
from services.cli import auditing
from services.cli.compressed import MAGIC
from services.cli.line_files import lines_of
from tests.services.cli.test_compressed import packed
from tests.services.cli.test_verify import log, serve, write


def lines(stored: Sequence[Entry]) -> bytes:
    return b"".join(to_line(entry) + b"\n" for entry in stored)


@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.zst"])
async def test_an_export_into_a_file_is_the_log_and_its_owners_alone(
    admin, promptcast, tmp_path, name
):
    serve(admin, log())
    exported = (await promptcast("export")).out
    file = tmp_path / name
    done = await promptcast("export", "--output", str(file))
    assert (done.status, done.out) == (0, "")
    assert done.err == f"promptcast: 7 events written through position 7 to {file}\n"
    assert file.read_bytes().startswith(MAGIC) == name.endswith(".zst")
    assert b"\n".join(lines_of(file)).decode() + "\n" == exported
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (await promptcast("verify", str(file))).status == 0
    assert (await promptcast("import", str(file))).status == 0
    assert admin.imported == [("log", exported)]


async def test_a_file_that_is_there_is_replaced_only_by_force(admin, promptcast, tmp_path):
    serve(admin, log())
    file = tmp_path / "log.jsonl"
    file.write_text("precious")
    done = await promptcast("export", "-o", str(file))
    assert (done.status, "--force replaces it" in done.err) == (1, True)
    assert (file.read_text(), admin.asked) == ("precious", [])
    assert (await promptcast("export", "-o", str(file), "--force")).status == 0
    assert len(list(lines_of(file))) == 7


async def test_an_export_that_breaks_off_leaves_no_file_and_the_old_one(
    admin, promptcast, tmp_path
):
    serve(admin, log())
    file = tmp_path / "log.jsonl.zst"
    file.write_text("old")
    admin.pages = 2
    done = await promptcast("export", "-o", str(file), "--force")
    assert (done.status, "go on with" in done.err) == (1, False)
    assert [each.name for each in tmp_path.iterdir()] == ["log.jsonl.zst"]
    assert file.read_text() == "old"


async def test_a_directory_is_no_file_to_export_to(admin, promptcast, tmp_path):
    done = await promptcast("export", "--output", str(tmp_path))
    assert (done.status, "promptcast backup" in done.err) == (1, True)


async def test_standard_input_may_be_compressed(admin, promptcast, tmp_path, monkeypatch):
    data = packed(lines(log()))
    for words in (["verify", "-"], ["import", "-"]):
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))
        done = await promptcast(*words)
        assert done.status == 0, done
    ((_, text),) = admin.imported
    assert len(text.splitlines()) == 7


async def test_a_file_is_imported_up_to_a_position(admin, promptcast, tmp_path):
    name = write(tmp_path / "log.jsonl", log())
    assert (await promptcast("import", "--through", "4", name)).status == 0
    ((_, text),) = admin.imported
    assert len(text.splitlines()) == 4


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda data: packed(data * 200)[:-9], "it is cut off"),
        (lambda data: packed(data * 200) + b"garbage", "it is damaged"),
        (lambda data: packed(data + bytes(MOST_LINE_BYTES + 1_000_000)), "line 8 is longer"),
    ],
)
async def test_an_upload_whose_file_turns_out_bad_breaks_off_and_says_why(
    admin, promptcast, tmp_path, spoil, why
):
    (tmp_path / "bad.zst").write_bytes(spoil(lines(log())))
    done = await promptcast("import", str(tmp_path / "bad.zst"))
    assert (done.status, done.out) == (1, "")
    assert f"{tmp_path / 'bad.zst'}: {why}" in done.err
    assert admin.imported == [], "the service has never seen the end of it"
    assert (await promptcast("verify", str(tmp_path / "bad.zst"))).status == 1


async def test_of_a_file_with_any_number_of_wrong_lines_so_many_are_told(
    promptcast, tmp_path, monkeypatch
):
    monkeypatch.setattr(auditing, "MOST_FINDINGS", 150)
    (tmp_path / "bomb.zst").write_bytes(packed(lines(log()[:1]) * 200))
    done = await promptcast("verify", str(tmp_path / "bomb.zst"))
    assert (done.status, "150 or more findings" in done.out) == (1, True)


async def test_what_is_wrong_is_not_forgotten_behind_any_number_of_remarks(
    promptcast, tmp_path, monkeypatch
):
    monkeypatch.setattr(auditing, "MOST_FINDINGS", 2)
    back = [entry._replace(at=100 - entry.position) for entry in log()]
    name = write(tmp_path / "log.jsonl", back)
    assert (await promptcast("verify", name)).status == 0
    name = write(tmp_path / "log.jsonl", [*back[:5], *back[6:]])
    assert (await promptcast("verify", name)).status == 1
