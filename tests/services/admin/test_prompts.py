from urllib.parse import quote

import pytest

from tests.services.admin.stage import PROMPTS


async def pages(stage, path, **query):
    """All pages of a list, each as its items."""
    found, cursor = [], None
    while True:
        given = {**query, **({} if cursor is None else {"cursor": str(cursor)})}
        page = await stage.get(path, params=given)
        found.append(page["items"])
        cursor = page["next"]
        if cursor is None:
            return found


async def test_a_prompt_is_shown_as_it_is_live(stage):
    body = {"note": "why", "config": {"model": "m", "parameters": {}, "variables": {"a": "b"}}}
    saved = await stage.saved("Be {{ a }}.", body=body)
    response = await stage.call("GET", f"{PROMPTS}/system")
    shown = await response.json()
    assert response.headers["ETag"] == '"2"'
    assert response.headers["Cache-Control"] == "no-store"
    assert shown == {
        "name": "system",
        "branch": "main",
        "version": 1,
        "revision": 2,
        "template": "Be {{ a }}.",
        "config": {"model": "m", "variables": {"a": "b"}},
        "note": "why",
        "author": "admin",
        "recorded_at": saved["recorded_at"],
        "hash": saved["hash"],
        "content_hash": saved["content_hash"],
    }


async def test_any_text_comes_back_as_it_was_saved(stage):
    template = 'a "b" \\ \t\n\u2028 é 🙂 </script> \\{{ } %s\n'
    await stage.saved(template)
    assert (await stage.get(f"{PROMPTS}/system"))["template"] == template


@pytest.mark.parametrize(
    ("known", "status"),
    [
        ('"2"', 304),
        ('W/"2"', 304),
        ("*", 304),
        ('"1", "2"', 304),
        ('"3"', 200),
        ("2", 200),
        ("", 200),
    ],
)
async def test_a_client_that_has_it_is_told_so(stage, known, status):
    await stage.saved()
    response = await stage.call("GET", f"{PROMPTS}/system", headers={"If-None-Match": known})
    assert (response.status, response.headers["ETag"]) == (status, '"2"')
    assert bool(await response.read()) == (status == 200)


async def test_prompts_are_listed_by_name_with_what_is_live(stage):
    for name in ("b", "a", "c"):
        await stage.saved(name=name)
    await stage.archive("b")
    (items,) = await pages(stage, PROMPTS)
    listed = [(item["name"], item["version"], item["revision"], item["archived"]) for item in items]
    assert listed == [("a", 1, 3, False), ("b", None, 5, True), ("c", 1, 4, False)]
    assert items[1]["content_hash"] is None
    assert "template" not in items[0]


async def test_prompts_come_in_pages(stage):
    names = [f"p{number}" for number in range(5)]
    for name in names:
        await stage.saved(name=name)
    found = await pages(stage, PROMPTS, limit="2")
    assert [[item["name"] for item in page] for page in found] == [names[:2], names[2:4], names[4:]]
    assert [len(page) for page in await pages(stage, PROMPTS, limit="5")] == [5]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "limit=%2B5", "cursor=A B", "x=1"]
)
async def test_wrong_parameters_of_lists_are_refused(stage, query):
    refused = await stage.get(f"{PROMPTS}?{quote(query, safe='=&%')}", status=422)
    assert refused["errors"][0]["detail"].startswith(query.partition("=")[0])


async def test_a_prompt_that_never_was_is_not_found(stage):
    gone = await stage.get(f"{PROMPTS}/nobody", status=404)
    assert "'nobody'" in gone["detail"]
    assert "archived_at" not in gone


async def test_head_answers_like_get_without_the_body(stage):
    await stage.saved()
    response = await stage.call("HEAD", f"{PROMPTS}/system")
    assert (response.status, response.headers["ETag"], await response.read()) == (200, '"2"', b"")
