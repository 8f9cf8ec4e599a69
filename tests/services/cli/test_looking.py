"""``promptcast show``, ``history``, ``diff`` and ``validate``."""

import json

import pytest


async def test_show_tells_what_is_live_and_prints_the_template(admin, promptcast):
    admin.save("system", "You are {{ bot }}.\n", note="friendlier", config={"model": "gpt-5"})
    done = await promptcast("show", "system")
    assert done.status == 0
    assert done.out.splitlines()[0] == "system v1"
    assert '{"model": "gpt-5"}' in done.out
    assert "friendlier" in done.out
    assert done.out.endswith("\nYou are {{ bot }}.\n")


async def test_show_raw_is_the_template_and_nothing_else(admin, promptcast):
    admin.save("system", "no newline at the end: ü")
    done = await promptcast("show", "system", "--raw")
    assert done.out == "no newline at the end: ü"


async def test_what_show_prints_raw_can_be_saved_again_unchanged(admin, promptcast, tmp_path):
    template = "\n a\tb\n\n"
    admin.save("system", template)
    file = tmp_path / "prompt.txt"
    file.write_text((await promptcast("show", "system", "--raw")).out)
    await promptcast("save", "system", str(file))
    assert admin.live["system"]["template"] == template


async def test_show_takes_a_version(admin, promptcast):
    admin.save("system", "one")
    admin.save("system", "two")
    assert (await promptcast("show", "system", "--version", "1", "--raw")).out == "one"


async def test_show_without_a_name_lists_all_prompts(admin, promptcast):
    admin.save("system", "one", note="first\nsecond line")
    admin.save("support", "two")
    done = await promptcast("show")
    assert [line.split()[:3] for line in done.out.splitlines()] == [
        ["prompt", "version", "revision"],
        ["system", "v1", "2"],
        ["support", "v1", "3"],
    ]
    assert "second line" not in done.out


async def test_a_prompt_that_is_not_there_is_one_line(admin, promptcast):
    done = await promptcast("show", "system")
    assert (done.status, done.err) == (1, "promptcast: no such prompt\n")


async def test_history_lists_the_newest_versions_first_and_marks_the_live_one(admin, promptcast):
    for number in range(1, 4):
        admin.save("system", "x" * number, note=f"note {number}")
    done = await promptcast("history", "system")
    rows = [line.split() for line in done.out.splitlines()]
    assert rows[1][:3] == ["*", "v3", "4"]
    assert rows[2][:2] == ["v2", "3"]
    assert len(rows) == 4


async def test_history_says_when_it_is_cut(admin, promptcast):
    for _ in range(5):
        admin.save("system", "x")
    done = await promptcast("history", "system", "--limit", "2")
    assert len(done.out.splitlines()) == 3
    assert "--all" in done.err


async def test_the_whole_history_takes_as_many_pages_as_it_takes(admin, promptcast):
    for _ in range(250):
        admin.save("system", "x")
    done = await promptcast("history", "system", "--all", "--json")
    listed = json.loads(done.out)
    assert [version["version"] for version in listed["items"]] == list(range(250, 0, -1))
    assert listed["next"] is None
    assert len(admin.asked) == 3


async def test_diff_compares_two_versions(admin, promptcast):
    done = await promptcast("diff", "system", "1", "2")
    assert (done.status, done.out.splitlines()[:2]) == (0, ["--- v1", "+++ v2"])
    assert admin.asked[0].query == {"from": "1", "to": "2"}


async def test_diff_compares_with_what_is_live_by_default(admin, promptcast):
    for text in ("one", "two", "three"):
        admin.save("system", text)
    await promptcast("diff", "system", "1")
    assert admin.asked[-1].query == {"from": "1", "to": "3"}


async def test_a_valid_template_is_status_0_and_nothing_is_saved(admin, promptcast, tmp_path):
    file = tmp_path / "prompt.txt"
    file.write_text("You are {{ bot }}.")
    done = await promptcast("validate", "system", str(file))
    assert (done.status, done.out) == (0, f"{file}: valid\n")
    assert admin.prompts == {}


async def test_an_invalid_template_is_status_1_with_line_and_column(admin, promptcast, tmp_path):
    file = tmp_path / "prompt.txt"
    file.write_text("x\nabc {{ 7*7 }}")
    done = await promptcast("validate", "system", str(file))
    assert (done.status, done.out) == (1, f"{file}:2:5: '7*7' is not a variable's name\n")


@pytest.mark.parametrize(
    "arguments",
    [("show", "system"), ("history", "system"), ("diff", "system", "1", "1"), ("show",)],
)
async def test_the_apis_json_is_there_for_programs(admin, promptcast, arguments):
    admin.save("system", "one")
    done = await promptcast(*arguments, "--json")
    assert json.loads(done.out)


async def test_what_a_terminal_would_obey_is_shown_instead(admin, promptcast):
    admin.save("system", "[red]text[/red] \x1b[2J", note="\x1b]0;title\x07\u202e :smile:")
    shown = (await promptcast("show", "system")).out
    listed = (await promptcast("history", "system")).out
    for text in (shown, listed):
        assert "\x1b" not in text
        assert "\x07" not in text
        assert "\\x1b" in text
    assert "[red]text[/red]" in shown
    assert ":smile:" in listed


async def test_nothing_is_cut_or_wrapped_in_a_pipe(admin, promptcast):
    admin.save("system", "x " * 500, author="a" * 60)
    assert "x " * 499 in (await promptcast("show", "system")).out
    assert "a" * 60 in (await promptcast("history", "system")).out
