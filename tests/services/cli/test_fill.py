"""``promptcast fill``: what an admin's journal lacks, out of any copy of the log."""

import io
import json
from types import SimpleNamespace

import pytest

from services.cli.client import AdminClient
from tests.services.cli.fake_admin import problem
from tests.services.cli.test_compressed import packed
from tests.services.cli.test_export import lines
from tests.services.cli.test_segments import at, put
from tests.services.cli.test_verify import log, serve, write


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "backup"


async def test_a_backup_is_sent_as_it_was_exported_one_log_of_it(admin, promptcast, directory):
    serve(admin, log())
    exported = (await promptcast("export")).out
    for through in (2, 7):
        serve(admin, log()[:through])
        await promptcast("backup", str(directory))
    done = await promptcast("fill", str(directory))
    assert (done.status, done.err) == (0, "")
    assert done.out == "log: 7 events went into the journal, and nothing is missing there\n"
    assert admin.filled == [("log", exported)]
    asked = admin.asked[-1]
    assert (asked.query, asked.body) == ({"log": "log"}, None)
    assert asked.headers["Content-Type"] == "application/x-ndjson"


async def test_an_export_will_do_compressed_or_not_and_so_will_standard_input(
    admin, promptcast, tmp_path, monkeypatch
):
    data = lines(log())
    (tmp_path / "log.jsonl.zst").write_bytes(packed(data))
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    for source in (write(tmp_path / "log.jsonl", log()), str(tmp_path / "log.jsonl.zst"), "-"):
        assert (await promptcast("fill", source)).status == 0
    assert [len(text.splitlines()) for _, text in admin.filled] == [7, 7, 7]


async def test_the_log_of_who_may_do_what_is_filled_when_it_is_named(admin, promptcast, directory):
    serve(admin, log())
    await promptcast("backup", str(directory))
    done = await promptcast("fill", "--log", "access", str(directory))
    assert done.out.startswith("access: 7 events went into the journal")
    assert [name for name, _ in admin.filled] == ["access"]


async def test_what_is_missing_still_is_told_and_no_success(admin, promptcast, tmp_path):
    admin.lacks = [{"first": 31, "last": 40}, {"first": 51, "last": 60}]
    name = write(tmp_path / "log.jsonl", log())
    done = await promptcast("fill", name)
    assert (done.status, done.out.splitlines()) == (
        1,
        [
            "log: 7 events went into the journal, and it is not whole yet",
            "  it lacks 31 to 40: promptcast fill once more",
            "  it lacks 51 to 60: promptcast fill once more",
        ],
    )
    done = await promptcast("fill", "--json", name)
    assert (done.status, json.loads(done.out)) == (1, {"events": 7, "lacks": admin.lacks})


async def test_where_nothing_was_missing_all_is_well(admin, promptcast, tmp_path):
    (tmp_path / "empty.jsonl").write_bytes(b"")
    done = await promptcast("fill", str(tmp_path / "empty.jsonl"))
    assert (done.status, done.out) == (
        0, "log: 0 events went into the journal, and nothing is missing there\n",
    )  # fmt: skip


async def test_it_is_told_to_programs(admin, promptcast, tmp_path):
    done = await promptcast("fill", "--json", write(tmp_path / "log.jsonl", log()))
    assert (done.status, json.loads(done.out)) == (0, {"events": 7, "lacks": []})


async def test_a_copy_that_turns_out_damaged_breaks_off_and_says_why(
    admin, promptcast, directory, tmp_path
):
    directory.mkdir()
    put(at(1, 3, directory), log()[:3])
    damaged = put(at(4, 7, directory), log()[3:])
    damaged.write_bytes(damaged.read_bytes()[:-3])
    (tmp_path / "bad.zst").write_bytes(packed(lines(log()) * 200)[:-9])
    for source, named in ((directory, damaged), (tmp_path / "bad.zst", tmp_path / "bad.zst")):
        done = await promptcast("fill", str(source))
        assert (done.status, done.out) == (1, "")
        assert f"{named}: it is cut off" in done.err
    assert admin.filled == [], "the service has never seen the end of it"


@pytest.mark.parametrize("log_name", ["log", "access"])
async def test_a_directory_without_that_log_is_said_to_be(promptcast, directory, log_name):
    directory.mkdir()
    if log_name == "access":
        put(at(1, 7, directory), log())
    done = await promptcast("fill", "--log", log_name, str(directory))
    assert (done.status, done.err) == (
        1, f"promptcast: there is no backup of '{log_name}' in {directory}\n",
    )  # fmt: skip


async def test_a_file_that_is_not_there_is_one_line(admin, promptcast, tmp_path):
    done = await promptcast("fill", str(tmp_path / "nowhere.jsonl"))
    assert (done.status, "No such file or directory" in done.err) == (1, True)
    assert admin.filled == []


async def test_what_the_api_says_no_to_is_one_line_with_the_reason(admin, promptcast, tmp_path):
    wrong = [{"pointer": "", "detail": "position 4 does not follow upon what is here"}]
    admin.answers["POST", "/api/v1/logs/fill"] = problem(422, "invalid", "no", errors=wrong)
    done = await promptcast("fill", write(tmp_path / "log.jsonl", log()))
    assert (done.status, done.out) == (1, "")
    assert done.err == "promptcast: position 4 does not follow upon what is here\n"


async def test_a_whole_log_has_its_time(admin, promptcast, tmp_path, monkeypatch):
    given, once = [], AdminClient._once

    async def noted(self, method, request, deadline):
        given.append(deadline)
        return await once(self, method, request, deadline)

    monkeypatch.setattr(AdminClient, "_once", noted)
    await promptcast("fill", write(tmp_path / "log.jsonl", log()))
    assert given == [600.0]
