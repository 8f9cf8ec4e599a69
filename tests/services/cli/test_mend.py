"""``promptcast fork show``: what somebody has to know who must decide."""

import pytest


def stands(log: str, state: str = "open", reason: str = "", **more: object) -> dict[str, object]:
    head = {"position": 7, "hash": "1" * 64}
    return {
        "log": log, "state": state, "reason": reason, "since": "2026-01-01T12:00:00.000000Z",
        "head": head, "journal": head, "common": 7, "beyond": [], **more,
    }  # fmt: skip


async def test_where_all_is_well_there_is_nothing_to_decide(admin, promptcast):
    admin.forks = {"log": stands("log"), "access": stands("access"), "files": []}
    done = await promptcast("fork", "show")
    assert done.status == 0
    assert "log: open" in done.out
    assert "both hold" not in done.out
    assert "decide" not in done.out


@pytest.mark.parametrize(("log", "option"), [("log", ""), ("access", " --log access")])
async def test_a_fork_is_shown_with_where_it_begins_and_how_to_decide(
    log, option, admin, promptcast
):
    seen = [{"name": "chat-1", "position": 9}]
    forked = stands(log, "diverged", "two events at position 6", common=5, beyond=seen)
    admin.forks = {"log": stands("log"), "access": stands("access"), "files": [], log: forked}
    done = await promptcast("fork", "show")
    assert "both hold the same events through position 5" in done.out
    assert "chat-1 has told of position 9" in done.out
    words = f"decide: promptcast fork keep-log{option} or promptcast fork keep-journal{option}"
    assert words in done.out


@pytest.mark.parametrize(("log", "option"), [("log", ""), ("access", " --log access")])
async def test_it_is_shown_what_was_trimmed_and_what_this_admin_lacks(
    log, option, admin, promptcast
):
    holes = [{"first": 1, "last": 500}, {"first": 801, "last": 900}]
    admin.forks = {"log": stands("log"), "access": stands("access", lacks=[]), "files": []}
    admin.forks |= {log: stands(log, trimmed=900, lacks=holes)}
    done = await promptcast("fork", "show")
    assert done.status == 0
    assert done.out.count("trimmed through") == 1
    shown = done.out.splitlines()
    place = shown.index("  trimmed through 900")
    assert shown[place + 1 : place + 3] == [
        f"  this admin's journal lacks 1 to 500: promptcast fill{option}",
        f"  this admin's journal lacks 801 to 900: promptcast fill{option}",
    ]


async def test_where_the_reason_names_the_remedy_nothing_else_is_proposed(admin, promptcast):
    forked = stands("log", "diverged", "found entry 179-0: run 'promptcast repair'", head=None)
    admin.forks = {"log": forked, "access": stands("access"), "files": []}
    done = await promptcast("fork", "show")
    assert "run 'promptcast repair'" in done.out
    assert "decide" not in done.out
