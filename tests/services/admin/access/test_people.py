import pytest

from projections.access import Role
from tests.services.admin.access.visitor import (
    ACCESS,
    PASSWORD,
    PASSWORDS,
    PEOPLE,
    SESSION,
    nobody,
    operator,
    token_of,
    with_session,
)
from tests.services.admin.stage import PROMPTS, Stage, refusal


async def add(stage: Stage, name: str, role: Role = "viewer") -> dict[str, str]:
    made: dict[str, str] = await operator(stage).post(PEOPLE, {"name": name, "role": role}, 201)
    return made


async def test_people_are_listed_by_name_and_whether_they_have_a_password(stage):
    assert await operator(stage).get(PEOPLE) == {"items": [], "next": None}
    boss = await with_session(stage, "admin", "zoe")
    added = await boss.post(PEOPLE, {"name": "ada", "role": "viewer"}, 201)
    items = (await operator(stage).get(PEOPLE))["items"]
    assert [(p["name"], p["role"], p["added_by"], p["has_password"]) for p in items] == [
        ("ada", "viewer", "zoe", False),
        ("zoe", "admin", "admin", True),
    ]
    assert {k: added[k] for k in items[0]} == items[0]


async def test_where_somebody_is_told_at_their_birth(stage):
    body = {"name": "ada", "role": "viewer"}
    response = await operator(stage).call("POST", PEOPLE, json=body)
    assert response.headers["Location"] == f"{PEOPLE}/ada"


@pytest.mark.parametrize(
    "name", ["admin", "promptcast", "Ada", "", "-a", "a" * 65, "a b", "a/b", "é"]
)
async def test_a_name_that_cannot_be_is_refused_where_it_stands(stage, name):
    body = {"name": name, "role": "viewer"}
    response = await operator(stage).call("POST", PEOPLE, json=body)
    assert await refusal(response) == (422, "invalid")
    assert (await response.json(content_type=None))["errors"][0]["pointer"] == "/name"


async def test_a_name_that_somebody_has_is_refused_and_their_password_stays(stage):
    ada = await with_session(stage, "viewer")
    response = await operator(stage).call("POST", PEOPLE, json={"name": "ada", "role": "admin"})
    assert await refusal(response) == (422, "invalid")
    assert (await response.json(content_type=None))["errors"][0]["pointer"] == "/name"
    assert (await ada.get("/api/v1/session"))["role"] == "viewer"
    await nobody(stage).post("/api/v1/session", {"name": "ada", "password": PASSWORD})


async def test_the_last_admin_stays_unless_who_runs_the_service_asks(stage):
    zoe = await with_session(stage, "admin", "zoe")
    response = await zoe.call("DELETE", f"{PEOPLE}/zoe")
    assert await refusal(response) == (403, "forbidden")
    response = await zoe.call("POST", f"{PEOPLE}/zoe", json={"role": "viewer"})
    assert await refusal(response) == (403, "forbidden")
    await add(stage, "ada", "admin")
    await zoe.post(f"{PEOPLE}/zoe", {"role": "viewer"})
    await operator(stage).delete(f"{PEOPLE}/ada")
    assert [p["name"] for p in (await operator(stage).get(PEOPLE))["items"]] == ["zoe"]


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/no-one"), ("POST", "/no-one/link"), ("DELETE", "/no-one"),
                         ("POST", "/No%20one/link"), ("DELETE", "/admin")]
)  # fmt: skip
async def test_who_is_not_there_is_not_found(stage, method, path):
    body = {"json": {"role": "viewer"}} if path == "/no-one" and method == "POST" else {}
    response = await operator(stage).call(method, PEOPLE + path, **body)
    assert await refusal(response) == (404, "not-found")


async def test_of_two_links_the_later_counts(stage):
    first = token_of((await add(stage, "ada"))["link"])
    made = await operator(stage).post(f"{PEOPLE}/ada/link", status=201)
    assert made["expires_at"]
    body = {"token": first, "password": PASSWORD}
    assert (await nobody(stage).call("POST", PASSWORDS, json=body)).status == 401
    await nobody(stage).post(PASSWORDS, {**body, "token": token_of(made["link"])})


async def test_whoever_is_removed_leaves_nothing_that_could_be_used(stage):
    await with_session(stage, "viewer")
    await operator(stage).delete(f"{PEOPLE}/ada")
    assert await stage.access.credentials.person("ada") is None


async def test_what_a_broken_removal_left_does_not_pass_to_the_next_of_the_name(stage):
    await with_session(stage, "viewer")
    await stage.access.book.remove_person("ada", "admin")  # and Redis was gone before the erasing
    sign_in = {"name": "ada", "password": PASSWORD}
    response = await nobody(stage).call("POST", SESSION, json=sign_in)
    assert await refusal(response) == (401, "unauthorized")
    await add(stage, "ada", "admin")
    response = await nobody(stage).call("POST", SESSION, json=sign_in)
    assert await refusal(response) == (401, "unauthorized")


async def test_changing_people_is_no_event_of_the_prompts(stage):
    before = stage.core.head_position
    await with_session(stage, "viewer")
    assert stage.core.head_position == before
    assert (await operator(stage).get(PROMPTS))["items"] == []


async def test_every_change_is_in_the_access_log_with_its_author_and_no_secret(stage):
    zoe = await with_session(stage, "admin", "zoe")
    made = await zoe.post(PEOPLE, {"name": "ada", "role": "viewer"}, 201)
    key = await zoe.post("/api/v1/keys", {"name": "ci", "role": "editor"}, 201)
    await zoe.post(f"{PEOPLE}/ada", {"role": "editor"})
    await zoe.delete(f"/api/v1/keys/{key['key']}")
    await zoe.delete(f"{PEOPLE}/ada")
    await zoe.delete("/api/v1/session?everywhere=true")
    page = await operator(stage).get(ACCESS)
    told = [
        (item["event"]["type"].split(".")[1], item["event"]["subject"], item["event"]["actor"])
        for item in page["items"]
    ]
    assert told == [
        ("LogOpened", "log", "promptcast"),
        ("PersonAdded", "person:zoe", "admin"),
        ("PasswordSet", "person:zoe", "zoe"),
        ("PersonAdded", "person:ada", "zoe"),
        ("KeyAdded", f"key:{key['key']}", "zoe"),
        ("RoleChanged", "person:ada", "zoe"),
        ("KeyRevoked", f"key:{key['key']}", "zoe"),
        ("PersonRemoved", "person:ada", "zoe"),
        ("SignedOut", "person:zoe", "zoe"),
    ]
    assert page["next"] is None
    assert token_of(made["link"]) not in str(page)
    assert key["secret"].split("_", 2)[2] not in str(page)


async def test_the_access_log_has_pages(stage):
    for name in ("ada", "bob", "cyd"):
        await add(stage, name)
    first = await operator(stage).get(f"{ACCESS}?limit=2")
    assert ([item["position"] for item in first["items"]], first["next"]) == ([1, 2], 2)
    rest = await operator(stage).get(f"{ACCESS}?limit=50&cursor=2")
    assert ([item["position"] for item in rest["items"]], rest["next"]) == ([3, 4], None)
