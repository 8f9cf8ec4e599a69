"""``promptcast verify`` over logs that are whole, and over logs that somebody has been at."""

import base64
import json
from collections.abc import Sequence

import pytest

from events.chain import GENESIS, Entry, Head
from events.envelope import Stamp, digest, rfc3339
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


@pytest.mark.parametrize(
    ("at", "make", "reason"),
    [
        (3, lambda e: changed(e, b"ada", b"eve"), "wrong_hash"),
        (3, lambda e: changed(e, b"ada", b"eve", rehashed=True), None),
        (3, lambda e: Entry(4, e.event, e.hash, 0), "clock_went_back"),
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
