import re

import pytest

from services.admin.access.secrets import digest
from tests.services.admin.access.visitor import KEYS, Visitor, operator, with_session
from tests.services.admin.stage import PROMPTS, refusal


async def test_a_key_is_shown_once_and_kept_as_a_digest(stage):
    boss = await with_session(stage, "admin", "zoe")
    made = await boss.post(KEYS, {"name": "pipeline", "role": "viewer"}, 201)
    found = re.fullmatch(r"pc_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", made["secret"])
    assert found
    assert found[1] == made["key"]
    robot = Visitor(stage, headers={"Authorization": f"Bearer {made['secret']}"})
    await robot.get(PROMPTS)
    (listed,) = (await operator(stage).get(KEYS))["items"]
    assert listed == {name: made[name] for name in made if name != "secret"}
    assert (listed["name"], listed["role"], listed["added_by"]) == ("pipeline", "viewer", "zoe")
    assert await stage.access.credentials.key(made["key"]) == digest(found[2])


async def test_a_revoked_key_leaves_nothing(stage):
    made = await operator(stage).post(KEYS, {"name": "ci", "role": "admin"}, 201)
    await operator(stage).delete(f"{KEYS}/{made['key']}")
    assert (await operator(stage).get(KEYS))["items"] == []
    assert await stage.access.credentials.key(made["key"]) is None
    response = await operator(stage).call("DELETE", f"{KEYS}/{made['key']}")
    assert await refusal(response) == (404, "not-found")


async def test_a_key_that_is_refused_leaves_nothing(stage, monkeypatch):
    await operator(stage).post(KEYS, {"name": "ci", "role": "admin"}, 201)
    new = stage.access.secrets.new_key()
    monkeypatch.setattr(stage.access.secrets, "new_key", lambda: new, raising=False)
    response = await operator(stage).call("POST", KEYS, json={"name": "ci", "role": "viewer"})
    assert await refusal(response) == (422, "invalid")
    assert await stage.access.credentials.key(new.id) is None


@pytest.mark.parametrize(
    "body", [{"name": "Ci", "role": "viewer"}, {"name": "ci"}, {"role": "viewer"}, {},
             {"name": "ci", "role": "root"}, {"name": "ci", "role": "viewer", "more": 1}]
)  # fmt: skip
async def test_anything_else_is_refused(stage, body):
    response = await operator(stage).call("POST", KEYS, json=body)
    assert await refusal(response) == (422, "invalid")


@pytest.mark.parametrize("key", ["x", "0123456789AB", "0" * 12, "0" * 13])
async def test_what_is_no_key_is_not_found(stage, key):
    response = await operator(stage).call("DELETE", f"{KEYS}/{key}")
    assert await refusal(response) == (404, "not-found")
