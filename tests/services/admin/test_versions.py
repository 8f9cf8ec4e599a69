import pytest

from tests.services.admin.stage import PROMPTS
from tests.services.admin.test_prompts import pages

VERSIONS = f"{PROMPTS}/system/versions"


async def test_the_history_shows_every_activation_and_who_did_it(stage):
    one = await stage.saved("one", body={"note": "first"})
    two = await stage.saved("two", on=2)
    back = await (await stage.restore(1, body={"note": "two was rude"})).json()
    gone = await (await stage.archive()).json()
    again = await (await stage.restore(1, on="*")).json()
    (items,) = await pages(stage, VERSIONS)
    assert [(item["version"], item["live"]) for item in items] == [(2, False), (1, True)]
    assert items[1]["live_intervals"] == [
        {
            "from": one["recorded_at"],
            "to": two["recorded_at"],
            "position": 2,
            "action": "saved",
            "author": "admin",
            "note": "first",
        },
        {
            "from": back["recorded_at"],
            "to": gone["recorded_at"],
            "position": 4,
            "action": "restored",
            "author": "admin",
            "note": "two was rude",
        },
        {
            "from": again["recorded_at"],
            "to": None,
            "position": 6,
            "action": "restored",
            "author": "admin",
            "note": "",
        },
    ]
    assert [interval["to"] for interval in items[0]["live_intervals"]] == [back["recorded_at"]]


async def test_a_version_is_shown_whole(stage):
    saved = await stage.saved("Bé kind.", body={"config": {"model": "m"}})
    await stage.saved("two", on=2)
    shown = await stage.get(f"{VERSIONS}/1")
    (summary,) = [item for item in (await stage.get(VERSIONS))["items"] if item["version"] == 1]
    assert shown == {**summary, "template": "Bé kind.", "config": {"model": "m"}}
    assert (shown["size"], shown["position"], shown["hash"]) == (9, 2, saved["hash"])


async def test_the_history_comes_in_pages_newest_first(stage):
    revision = "new"
    for number in range(5):
        revision = (await stage.saved(f"text {number}", on=revision))["revision"]
    found = await pages(stage, VERSIONS, limit="2")
    assert [[item["version"] for item in page] for page in found] == [[5, 4], [3, 2], [1]]
    assert (await stage.get(VERSIONS, params={"cursor": "1"})) == {"items": [], "next": None}
    assert len((await stage.get(VERSIONS, params={"cursor": "999"}))["items"]) == 5


@pytest.mark.parametrize("version", ["0", "x", "3", "1.0", "-1", "+1", "9" * 30, "1%00"])
async def test_a_version_that_is_none_is_not_found(stage, version):
    await stage.saved()
    await stage.get(f"{VERSIONS}/{version}", status=404)


async def test_the_history_of_an_unknown_prompt_is_not_found(stage):
    await stage.get(VERSIONS, status=404)
    await stage.get(f"{VERSIONS}/1", status=404)


async def test_a_comparison_shows_what_changed(stage):
    await stage.saved("a\nb\nc\n", body={"config": {"model": "m", "parameters": {"x": 1}}})
    await stage.saved("a\nB\nc", on=2, body={"config": {"model": "m", "parameters": {"x": 2}}})
    found = await stage.get(f"{PROMPTS}/system/diff?from=1&to=2")
    assert (found["name"], found["from"], found["to"]) == ("system", 1, 2)
    assert found["template"]["unified"] == (
        "--- system v1\n+++ system v2\n@@ -1,3 +1,3 @@\n a\n-b\n-c\n+B\n+c\n"
        "\\ No newline at end of file\n"
    )
    assert found["template"]["coarse"] is False
    (hunk,) = found["template"]["hunks"]
    assert hunk["lines"] == [
        {"op": " ", "text": "a"},
        {"op": "-", "text": "b"},
        {"op": "-", "text": "c"},
        {"op": "+", "text": "B"},
        {"op": "+", "text": "c", "no_newline": True},
    ]
    assert '-    "x": 1' in found["config"]["unified"]
    assert found["unified"] == found["template"]["unified"] + found["config"]["unified"]


async def test_a_version_does_not_differ_from_itself(stage):
    await stage.saved("a\nb")
    found = await stage.get(f"{PROMPTS}/system/diff?from=1&to=1")
    assert found["unified"] == ""
    assert found["template"]["hunks"] == found["config"]["hunks"] == []


async def test_texts_with_nothing_in_common_are_shown_as_replaced(stage):
    first, second = ("".join(f"{word} {n % 7}\n" for n in range(20_000)) for word in ("x", "y"))
    await stage.saved(first + "a\nb\n" * 15_000)
    await stage.saved("b\na\nb\n" * 10_000 + second, on=2)
    found = await stage.get(f"{PROMPTS}/system/diff?from=1&to=2")
    assert found["template"]["coarse"] is True
    (hunk,) = found["template"]["hunks"]
    assert (hunk["old_lines"], hunk["new_lines"]) == (50_000, 50_000)


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 422), ("?from=1", 422), ("?to=1", 422), ("?from=1&to=x", 422), ("?from=1&to=0", 422),
     ("?from=1&to=2", 404), ("?from=1&to=1&to=1", 422)],
)  # fmt: skip
async def test_a_comparison_needs_two_versions_that_are_there(stage, query, status):
    await stage.saved()
    await stage.get(f"{PROMPTS}/system/diff{query}", status=status)
