"""``promptcast backup DIR``, and what ``verify`` and ``import`` make of such a directory."""

import asyncio
import fcntl
import json
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.chain import Entry
from events.envelope import rfc3339
from events.lines import from_line
from services.admin.log_events import item
from services.cli import backing_up
from services.cli.backing_up import back_up
from services.cli.copies import audits_of
from services.cli.segments import segments_in
from tests.scribe import Scribe
from tests.services.cli.test_segments import at, put
from tests.services.cli.test_verify import changed, log, serve

if TYPE_CHECKING:
    from services.cli.client import AdminClient


@pytest.fixture
def directory(tmp_path) -> Path:
    return tmp_path / "backup"


def names(directory: Path, log: str = "log") -> list[str]:
    return sorted(path.name for path in directory.glob(f"{log}-*"))


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def held(directory: Path, log: Any = "log") -> list[Entry]:
    return [entry for each in segments_in(directory)[log] for _, entry in each.lines()]


def longer(count: int) -> list[Entry]:
    """A log that begins as the seven events do."""
    scribe = Scribe()
    for entry in log():
        scribe.put(entry)
    for version in range(6, 6 + count):
        scribe.saved(f"v{version}", version)
    return [entry._replace(at=1_700_000_000_000_000 + entry.position) for entry in scribe.entries]


async def test_the_first_run_takes_all_of_both_logs_and_each_later_one_what_is_new(
    admin, promptcast, directory
):
    serve(admin, log()[:4])
    done = await promptcast("backup", str(directory))
    assert (done.status, done.err) == (0, "")
    assert done.out == (
        f"{directory}: log 4 new events through position 4; access 4 new events through position 4\n"
    )
    before = contents(directory)
    serve(admin, log())
    done = await promptcast("backup", str(directory), "--log", "log")
    assert done.out == f"{directory}: log 3 new events through position 7\n"
    assert names(directory) == [
        "log-000000000001-000000000004.jsonl.zst", "log-000000000005-000000000007.jsonl.zst",
    ]  # fmt: skip
    assert names(directory, "access") == ["access-000000000001-000000000004.jsonl.zst"]
    assert held(directory) == log()
    assert before.items() <= contents(directory).items(), "nothing that was there is changed"


async def test_where_nothing_is_new_nothing_is_written_and_all_is_well(
    admin, promptcast, directory
):
    serve(admin, log())
    await promptcast("backup", str(directory))
    before = contents(directory)
    done = await promptcast("backup", str(directory))
    assert (done.status, done.err) == (0, "")
    assert done.out == (
        f"{directory}: log nothing new through position 7; access nothing new through position 7\n"
    )
    assert contents(directory) == before


async def test_a_log_that_holds_nothing_is_told_and_no_fault(admin, promptcast, directory):
    done = await promptcast("backup", str(directory), "--log", "access")
    assert (done.status, done.out) == (0, f"{directory}: access holds no event yet\n")
    assert names(directory, "access") == []


async def test_it_is_told_to_programs(admin, promptcast, directory):
    serve(admin, log())
    done = await promptcast("backup", str(directory), "--log", "log", "--json")
    assert json.loads(done.out) == {
        "directory": str(directory),
        "logs": [
            {
                "log": "log", "new": 7, "position": 7, "hash": log()[-1].hash,
                "at": rfc3339(log()[-1].at), "findings": [],
                "files": ["log-000000000001-000000000007.jsonl.zst"],
            }
        ],
        "failed": [],
    }  # fmt: skip


async def test_the_files_are_their_owners_alone(admin, promptcast, directory):
    serve(admin, log())
    await promptcast("backup", str(directory))
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in directory.iterdir()} == {0o600}


# --- what must not go on --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "what", "remedy"),
    [
        (log()[:5], "ends before that", "import --log log"),
        ([], "ends before that", "import --log log"),
        ([*log()[:6], changed(log()[6], b"ada", b"eve", rehashed=True)], "holds another event there",
         "import --replace --log log"),
        (longer(3)[:6] + longer(3)[7:], "holds another event there",
         "import --replace --log log"),
    ],
)  # fmt: skip
async def test_a_log_that_went_back_or_is_another_one_overwrites_nothing(
    admin, promptcast, directory, now, what, remedy
):
    serve(admin, log())
    await promptcast("backup", str(directory), "--log", "log")
    before = contents(directory)
    serve(admin, now, head=7)
    done = await promptcast("backup", str(directory), "--log", "log")
    assert (done.status, done.out) == (1, "")
    assert f"holds the log 'log' through position 7, and the log {what}" in done.err
    assert f"'promptcast {remedy} {directory}'" in done.err
    assert contents(directory) == before


async def test_what_keeps_one_log_from_being_backed_up_does_not_keep_the_other(
    admin, promptcast, directory
):
    serve(admin, log())
    await promptcast("backup", str(directory))
    access = held(directory, "access")
    put(at(1, 7, directory), [*log()[:6], changed(log()[6], b"ada", b"eve", rehashed=True)])
    serve(admin, longer(2))
    done = await promptcast("backup", str(directory))
    assert done.status == 1
    assert done.out == f"{directory}: access 2 new events through position 9\n"
    assert "the log holds another event there" in done.err
    assert held(directory, "access") == access + longer(2)[7:]


@pytest.mark.parametrize("position", [6, 8, 9])
async def test_nothing_is_kept_of_a_piece_whose_chain_does_not_hold(
    admin, promptcast, directory, position
):
    """An event that was changed shows at the next one: it is not in the backup either."""
    serve(admin, log()[:4])
    await promptcast("backup", str(directory), "--log", "log")
    stored = longer(3)
    old = stored[position - 1]
    stored[position - 1] = old._replace(event=old.event.replace(b'"version":', b'"version":1'))
    serve(admin, stored)
    done = await promptcast("backup", str(directory), "--log", "log")
    assert (done.status, len(names(directory))) == (1, 1)
    assert f"position {position + 1}: broken_chain" in done.err
    assert "promptcast repair" in done.err


async def test_poison_that_stands_in_the_log_is_backed_up_and_told_once(
    admin, promptcast, directory
):
    scribe = Scribe()
    scribe.opened()
    scribe.poison(b"\xff no json", hash="0" * 64)
    serve(admin, scribe.entries)
    done = await promptcast("backup", str(directory), "--log", "log")
    assert (done.status, "position 2: wrong_hash" in done.err) == (0, True)
    assert held(directory) == scribe.entries
    assert (await promptcast("backup", str(directory), "--log", "log")).err == ""


@pytest.mark.parametrize("spoil", ["damaged", "missing", "overlapping"])
async def test_a_directory_in_disorder_is_not_added_to(admin, promptcast, directory, spoil):
    for through in (3, 5, 7):
        serve(admin, log()[:through])
        await promptcast("backup", str(directory), "--log", "log")
    _, second, third = (each.path for each in segments_in(directory)["log"])
    if spoil == "damaged":
        third.write_bytes(third.read_bytes()[:-3])
        named = third
    elif spoil == "missing":
        second.unlink()
        named = third
    else:
        named = put(at(2, 4, directory), log()[1:4])
    before = contents(directory)
    serve(admin, longer(3))
    done = await promptcast("backup", str(directory), "--log", "log")
    assert (done.status, named.name in done.err) == (1, True), done
    assert contents(directory) == before
    verified = await promptcast("verify", str(directory))
    assert (verified.status, named.name in verified.out) == (1, True), verified
    refused = await promptcast("import", str(directory))
    assert (refused.status, admin.imported) == (1, []), refused
    assert named.name in refused.err


async def test_a_run_that_breaks_off_keeps_whole_files_and_the_next_goes_on(
    admin, promptcast, directory, monkeypatch
):
    monkeypatch.setattr(backing_up, "SEGMENT_BYTES", 1)
    serve(admin, log())
    admin.pages = 2
    done = await promptcast("backup", str(directory), "--log", "log")
    assert (done.status, "out of reach" in done.err) == (1, True)
    assert held(directory) == log()[:5]
    assert not list(directory.glob("*.part"))
    admin.pages = 1_000
    done = await promptcast("backup", str(directory), "--log", "log")
    assert done.out == f"{directory}: log 2 new events through position 7\n"
    assert held(directory) == log()


async def test_what_a_run_left_that_was_killed_is_swept_and_nothing_else(
    admin, promptcast, directory
):
    directory.mkdir()
    (directory / "log-000000000001.part").write_bytes(b"half")
    (directory / "mine.part").write_bytes(b"somebody's")
    serve(admin, log())
    assert (await promptcast("backup", str(directory))).status == 0
    assert [path.name for path in directory.glob("*.part")] == ["mine.part"]


async def test_two_runs_at_the_same_time_are_one(admin, promptcast, directory):
    serve(admin, log())
    await promptcast("backup", str(directory))
    before = contents(directory)
    serve(admin, longer(2))
    with (directory / ".lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = await promptcast("backup", str(directory))
        assert (done.status, "another backup is writing" in done.err) == (1, True)
        assert contents(directory) == before
    assert (await promptcast("backup", str(directory))).status == 0


async def test_a_directory_whose_place_is_not_there_is_not_made(admin, promptcast, directory):
    done = await promptcast("backup", str(directory / "not-mounted"))
    assert (done.status, "No such file or directory" in done.err) == (1, True)
    assert not directory.exists()


# --- verify and import ----------------------------------------------------------------------------


async def test_a_backup_is_verified_whole_and_it_is_said_how_far_it_goes(
    admin, promptcast, directory
):
    for through in (3, 7):
        serve(admin, log()[:through])
        await promptcast("backup", str(directory))
    done = await promptcast("verify", str(directory))
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[:3] == [
        f"{directory} log: 7 events: the chain is whole",
        f"2 files, through {rfc3339(log()[-1].at)}",
        f"head: position 7, hash {log()[-1].hash}",
    ]
    told = json.loads((await promptcast("verify", str(directory), "--json")).out)
    assert [(t["file"], t["segments"], t["at"], t["position"]) for t in told] == [
        (f"{directory} {name}", 2, rfc3339(log()[-1].at), 7) for name in ("log", "access")
    ]


async def test_a_backup_must_not_begin_in_the_midst(admin, promptcast, directory):
    directory.mkdir()
    put(at(3, 7, directory), log()[2:])
    done = await promptcast("verify", str(directory))
    assert done.status == 1
    assert "position 1: missing_segment: positions 1 to 2 are in no file before log-" in done.out


async def test_a_chain_that_breaks_between_two_files_is_found(promptcast, directory):
    directory.mkdir()
    put(at(1, 3, directory), [*log()[:2], changed(log()[2], b"ada", b"eve", rehashed=True)])
    put(at(4, 7, directory), log()[3:])
    done = await promptcast("verify", str(directory))
    assert (done.status, "position 4: broken_chain" in done.out) == (1, True)


async def test_a_restore_sends_both_logs_as_they_were_exported(admin, promptcast, directory):
    serve(admin, log())
    exported = (await promptcast("export")).out
    for through in (2, 3, 7):
        serve(admin, log()[:through])
        await promptcast("backup", str(directory))
    done = await promptcast("import", str(directory))
    assert done.out.splitlines() == [
        "log: imported, 7 events, head at 7", "access: imported, 7 events, head at 7",
    ]  # fmt: skip
    assert admin.imported == [("log", exported), ("access", exported)]
    asked = admin.asked[-1]
    assert (asked.query, asked.body) == ({"log": "access", "replace": "false"}, None)
    await promptcast("import", "--log", "access", "--replace", str(directory))
    assert admin.imported[2:] == [("access", exported)]
    assert admin.asked[-1].query["replace"] == "true"


async def test_what_stands_behind_a_position_is_left_out_damaged_or_not(
    admin, promptcast, directory
):
    for through in (3, 7):
        serve(admin, log()[:through])
        await promptcast("backup", str(directory), "--log", "log")
    (newest,) = directory.glob("log-000000000004-*")
    newest.write_bytes(b"damaged")
    refused = await promptcast("import", str(directory))
    assert "nothing was imported: position 4: damaged_segment" in refused.err
    assert "'--through 3'" in refused.err
    assert not admin.imported
    assert (await promptcast("import", "--through", "3", str(directory))).status == 0
    ((_, text),) = admin.imported
    assert [from_line(line.encode()) for line in text.splitlines()] == log()[:3]


async def test_a_directory_without_a_backup_is_said_to_be(promptcast, directory):
    directory.mkdir()
    done = await promptcast("import", str(directory))
    assert (done.status, f"there is no backup in {directory}" in done.err) == (1, True)


# --- whatever the runs ----------------------------------------------------------------------------


@dataclass
class Pages:
    """A client of a log that grows; only pages are asked of it."""

    entries: Sequence[Entry] = ()

    async def fetch(self, _method: str, _path: str, query: dict[str, int]) -> bytes:
        begin = query["cursor"]
        end = begin + min(query["limit"], 4)
        more = str(end) if end < len(self.entries) else "null"
        items = b",".join(map(item, self.entries[begin:end]))
        return b'{"items":[' + items + b'],"next":' + more.encode() + b"}"


LONG = longer(23)


@settings(max_examples=12)  # each run syncs its files
@given(st.lists(st.integers(0, 12), max_size=5), st.integers(1, 4000))
def test_however_a_log_grows_its_backup_is_the_log_and_one_chain(growth, size):
    client, reached = Pages(), 0
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as place:
        patch.setattr(backing_up, "SEGMENT_BYTES", size)
        for count in growth:
            reached = min(reached + count, len(LONG))
            client.entries = LONG[:reached]
            done = asyncio.run(back_up(cast("AdminClient", client), Path(place), "log"))
            assert done.position == reached
        assert held(Path(place)) == LONG[:reached]
        if reached:
            (audit,) = audits_of([place])
            assert not audit.findings
            assert (audit.position, audit.at) == (reached, LONG[reached - 1].at)
