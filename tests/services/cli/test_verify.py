"""``promptcast verify`` and ``export``: logs that are whole, and logs that somebody has been at."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from events.chain import GENESIS, Entry, Head
from events.envelope import Stamp, digest, rfc3339
from events.lines import checked, from_line, to_line
from events.model import Event, LogOpened, PromptConfig, PromptRestored, PromptSaved
from events.signing import KeyRing
from events.writing import appended, seal
from services.admin.log_events import item
from services.cli.log_entries import entries, next_cursor

SECRET = "0123456789abcdef" * 4
NO_KEYS = KeyRing()
KEYS = KeyRing({"k1": bytes.fromhex(SECRET)})


def log(keys: KeyRing = NO_KEYS) -> list[Entry]:
    """Seven events, well chained."""
    happened: list[Event] = [LogOpened(log_id="the log")]
    happened += [
        PromptSaved(
            prompt="system", version=n, template=f"Grüße, {{{{ name }}}} {n}", config=PromptConfig()
        )
        for n in range(1, 6)
    ]
    happened.append(
        PromptRestored(prompt="system", version=2, saved_at=3, template="x", config=PromptConfig())
    )
    made, head = [], GENESIS
    for number, event in enumerate(happened, 1):
        stamp = Stamp(f"id-{number}", "/promptcast/test", 1_700_000_000_000_000 + number, "ada")
        draft = seal(event, stamp, head, keys)
        made.append(appended(draft, head, 1_700_000_000_000_000 + number))
        head = Head(number, draft.hash, draft.hash)
    return made


def serve(admin, stored: Sequence[Entry], head: int | None = None) -> None:
    """Let the fake admin send these entries, by the real admin's own rendering."""
    admin.entries = [item(entry) for entry in stored]
    admin.fleet["head"] = stored[-1].position if head is None else head


async def test_a_whole_log_is_told_with_its_head(admin, promptcast):
    stored = log()
    serve(admin, stored)
    done = await promptcast("verify")
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines() == [
        "7 events: the chain is whole",
        f"head: position 7, hash {stored[-1].hash}",
    ]
    assert len([asked for asked in admin.asked if asked.path == "/api/v1/events"]) == 3  # pages


async def test_the_result_is_there_for_programs(admin, promptcast):
    stored = log()
    serve(admin, stored)
    assert json.loads((await promptcast("verify", "--json")).out) == {
        "events": 7,
        "position": 7,
        "hash": stored[-1].hash,
        "signatures_unchecked": 0,
        "findings": [],
    }


def changed(entry: Entry, old: bytes, new: bytes, *, rehashed: bool = False) -> Entry:
    event = entry.event.replace(old, new)
    assert event != entry.event
    hash = digest(event) if rehashed else entry.hash
    return Entry(entry.position, event, hash, entry.at)


async def test_a_clock_that_went_back_is_told_and_is_no_fault(admin, promptcast):
    stored = log()
    stored[3] = stored[3]._replace(at=0)
    serve(admin, stored)
    done = await promptcast("verify")
    assert (done.status, "position 4: clock_went_back" in done.out) == (0, True)
    assert "the chain is whole" in done.out
    (found,) = json.loads((await promptcast("verify", "--json")).out)["findings"]
    assert (found["reason"], found["remark"]) == ("clock_went_back", True)
    stored[5] = changed(stored[5], b"ada", b"eve")
    serve(admin, stored)
    assert (await promptcast("verify")).status == 1


@pytest.mark.parametrize(
    ("at", "make", "reason"),
    [
        (3, lambda e: changed(e, b"ada", b"eve"), "wrong_hash"),
        (3, lambda e: changed(e, b"ada", b"eve", rehashed=True), None),
        (3, lambda e: Entry(4, b"not JSON", e.hash, e.at), "wrong_hash"),
        (3, lambda e: Entry(4, b"\xff\x00", digest(b"\xff\x00"), e.at), "bad_json"),
        (3, lambda e: Entry(4, b"", "", e.at), "missing_fields"),
        (3, lambda e: Entry(4, e.event, e.hash, e.at, foreign=(',"event":',)), "foreign_field"),
        (3, lambda e: changed(e, b'{"specversion"', b'{ "specversion"', rehashed=True), None),
        (3, lambda e: Entry(4, b'{"a":' + b"1" * 5000 + b"}", "0" * 64, e.at), "wrong_hash"),
    ],
)
async def test_what_somebody_did_to_an_entry_is_found_where_it_is(
    admin, promptcast, at, make, reason
):
    stored = log()
    stored[at] = make(stored[at])
    serve(admin, stored)
    done = await promptcast("verify", "--json")
    found = {(f["position"], f["reason"]) for f in json.loads(done.out)["findings"]}
    assert done.status == 1
    if reason:
        assert (at + 1, reason) in found
    else:  # it says nothing wrong itself: the next one's prevhash does
        assert (at + 2, "broken_chain") in found
        assert not [position for position, _ in found if position <= at + 1]


async def test_a_lost_entry_and_a_lost_end_are_found(admin, promptcast):
    stored = log()
    serve(admin, stored[:3] + stored[4:])
    done = await promptcast("verify")
    assert done.status == 1
    assert "position 5: gap: expected position 4 next" in done.out
    serve(admin, stored[:5], head=7)
    done = await promptcast("verify")
    assert done.status == 1
    assert "position 5: wrong_head: it ends here" in done.out


async def test_signatures_are_checked_with_the_keys_and_counted_without(
    admin, promptcast, monkeypatch
):
    stored = log(KEYS)
    serve(admin, stored)
    done = await promptcast("verify")
    assert done.status == 0
    assert "7 signatures were not checked" in done.err
    monkeypatch.setenv("PROMPTCAST_SIGNING_KEYS", f"k1:{SECRET}")
    assert await promptcast("verify") == type(done)(0, done.out, "")
    monkeypatch.setenv("PROMPTCAST_SIGNING_KEYS", f"k1:{SECRET[::-1]}")
    done = await promptcast("verify")
    assert done.status == 1
    assert "position 1: wrong_signature" in done.out


async def test_wrong_keys_are_one_line_without_the_secret(admin, promptcast, monkeypatch):
    serve(admin, log())
    monkeypatch.setenv("PROMPTCAST_SIGNING_KEYS", "k1:too-short-secret")
    done = await promptcast("verify")
    assert (done.status, len(done.err.splitlines())) == (1, 1)
    assert "too-short-secret" not in done.err


async def test_an_empty_log_is_whole(admin, promptcast):
    admin.fleet["head"] = 0
    done = await promptcast("verify")
    assert (done.status, done.out.splitlines()[0]) == (0, "0 events: the chain is whole")


def test_entries_come_out_of_a_page_as_they_went_in():
    stored = log(KEYS)
    stored[2] = Entry(3, b"\xff no text", "x", stored[2].at, foreign=("a",))
    page = b'{"items":[' + b",".join(map(item, stored)) + b'],"next":7}'
    assert list(entries(page)) == stored
    assert next_cursor(page) == 7


def test_base64_is_for_what_is_no_json_object():
    entry = Entry(1, b"[1]", "x", 1)
    assert base64.b64encode(b"[1]") in item(entry)
    assert [each.event for each in entries(b'{"items":[' + item(entry) + b'],"next":null}')] == [
        b"[1]"
    ]


def test_the_time_of_an_entry_survives():
    (entry,) = entries(b'{"items":[' + item(log()[0]) + b'],"next":null}')
    assert rfc3339(entry.at) == "2023-11-14T22:13:20.000001Z"


# --- files ----------------------------------------------------------------------------------------


def write(path: Path, stored: Sequence[Entry], *, plain: bool = False) -> str:
    lines = [to_line(entry) if plain else checked(to_line(entry)) for entry in stored]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\n".join(lines) + (b"" if plain else b"\n"))
    return str(path)


async def test_a_file_is_verified_without_asking_anybody(promptcast, tmp_path, monkeypatch):
    monkeypatch.setenv("PROMPTCAST_URL", "http://127.0.0.1:1")
    stored = log()
    for plain in (True, False):
        name = write(tmp_path / "backup.jsonl", stored, plain=plain)
        done = await promptcast("verify", name)
        assert (done.status, done.err) == (0, "")
        assert done.out.splitlines() == [
            f"{name}: 7 events: the chain is whole",
            f"head: position 7, hash {stored[-1].hash}",
        ]


async def test_a_file_may_begin_in_the_midst_of_a_log(promptcast, tmp_path):
    name = write(tmp_path / "chat-1.tail.jsonl", log()[3:])
    done = await promptcast("verify", name)
    assert done.status == 0
    assert done.out.splitlines()[0] == f"{name}: 4 events from position 4 on: the chain is whole"
    name = write(tmp_path / "last.jsonl", log()[6:])
    assert (await promptcast("verify", name)).status == 0, "it restores what was saved before"


@pytest.mark.parametrize(("at", "reason"), [(3, "broken_chain"), (5, "version_out_of_order")])
async def test_what_is_wrong_behind_a_beginning_in_the_midst_is_found(
    promptcast, tmp_path, at, reason
):
    stored = log()[2:]
    stored[at - 2] = changed(stored[at - 2], b'"version":', b'"version":1', rehashed=True)
    done = await promptcast("verify", write(tmp_path / "piece.jsonl", stored), "--json")
    assert done.status == 1
    (told,) = json.loads(done.out)
    assert reason in {finding["reason"] for finding in told["findings"]}
    assert told["first"] == 3


async def test_files_that_go_on_are_one_walk_and_others_are_their_own(promptcast, tmp_path):
    stored = log()
    names = [
        write(tmp_path / "1.jsonl", stored[:3]), write(tmp_path / "4.jsonl", stored[3:5]),
        write(tmp_path / "tail.jsonl", stored[2:]),
    ]  # fmt: skip
    done = await promptcast("verify", *names, "--json")
    assert [(t["file"], t["first"], t["position"], t["events"]) for t in json.loads(done.out)] == [
        (names[0], 1, 5, 5), (names[2], 3, 7, 5),
    ]  # fmt: skip
    assert done.status == 0


async def test_a_journal_is_one_log_and_what_is_missing_in_it_is_found(promptcast, tmp_path):
    stored = log()
    for first, last in ((1, 2), (3, 4), (5, 7)):
        write(tmp_path / "log" / f"{first:020}.jsonl", stored[first - 1 : last])
    done = await promptcast("verify", str(tmp_path / "log"))
    assert (done.status, done.out.splitlines()[0]) == (
        0, f"{tmp_path / 'log'}: 7 events: the chain is whole",
    )  # fmt: skip
    (tmp_path / "log" / f"{3:020}.jsonl").unlink()
    done = await promptcast("verify", str(tmp_path / "log"))
    assert done.status == 1
    assert "position 5: gap: expected position 3 next" in done.out


def spoil(file: Path) -> None:
    """A byte in the midst is another one, and the end is cut off."""
    file.write_bytes(file.read_bytes().replace(b"{{ name }} 2", b"{{ name }} 9", 1)[:-30])


async def test_a_damaged_line_is_found_and_what_follows_is_checked_all_the_same(
    promptcast, tmp_path
):
    name = write(tmp_path / "backup.jsonl", log())
    spoil(tmp_path / "backup.jsonl")
    done = await promptcast("verify", name, "--json")
    (told,) = json.loads(done.out)
    found = [(f["position"], f["reason"]) for f in told["findings"]]
    assert done.status == 1
    assert (3, "bad_line") in found
    assert (4, "gap") in found
    assert (7, "bad_line") in found
    assert told["events"] == 5


async def test_what_is_no_file_of_ours_is_said(promptcast, tmp_path):
    (tmp_path / "notes.txt").write_text("hello\n")
    assert (await promptcast("verify", str(tmp_path / "notes.txt"))).status == 1
    assert (await promptcast("verify", str(tmp_path / "none"))).status == 1
    done = await promptcast("verify", str(tmp_path))
    assert (done.status, "there is no journal in" in done.err) == (1, True)


# --- export ---------------------------------------------------------------------------------------


async def test_an_export_is_the_log_line_by_line_and_can_be_verified(admin, promptcast, tmp_path):
    stored = log(KEYS)
    stored.append(Entry(8, b"\xff\n", "x", stored[-1].at, foreign=("a",)))
    serve(admin, stored)
    done = await promptcast("export")
    assert [from_line(line.encode()) for line in done.out.splitlines()] == stored
    assert done.status == 1, "there is poison in it"
    assert "position 8: wrong_hash" in done.err
    assert done.err.splitlines()[-1] == "promptcast: 8 events written through position 8"
    (tmp_path / "backup.jsonl").write_text(done.out)
    again = await promptcast("verify", str(tmp_path / "backup.jsonl"), "--json")
    (told,) = json.loads(again.out)
    assert [f["reason"] for f in told["findings"]] == ["foreign_field", "wrong_hash"]


async def test_an_export_goes_on_where_another_ended(admin, promptcast):
    serve(admin, log())
    whole = await promptcast("export")
    rest = await promptcast("export", "--after", "3")
    assert (whole.status, rest.status) == (0, 0)
    assert rest.out.splitlines() == whole.out.splitlines()[3:]
    assert (await promptcast("export", "--after", "7")).out == ""


async def test_an_export_that_does_not_go_on_where_it_should_is_told(admin, promptcast):
    stored = log()
    serve(admin, stored[:3] + stored[4:])
    done = await promptcast("export", "--after", "3")
    assert done.status == 1
    assert "position 5: gap" in done.err


async def test_an_export_that_breaks_off_says_how_to_go_on(admin, promptcast):
    serve(admin, log())
    admin.pages = 2
    done = await promptcast("export")
    assert done.status == 1
    position = from_line(done.out.splitlines()[-1].encode()).position
    assert f"go on with 'promptcast export --after {position}'" in done.err


async def test_the_access_log_is_exported_and_verified_alike(admin, promptcast):
    serve(admin, log())
    done = await promptcast("export", "--log", "access")
    assert (done.status, len(done.out.splitlines())) == (0, 7)
    assert {asked.path for asked in admin.asked} == {"/api/v1/access"}
    assert (await promptcast("verify", "--log", "access")).status == 0
    assert {asked.path for asked in admin.asked} == {"/api/v1/access"}
