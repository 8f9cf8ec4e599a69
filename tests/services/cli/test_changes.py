"""``promptcast save``, ``restore`` and ``archive``, against a fake admin service over real HTTP."""

import json

import pytest

from tests.services.cli.fake_admin import converged, problem


def changes(admin):
    return [asked for asked in admin.asked if asked.method != "GET"]


async def test_a_save_says_where_it_is_live(admin, promptcast):
    admin.save("system", "old")
    admin.propagation = converged("chat-1", "chat-2", "chat-3")
    done = await promptcast("save", "system", "--template", "new")
    assert done.status == 0
    first, *table = done.out.splitlines()
    assert first == "system v2 saved at position 3 — live on 3/3 replicas in 2.1 ms"
    assert [line.split() for line in table] == [
        ["replica", "outcome", "lag"],
        ["chat-1", "applied", "1.4", "ms"],
        ["chat-2", "applied", "2.4", "ms"],
        ["chat-3", "applied", "3.4", "ms"],
    ]
    assert admin.live["system"]["template"] == "new"


async def test_a_template_is_read_from_a_file_exactly_as_it_is(admin, promptcast, tmp_path):
    file = tmp_path / "prompt.txt"
    file.write_bytes("Grüß Gott,\n\t{{ name }}\n\n".encode())
    assert (await promptcast("save", "system", str(file))).status == 0
    assert admin.live["system"]["template"] == "Grüß Gott,\n\t{{ name }}\n\n"


async def test_the_revision_that_was_read_is_the_condition(admin, promptcast):
    revision = admin.save("system", "old")["revision"]
    await promptcast("save", "system", "--template", "new")
    assert changes(admin)[0].headers["If-Match"] == f'"{revision}"'


async def test_a_prompt_that_is_not_there_is_created_only_if_nobody_else_does(admin, promptcast):
    done = await promptcast("save", "system", "--template", "first")
    assert done.status == 0
    assert changes(admin)[0].headers["If-None-Match"] == "*"
    assert "If-Match" not in changes(admin)[0].headers


async def test_a_given_revision_is_the_condition(admin, promptcast):
    admin.save("system", "old")
    done = await promptcast("save", "system", "--template", "new", "--if-revision", "2")
    assert done.status == 0
    assert changes(admin)[0].headers["If-Match"] == '"2"'


async def test_force_goes_over_whatever_is_there(admin, promptcast):
    admin.save("system", "old")
    await promptcast("save", "system", "--template", "new", "--force")
    assert changes(admin)[0].headers["If-Match"] == "*"


async def test_a_change_in_between_is_status_4_and_names_both_revisions(admin, promptcast):
    admin.save("system", "old")
    admin.before_change = lambda: admin.save("system", "somebody else's")
    done = await promptcast("save", "system", "--template", "mine")
    assert done.status == 4
    assert len(done.err.splitlines()) == 1
    assert "moved on from revision 2: it is at revision 3 (v2)" in done.err
    assert "--if-revision 3" in done.err
    assert admin.live["system"]["template"] == "somebody else's"


async def test_a_creation_in_between_is_status_4(admin, promptcast):
    admin.before_change = lambda: admin.save("system", "somebody else's")
    done = await promptcast("save", "system", "--template", "mine")
    assert done.status == 4
    assert "was created meanwhile: it is at revision 2 (v1)" in done.err


async def test_a_condition_on_a_prompt_that_is_not_there_is_status_4(admin, promptcast):
    done = await promptcast("save", "system", "--template", "mine", "--if-revision", "7")
    assert done.status == 4
    assert "system does not exist" in done.err


@pytest.mark.parametrize(
    ("state", "outcomes", "status", "told"),
    [
        ("partial", ["applied", "pending"], 3, "live on 1/2 replicas in 5.0 s, 1 pending"),
        ("rejected", ["applied", "rejected"], 3, "live on 1/2 replicas in 5.0 s, rejected by 1"),
        ("converged", ["applied", "skipped"], 0, "live on 1/1 replicas in 5.0 s, skipped by 1"),
    ],
)
async def test_the_exit_status_says_whether_it_is_everywhere(
    admin, promptcast, state, outcomes, status, told
):
    replicas = [
        {"replica": f"chat-{n}", "outcome": outcome, "lag_ms": None,
         "reason": "invalid: no" if outcome == "rejected" else None}
        for n, outcome in enumerate(outcomes, 1)
    ]  # fmt: skip
    admin.propagation = {"state": state, "elapsed_ms": 5000.0, "replicas": replicas}
    done = await promptcast("save", "system", "--template", "new")
    assert done.status == status
    assert done.out.splitlines()[0].endswith(told)
    assert ("invalid: no" in done.out) == (state == "rejected")


async def test_no_replicas_is_well_with_a_warning(admin, promptcast):
    admin.propagation = {"state": "no_replicas", "elapsed_ms": None, "replicas": []}
    done = await promptcast("save", "system", "--template", "new")
    assert done.status == 0
    assert done.err == "promptcast: warning: no replica is there to serve it\n"


async def test_nothing_is_waited_for_if_so_asked(admin, promptcast):
    done = await promptcast("save", "system", "--template", "new", "--no-wait")
    assert done.status == 0
    assert done.out == "system v1 saved at position 2 — not waited for\n"
    assert changes(admin)[0].query == {}


async def test_the_wait_is_as_long_as_asked(admin, promptcast):
    await promptcast("save", "system", "--template", "new", "--timeout", "12.5")
    assert changes(admin)[0].query == {"wait": "all", "timeout": "12.5"}


async def test_the_apis_own_json_is_printed_for_programs(admin, promptcast):
    admin.propagation = converged("chat-1")
    done = await promptcast("save", "system", "--template", "new", "--json")
    assert json.loads(done.out)["propagation"] == admin.propagation
    assert json.loads(done.out)["position"] == 2


async def test_the_live_config_is_kept(admin, promptcast):
    config = {"model": "gpt-5", "parameters": {"temperature": 1}, "variables": {"bot": "Ada"}}
    admin.save("system", "old", config=config)
    await promptcast("save", "system", "--template", "new")
    assert admin.live["system"]["config"] == config


async def test_options_change_the_config_key_by_key(admin, promptcast):
    admin.save("system", "old", config={"parameters": {"temperature": 1, "seed": 7}})
    options = ("--model", "gpt-5", "--param", "temperature=0.2", "--param", "reasoning_effort=high",
               "--param", 'stop=["a", "b"]', "--var", "bot=Ada=1")  # fmt: skip
    assert (await promptcast("save", "system", "--template", "new", *options)).status == 0
    assert admin.live["system"]["config"] == {
        "model": "gpt-5",
        "parameters": {
            "temperature": 0.2, "seed": 7, "reasoning_effort": "high", "stop": ["a", "b"],
        },
        "variables": {"bot": "Ada=1"},
    }  # fmt: skip


async def test_only_the_config_changes_when_no_template_is_given(admin, promptcast):
    admin.save("system", "as it is")
    assert (await promptcast("save", "system", "--model", "gpt-5")).status == 0
    live = admin.live["system"]
    assert (live["version"], live["template"]) == (2, "as it is")


async def test_a_config_file_replaces_the_config_and_reset_empties_it(admin, promptcast, tmp_path):
    admin.save("system", "old", config={"model": "gpt-5"})
    file = tmp_path / "config.json"
    file.write_text('{"parameters": {"seed": 1}}')
    await promptcast("save", "system", "--template", "new", "--config", str(file))
    assert admin.live["system"]["config"] == {"parameters": {"seed": 1}}
    await promptcast("save", "system", "--template", "newer", "--reset-config", "--var", "a=b")
    assert admin.live["system"]["config"] == {"variables": {"a": "b"}}


async def test_a_lost_reply_is_asked_for_again_with_the_same_key(admin, promptcast):
    admin.drop_replies = 1
    done = await promptcast("save", "system", "--template", "new")
    assert done.status == 0
    assert len(admin.prompts["system"]) == 1
    first, second = changes(admin)
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]


async def test_a_reply_that_is_lost_twice_is_never_called_a_failed_save(admin, promptcast):
    admin.drop_replies = 2
    done = await promptcast("save", "system", "--template", "new")
    assert done.status == 1
    assert "may or may not have been" in done.err
    assert "promptcast history system" in done.err
    assert len(changes(admin)) == 2


async def test_two_saves_have_two_keys(admin, promptcast):
    await promptcast("save", "system", "--template", "a")
    await promptcast("save", "system", "--template", "b")
    first, second = changes(admin)
    assert first.headers["Idempotency-Key"] != second.headers["Idempotency-Key"]


async def test_an_unchanged_save_says_so(admin, promptcast):
    admin.save("system", "same")
    unchanged = {
        "prompt": "system", "version": 1, "position": 2, "revision": 2, "unchanged": True,
        "propagation": converged("chat-1"),
    }  # fmt: skip
    from aiohttp import web

    admin.answers[("POST", "/api/v1/prompts/system/versions")] = web.json_response(unchanged)
    done = await promptcast("save", "system", "--template", "same")
    assert done.status == 0
    assert done.out.startswith("system v1 is as asked since position 2 — live on 1/1")


async def test_a_change_that_is_not_confirmed_to_be_durable_is_saved_and_says_so(admin, promptcast):
    from aiohttp import web

    saved = {
        "prompt": "system", "version": 1, "position": 2, "revision": 2, "unchanged": False,
        "durable": False, "propagation": converged("chat-1"),
    }  # fmt: skip
    path = ("POST", "/api/v1/prompts/system/versions")
    admin.answers[path] = web.json_response(saved, status=202)
    done = await promptcast("save", "system", "--template", "new")
    assert done.status == 0
    assert done.out.startswith("system v1 saved at position 2 — live on 1/1")
    assert "saved, but not confirmed in every place where it should be kept" in done.err


async def test_a_mistake_in_the_template_is_one_line_with_its_place(admin, promptcast):
    done = await promptcast("save", "system", "--template", "x\nabc {{ 7*7 }}")
    assert done.status == 1
    assert done.err == ("promptcast: template line 2, column 5: '7*7' is not a variable's name\n")


async def test_a_restore_makes_an_old_version_live(admin, promptcast):
    admin.save("system", "one")
    admin.save("system", "two")
    admin.propagation = converged("chat-1")
    done = await promptcast("restore", "system", "1", "--note", "v2 was rude")
    assert done.status == 0
    assert done.out.startswith("system v1 restored at position 4 — live on 1/1 replicas")
    assert changes(admin)[0].body == {"version": 1, "note": "v2 was rude"}
    assert admin.live["system"]["template"] == "one"


async def test_a_restore_of_what_is_not_there_is_one_line(admin, promptcast):
    done = await promptcast("restore", "system", "1")
    assert (done.status, len(done.err.splitlines())) == (1, 1)
    assert "no prompt system" in done.err


async def test_a_restore_that_lost_a_race_is_status_4(admin, promptcast):
    admin.save("system", "one")
    admin.before_change = lambda: admin.save("system", "two")
    assert (await promptcast("restore", "system", "1")).status == 4


async def test_archiving_elsewhere_than_on_a_terminal_needs_a_yes(admin, promptcast):
    admin.save("system", "one")
    admin.propagation = converged("chat-1")
    refused = await promptcast("archive", "system")
    assert (refused.status, changes(admin)) == (1, [])
    assert "--yes" in refused.err
    done = await promptcast("archive", "system", "--yes")
    assert done.status == 0
    assert done.out.startswith("system archived at position 3 — gone from 1/1 replicas in 2.1 ms")
    assert "system" not in admin.live


@pytest.mark.parametrize(
    "arguments", [("save", "system", "--template", "back"), ("restore", "system", "1")]
)
async def test_an_archived_prompt_is_brought_back_under_its_revision(admin, promptcast, arguments):
    admin.save("system", "one")
    await promptcast("archive", "system", "--yes")
    assert (await promptcast(*arguments)).status == 0
    assert changes(admin)[-1].headers["If-Match"] == '"3"'


async def test_an_archived_prompt_has_no_template_to_keep(admin, promptcast):
    admin.save("system", "one")
    await promptcast("archive", "system", "--yes")
    done = await promptcast("save", "system", "--model", "gpt-5")
    assert (done.status, len(changes(admin))) == (1, 1)
    assert "system has no live version" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("save", "system"),
        ("save", "system", "file", "--template", "x"),
        ("save", "system", "--template", "x", "--param", "temperature"),
        ("save", "system", "--template", "x", "--param", 'stop=["a"'),
        ("save", "system", "--template", "x", "--param", "seed=NaN"),
        ("save", "system", "--template", "x", "--force", "--if-revision", "1"),
        ("save", "system", "--template", "x", "--timeout", "31"),
        ("save", "System", "--template", "x"),
        ("save", "..", "--template", "x"),
        ("save", "system", "/nowhere/prompt.txt"),
        ("save", "system", "--template", "x", "--nonsense"),
        ("save",),
        ("restore", "system", "zero"),
        ("nonsense",),
    ],
)
async def test_a_wrong_command_line_is_status_1_and_one_line(admin, promptcast, arguments):
    done = await promptcast(*arguments)
    assert (done.status, len(done.err.splitlines())) == (1, 1)
    assert done.err.startswith("promptcast: ")
    assert admin.asked == []


async def test_a_file_that_is_too_large_or_no_text_is_not_sent(admin, promptcast, tmp_path):
    large, binary = tmp_path / "large", tmp_path / "binary"
    large.write_bytes(b"x" * (256 * 1024 + 1))
    binary.write_bytes(b"abc\xff")
    assert "larger than 256 KiB" in (await promptcast("save", "system", str(large))).err
    assert "is not UTF-8 (at byte 4)" in (await promptcast("save", "system", str(binary))).err
    assert admin.asked == []


async def test_an_outcome_that_the_server_does_not_know_is_passed_on(admin, promptcast):
    answer = problem(503, "outcome-unknown", "the save may or may not have landed")
    answer.headers["Retry-After"] = "1"
    admin.answers[("POST", "/api/v1/prompts/system/versions")] = answer
    done = await promptcast("save", "system", "--template", "x")
    assert (done.status, done.err) == (
        1,
        "promptcast: the save may or may not have landed (try again in 1 s)\n",
    )
