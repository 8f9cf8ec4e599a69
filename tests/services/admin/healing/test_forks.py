"""Fork files: what is given up is kept first, or it is not given up."""

import pytest
from prometheus_client import CollectorRegistry

from events.errors import LogUnavailable
from events.lines import from_line
from services.admin.healing import forks
from services.admin.healing.forks import ForkFiles
from services.metrics import AdminMetrics
from tests.projections.rig import other_log

ENTRIES = other_log("one", "two", "three").entries


async def batches(*found):
    for batch in found:
        yield batch


@pytest.fixture
def files(tmp_path):
    return ForkFiles(tmp_path / "forks", AdminMetrics(CollectorRegistry()))


async def test_what_is_kept_comes_back_as_it_was(files):
    name = await files.keep("log", batches(ENTRIES[1:3], [], ENTRIES[3:]))
    assert name == f"log-2-4-{ENTRIES[3].hash[:8]}.jsonl"
    lines = files.path(name).read_bytes().splitlines()
    assert [from_line(line) for line in lines] == ENTRIES[1:]
    (found,) = files.list()
    assert found[:4] == (name, "log", 2, 4)
    assert (files.path(name).stat().st_mode & 0o777) == 0o600


async def test_the_same_events_are_kept_once(files):
    names = {await files.keep("log", batches(ENTRIES[2:])) for _ in range(2)}
    assert len(names) == len(files.list()) == 1


async def test_nothing_makes_no_file(files):
    assert await files.keep("log", batches([])) is None
    assert list(files.directory.iterdir()) == []


async def test_no_more_than_a_hundred_are_kept_and_none_is_deleted(files, monkeypatch):
    monkeypatch.setattr(forks, "MOST_FILES", 1)
    await files.keep("log", batches(ENTRIES[:1]))
    with pytest.raises(LogUnavailable, match="move some away"):
        await files.keep("log", batches(ENTRIES[1:]))
    assert len(files.list()) == 1


async def test_what_cannot_be_kept_is_not_given_up(files, tmp_path):
    (tmp_path / "forks").write_text("in the way")
    with pytest.raises(LogUnavailable, match="cannot be kept"):
        await files.keep("log", batches(ENTRIES))
    with pytest.raises(LogUnavailable, match="STATE_DIR"):
        await ForkFiles(None, files.metrics).keep("log", batches(ENTRIES))


@pytest.mark.parametrize("name", ["../admin-id", "log-1-2-0123456789.jsonl", "log.new", ""])
async def test_only_files_of_ours_are_given_out(files, name):
    await files.keep("log", batches(ENTRIES))
    assert files.path(name) is None


async def test_what_could_not_be_kept_whole_leaves_no_piece_behind(files):
    async def broken():
        yield ENTRIES[:1]
        raise LogUnavailable("the connection broke")

    with pytest.raises(LogUnavailable):
        await files.keep("log", broken())
    assert list(files.directory.iterdir()) == []
