"""``promptcast trim DIR``: nothing goes from the server that the directory does not hold, whole."""

import fcntl
import json

import pytest

from events.envelope import digest
from services.admin.mending.bodies import TrimRequest
from services.admin.mending.trimming import LEAST_KEPT
from services.cli import auditing
from services.cli.backup_lock import locked
from services.cli.client import AdminClient
from services.cli.errors import CliError
from services.cli.segments import segments_in
from services.cli.trim import KEPT
from services.cli.trim import LEAST_KEPT as LEAST_ASKED
from tests.scribe import Scribe
from tests.services.cli.fake_admin import invalid, problem
from tests.services.cli.test_backup import contents, held, longer, names
from tests.services.cli.test_segments import at, put
from tests.services.cli.test_verify import changed, log, serve

TRIM = ("POST", "/api/v1/logs/trim")


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "backup"


def bodies(admin):
    """What was asked of the API, for each time."""
    return [asked.body for asked in admin.asked if (asked.method, asked.path) == TRIM]


async def test_what_is_new_is_backed_up_and_then_the_rest_goes(admin, promptcast, directory):
    serve(admin, log()[:4])
    await promptcast("backup", str(directory))
    serve(admin, longer(2))
    admin.trimmed = {"through": 6, "head": 10, "events": 5}
    done = await promptcast("trim", "--keep", "100", str(directory))
    assert (done.status, done.err) == (0, "")
    assert done.out == (
        "log trimmed through 6: 5 events went from the server, 4 stay;"
        f" {directory} holds all of it through position 9\n"
    )
    assert held(directory) == longer(2)
    archived = {"position": 9, "hash": longer(2)[-1].hash}
    assert bodies(admin) == [{"keep": 100, "archived": archived}]


async def test_of_the_access_log_nothing_is_asked(admin, promptcast, directory):
    serve(admin, log())
    assert (await promptcast("trim", str(directory))).status == 0
    assert "/api/v1/access" not in [asked.path for asked in admin.asked]
    assert names(directory, "access") == []


async def test_what_stays_unless_somebody_says_otherwise_is_what_the_api_means(
    admin, promptcast, directory
):
    serve(admin, log())
    await promptcast("trim", str(directory))
    (asked,) = bodies(admin)
    assert asked["keep"] == KEPT == TrimRequest.model_fields["keep"].default
    assert LEAST_ASKED == LEAST_KEPT


async def test_less_than_the_least_is_asked_of_nobody(admin, promptcast, directory):
    done = await promptcast("trim", "--keep", str(LEAST_KEPT - 1), str(directory))
    assert (done.status, "--keep" in done.err) == (1, True)
    assert (admin.asked, directory.exists()) == ([], False)


@pytest.mark.parametrize(
    ("trimmed", "why"),
    [
        ({"through": 0, "head": 7, "events": 0}, "7 events are on the server, and 10000 stay there"),
        ({"through": 900, "head": 10_900, "events": 0},
         "10000 events are on the server, and 10000 stay there"),
        ({"through": 900, "head": 10_909, "events": 0},
         "10009 events are on the server, and 10000 stay there"),
        ({"through": 900, "head": 10_910, "events": 0},
         "10010 events are on the server, but a replica or another admin is no further than position"),
    ],
)  # fmt: skip
async def test_where_there_is_nothing_to_trim_it_is_said_why_and_all_is_well(
    admin, promptcast, directory, trimmed, why
):
    serve(admin, log())
    admin.trimmed = trimmed
    done = await promptcast("trim", str(directory))
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"nothing to trim: {why}")


async def test_a_trim_that_was_broken_off_is_ended_by_the_next(admin, promptcast, directory):
    """The log says that it was trimmed; what had not gone by then goes now."""
    serve(admin, log())
    admin.trimmed = {"through": 900, "head": 1_001, "events": 40}
    done = await promptcast("trim", str(directory))
    assert "log trimmed through 900: 40 events went from the server, 101 stay" in done.out


async def test_of_a_log_that_holds_nothing_nothing_is_asked(admin, promptcast, directory):
    done = await promptcast("trim", str(directory))
    assert (done.status, done.out) == (0, "nothing to trim: the log holds no event yet\n")
    assert bodies(admin) == []
    done = await promptcast("trim", "--json", str(directory))
    told = json.loads(done.out)
    assert told == {"directory": str(directory), "archived": None, "trimmed": None}


async def test_it_is_told_to_programs(admin, promptcast, directory):
    serve(admin, log())
    admin.trimmed = {"through": 3, "head": 8, "events": 3}
    done = await promptcast("trim", "--json", str(directory))
    assert json.loads(done.out) == {
        "directory": str(directory),
        "archived": {"position": 7, "hash": log()[-1].hash},
        "trimmed": admin.trimmed,
    }


# --- what must not go -----------------------------------------------------------------------------


@pytest.mark.parametrize("spoil", ["oldest damaged", "oldest cut", "missing", "doubled", "chain"])
async def test_a_directory_in_which_anything_is_wrong_lets_nothing_go(
    admin, promptcast, directory, spoil
):
    for through in (3, 5, 7):
        serve(admin, log()[:through])
        await promptcast("backup", str(directory))
    oldest, second, third = (each.path for each in segments_in(directory)["log"])
    named = oldest.name
    if spoil == "oldest damaged":
        data = bytearray(oldest.read_bytes())
        data[len(data) // 2] ^= 1
        oldest.write_bytes(data)
    elif spoil == "oldest cut":
        put(at(1, 3, directory), log()[:2])
    elif spoil == "missing":
        second.unlink()
        named = third.name
    elif spoil == "doubled":
        named = put(at(2, 4, directory), log()[1:4]).name
    else:
        put(at(1, 3, directory), [*log()[:2], changed(log()[2], b"ada", b"eve", rehashed=True)])
        named = "position 4: broken_chain"
    serve(admin, longer(3))
    done = await promptcast("trim", str(directory))
    assert (done.status, done.out) == (1, ""), done
    assert named in done.err
    assert bodies(admin) == []


async def test_what_is_wrong_shows_behind_any_number_of_remarks_and_of_poison(
    admin, promptcast, directory, monkeypatch
):
    directory.mkdir()
    stored = [entry._replace(at=100 - entry.position) for entry in log()]
    put(at(1, 5, directory), [*stored[:4], changed(stored[4], b"ada", b"eve", rehashed=True)])
    put(at(6, 7, directory), stored[5:])
    serve(admin, stored)
    monkeypatch.setattr(auditing, "MOST_FINDINGS", 2)
    done = await promptcast("trim", str(directory))
    assert (done.status, "position 6: broken_chain" in done.err) == (1, True), done
    assert "nothing was trimmed" in done.err
    assert bodies(admin) == []


async def test_poison_that_a_log_holds_is_in_its_archive_and_keeps_nothing(
    admin, promptcast, directory
):
    scribe = Scribe()
    scribe.opened()
    scribe.poison(b"\xff no json", hash="0" * 64)
    scribe.saved("x", 1)
    serve(admin, scribe.entries)
    done = await promptcast("trim", str(directory))
    assert (done.status, "position 2: wrong_hash" in done.err) == (0, True)
    (asked,) = bodies(admin)
    assert asked["archived"]["position"] == 3


async def test_an_archive_that_ends_with_poison_is_named_by_the_hash_of_its_bytes(
    admin, promptcast, directory
):
    scribe = Scribe()
    scribe.opened()
    scribe.poison(b"no json", hash="0" * 64)
    serve(admin, scribe.entries)
    await promptcast("trim", str(directory))
    (asked,) = bodies(admin)
    assert asked["archived"] == {"position": 2, "hash": digest(b"no json")}


async def test_a_log_that_is_another_one_is_not_trimmed(admin, promptcast, directory):
    serve(admin, log())
    await promptcast("backup", str(directory))
    before = contents(directory)
    serve(admin, [*log()[:6], changed(log()[6], b"ada", b"eve", rehashed=True)])
    done = await promptcast("trim", str(directory))
    assert (done.status, "the log holds another event there" in done.err) == (1, True)
    assert (contents(directory), bodies(admin)) == (before, [])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (problem(503, "log-unavailable", "this admin keeps no journal: nothing was trimmed"),
         "this admin keeps no journal: nothing was trimmed"),
        (invalid(), "'7*7' is not a variable's name"),
    ],
)  # fmt: skip
async def test_what_the_api_says_no_to_is_one_line_with_the_reason(
    admin, promptcast, directory, answer, said
):
    serve(admin, log())
    admin.answers[TRIM] = answer
    done = await promptcast("trim", str(directory))
    assert (done.status, done.out, len(done.err.splitlines())) == (1, "", 1)
    assert said in done.err
    assert held(directory) == log(), "what was backed up stays"


async def test_who_writes_to_the_directory_is_not_disturbed(admin, promptcast, directory):
    directory.mkdir()
    with (directory / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = await promptcast("trim", str(directory))
    assert (done.status, "another backup is writing" in done.err) == (1, True)
    assert admin.asked == []


async def test_nobody_else_writes_to_the_directory_before_the_answer(admin, promptcast, directory):
    serve(admin, log())
    met = []

    def look() -> None:
        with pytest.raises(CliError, match="another backup is writing"), locked(directory):
            pass
        met.append(directory)

    admin.before_change = look
    assert (await promptcast("trim", str(directory))).status == 0
    assert met == [directory]


async def test_the_api_has_two_minutes_to_answer(admin, promptcast, directory, monkeypatch):
    serve(admin, log())
    given, once = {}, AdminClient._once

    async def noted(self, method, request, deadline):
        given[request["url"].partition("?")[0].rpartition("/")[2]] = deadline
        return await once(self, method, request, deadline)

    monkeypatch.setattr(AdminClient, "_once", noted)
    await promptcast("trim", str(directory))
    assert given["trim"] >= 120
    assert given["events"] < 120
