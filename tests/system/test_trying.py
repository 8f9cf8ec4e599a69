"""Prompts are tried on the services as they are run in earnest, with a chat key and a demo model."""

from collections.abc import Iterator

import aiohttp
import pytest

from tests.servers import Server
from tests.system.edit_api import EditApi
from tests.system.patience import becomes
from tests.system.services import KEY, Service, Services

CHAT_KEY = "the-chat-key-of-the-tests"


@pytest.fixture(scope="module")
def services(server: Server) -> Iterator[Services]:
    """The services stay for the whole module."""
    made = Services(server)
    try:
        made.open_log()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def replicas(services: Services, model: str) -> list[Service]:
    return [services.chat(f"chat-{n}", model=model, chat_key=CHAT_KEY) for n in (1, 2)]


@pytest.fixture(scope="module")
def instance(services: Services, model: str, replicas: list[Service]) -> Service:
    return services.admin(chat_key=CHAT_KEY, model=model)


@pytest.fixture
def admin(instance: Service, session: aiohttp.ClientSession) -> EditApi:
    return EditApi(session, instance.url, KEY)


async def known(admin: EditApi) -> bool:
    """Whether both replicas are known, with their URLs."""
    items = (await admin.call("GET", "/fleet")).expect(200).json["items"]
    return [item["id"] for item in items if item["url"]] == ["chat-1", "chat-2"]


async def test_every_replica_and_a_draft_answer_the_same_question_and_are_counted(
    admin: EditApi,
) -> None:
    await becomes(known, admin)
    saved = (await admin.create("tried", "First words.")).expect(201).json
    body = {"message": "Hello?", "all": True, "draft": {"template": "Other words."}}
    before = (await admin.call("GET", "/events")).expect(200).json
    rows = (await admin.call("POST", "/prompts/tried/try", body=body)).expect(200).json["answers"]
    assert [(row["replica"], row["version"], row["revision"]) for row in rows] == [
        (None, None, None),
        ("chat-1", 1, saved["revision"]),
        ("chat-2", 1, saved["revision"]),
    ]
    assert [row["problem"] for row in rows] == [None] * 3
    assert "Other words." in rows[0]["reply"]
    assert "First words." in rows[1]["reply"]
    assert rows[1]["reply"] == rows[2]["reply"]
    assert (await admin.call("GET", "/events")).expect(200).json == before

    async def counted() -> bool:
        shown = (await admin.call("GET", "/prompts/tried/versions/1")).expect(200).json
        return bool(shown["answers"] == 2)

    await becomes(counted)


async def test_who_has_just_saved_tries_what_was_saved(admin: EditApi) -> None:
    await becomes(known, admin)
    for number in range(5):
        saved = await admin.save("fresh", f"Words {number}.", "*" if number else None, wait=None)
        revision = saved.expect(201).json["revision"]
        answered = await admin.call("POST", "/prompts/fresh/try", body={"message": "Hello?"})
        (row,) = answered.expect(200).json["answers"]
        assert row["revision"] == revision
        assert f"Words {number}." in row["reply"]


async def test_a_replica_that_is_gone_is_a_problem_of_its_row_only(
    admin: EditApi, replicas: list[Service]
) -> None:
    await becomes(known, admin)
    (await admin.create("alone", "Words.")).expect(201)
    replicas[0].process.kill()
    try:
        body = {"message": "Hello?", "all": True}
        rows = (
            (await admin.call("POST", "/prompts/alone/try", body=body)).expect(200).json["answers"]
        )
        codes = [(row["problem"] or {}).get("code") for row in rows]
        assert codes == ["replica_unreachable", None]
        answered = await admin.call("POST", "/prompts/alone/try", body={"message": "Hello?"})
        (row,) = answered.expect(200).json["answers"]
        assert row["replica"] == "chat-2"
    finally:
        replicas[0].start()
