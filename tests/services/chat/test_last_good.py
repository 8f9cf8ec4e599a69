"""The last good state on disk: kept as a whole, and believed only if it is by the rules."""

import json
import time
from typing import Any

import pytest
from structlog.testing import capture_logs

from events.chain import Chain, Head
from events.signing import KeyRing
from projections.held import Held
from projections.live import Live, fold
from projections.snapshot import Snapshot, pack, unpack
from services.chat import kept_file
from services.chat.last_good import LastGood
from services.chat.loading import Loading, tried_out
from services.chat.marks import Marks
from services.chat.quarantine import Quarantined
from tests.scribe import Scribe

KEYS = KeyRing({"k": b"s" * 32})


@pytest.fixture
def scribe():
    made = Scribe()
    made.opened()
    made.saved("one {{ name }}", 1, config={"variables": {"name": "é"}, "parameters": {"t": 0.5}})
    made.saved("other", 1, "other")
    return made


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "chat-1.last-good"


def last_good(path, keys=None, globs=("*",)):
    held = Held(Live(globs), Live(globs), tried_out)
    return LastGood(path, keys or KeyRing(), globs, Loading(held, Marks(None)))


def live(scribe):
    return fold(Live(), scribe.outcomes())


async def test_what_was_kept_is_recalled_as_it_was(path, scribe):
    await last_good(path).keep(scribe.chain(), live(scribe))
    found = await last_good(path).recall()
    assert (found.chain, found.live, found.whole) == (scribe.chain(), live(scribe), True)
    assert 0 <= found.silent < 60
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0
    assert [each.name for each in path.parent.iterdir()] == [path.name]


async def test_it_is_written_only_when_there_is_something_new(path, scribe):
    kept = last_good(path)
    chain = scribe.chain()
    await kept.keep(chain, live(scribe))
    path.unlink()
    await kept.keep(chain, live(scribe))
    assert not path.exists()
    await kept.keep(scribe.chain(), live(scribe))
    assert path.exists()


async def test_nothing_is_kept_without_a_path_or_before_there_is_a_log(path, scribe):
    assert await last_good(None).keep(scribe.chain(), live(scribe)), "there is nothing amiss"
    assert await last_good(path).keep(Chain(), Live())
    assert not path.exists()
    assert await last_good(None).recall() is None
    assert await last_good(path).recall() is None


async def test_only_what_this_replica_holds_is_recalled(path, scribe):
    await last_good(path).keep(scribe.chain(), live(scribe))
    found = await last_good(path, globs=("oth*",)).recall()
    assert (list(found.live.prompts), found.whole) == (["other"], True)


async def test_a_disk_that_takes_nothing_is_told_once_and_tried_again(path, scribe):
    path.parent.write_text("in the way")
    kept = last_good(path)
    with capture_logs() as told:
        for _ in range(3):
            assert not await kept.keep(scribe.chain(), live(scribe))
    assert [line["event"] for line in told] == ["last_good_not_kept"]
    path.parent.unlink()
    chain = scribe.chain()
    assert await kept.keep(chain, live(scribe))
    assert path.exists()
    assert await kept.keep(chain, live(scribe)), "it is kept already"


async def test_other_trouble_is_told_and_so_is_the_same_once_it_was_kept(path, scribe, monkeypatch):
    kept = last_good(path)
    with capture_logs() as told:
        for trouble in (OSError(28, "no space"), OSError(5, "broken"), None, OSError(5, "broken")):
            with monkeypatch.context() as disk:
                if trouble:
                    disk.setattr(kept_file, "write", raising(trouble))
                assert await kept.keep(scribe.chain(), live(scribe)) is (trouble is None)
    assert [line["error"].split("] ")[1] for line in told] == ["no space", "broken", "broken"]


def raising(error):
    def raises(*_args):
        raise error

    return raises


async def test_with_keys_only_what_was_signed_is_believed(path, scribe, capsys):
    await last_good(path).keep(scribe.chain(), live(scribe))
    assert await last_good(path, KEYS).recall() is None
    assert "last_good_refused" in capsys.readouterr().out
    await last_good(path, KEYS).keep(scribe.chain(), live(scribe))
    assert (await last_good(path, KEYS).recall()).live == live(scribe)


@pytest.mark.parametrize("cut", [0, 1, 60, 70, 200, -1])
async def test_what_is_cut_is_refused_and_told(path, scribe, capsys, cut):
    await last_good(path).keep(scribe.chain(), live(scribe))
    path.write_bytes(path.read_bytes()[:cut])
    assert await last_good(path).recall() is None
    assert "last_good_refused" in capsys.readouterr().out


def planted(path, change):
    """Keep something else, whose checksum is good: anybody can make one."""
    snapshot = unpack(path.read_bytes(), KeyRing(), "last-good")
    assert snapshot
    state = json.loads(json.dumps(snapshot.state))
    chain = change(state) or snapshot.chain
    path.write_bytes(pack(Snapshot(chain, state, "last-good"), KeyRing()))


def one(**fields):
    return lambda state: state["live"][0].update(fields)


def at(*head: Any, signed: Any = False):
    return lambda _state: Chain(Head(*head), "log-1", signed)


@pytest.mark.parametrize(
    "change",
    [
        one(template="{{ 7*7 }}"),
        one(template="something else"),
        one(version="1"),
        one(version=0),
        one(revision="2"),
        one(revision=0),
        one(revision=4),
        one(revision=2**80),
        one(hash=None),
        one(hash=["x"]),
        one(author=7),
        one(recorded_at=1.5),
        one(content_hash="0" * 64),
        one(content_hash={}),
        one(name="Bad Name"),
        one(name=None),
        one(branch="test"),
        one(config={"parameters": {"messages": []}}),
        one(config={"variables": {"name": "x" * 40_000}}),
        one(config=None),
        lambda state: state.update(at="now"),
        lambda state: state.update(at=float("nan")),
        lambda state: state.update(at=float("-inf")),
        lambda state: state.clear(),
        lambda state: state.update(live=7),
        lambda state: state.update(live=[7]),
        at("3", "", ""),
        at(3, 7, ""),
        at(3, "", "", signed=1),
        at(0, "", ""),
    ],
)
async def test_what_breaks_the_rules_is_refused_and_told(path, scribe, capsys, change):
    await last_good(path).keep(scribe.chain(), live(scribe))
    planted(path, change)
    assert await last_good(path).recall() is None
    assert "last_good_refused" in capsys.readouterr().out


async def test_a_clock_that_was_set_back_makes_nothing_older_than_new(path, scribe):
    await last_good(path).keep(scribe.chain(), live(scribe))
    planted(path, lambda state: state.update(at=time.time() + 86_400))
    assert (await last_good(path).recall()).silent == 0


@pytest.mark.parametrize("known", ["by its position", "by its content"])
async def test_what_is_in_quarantine_is_left_out(path, scribe, known):
    kept = last_good(path)
    await kept.keep(scribe.chain(), live(scribe))
    bad = live(scribe).prompts["system"]
    by_content = Quarantined(99, "", "system", bad.content_hash, "why")
    by_position = Quarantined(bad.revision, bad.hash, "", "", "why")
    kept.loading.quarantine.add(by_position if known == "by its position" else by_content)
    found = await kept.recall()
    assert (list(found.live.prompts), found.whole) == (["other"], False)
