"""A change that landed, but was not confirmed on a replica of the server: accepted, not called failed."""

import json

import pytest
from structlog.testing import capture_logs

from tests.servers import Server
from tests.services.admin.stage import on_server
from tests.waiting import until

pytestmark = [pytest.mark.redis, pytest.mark.faults, pytest.mark.soak]


@pytest.fixture
def master():
    running = Server(durable=True, tcp=True)
    try:
        running.start()
        yield running
    finally:
        running.close()


@pytest.fixture
def replica(master):
    running = master.replica()
    try:
        yield running
    finally:
        running.close()


@pytest.fixture
async def stage(master, keys):
    """The admin over a server whose replica is not there."""
    async with on_server(
        master.url, keys.namespace, PROMPTCAST_DURABILITY="replicas:1"
    ) as standing:
        yield standing


def not_confirmed(stage):
    return stage.registry.get_sample_value("promptcast_appends_not_durable_total")


async def told(response):
    body = json.loads(await response.read())
    return response.status, body["durable"]


async def test_a_save_that_no_replica_confirms_is_accepted_and_in_the_log_once(stage):
    await stage.report("chat-1", 1)
    with capture_logs() as lines:
        response = await stage.save()
    assert await told(response) == (202, False)
    assert response.headers["Location"].endswith("/system/versions/1")
    events = (await stage.get("/api/v1/events"))["items"]
    assert [item["event"]["type"] for item in events] == [
        "promptcast.LogOpened.v1",
        "promptcast.PromptSaved.v1",
    ]
    assert (await stage.get("/api/v1/prompts/system"))["template"] == "Be kind."
    assert not_confirmed(stage) == 1
    assert [line["position"] for line in lines if line["event"] == "append_not_durable"] == [2]


async def test_a_restore_and_an_archiving_are_accepted_likewise(stage):
    await stage.save("first")
    await stage.save("second", on="*")
    assert await told(await stage.restore(1)) == (202, False)
    assert await told(await stage.archive()) == (202, False)
    assert not_confirmed(stage) == 4


async def test_a_replay_tells_what_is_known_now(stage, master, replica):
    """The log does not keep who has confirmed what; a later append that is confirmed vouches."""
    keyed = {"Idempotency-Key": "one"}
    assert await told(await stage.save(headers=keyed)) == (202, False)
    again = await stage.save(headers=keyed)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await told(again) == (202, False)
    assert await told(await stage.save(on="*")) == (200, False), "nothing was appended"
    replica.start()
    await until(lambda: replica.call("INFO", "replication")["master_link_status"] == "up")
    assert await told(await stage.save("another", on="*")) == (201, True)
    assert await told(await stage.save(headers=keyed)) == (201, True)
    assert not_confirmed(stage) == 1


async def test_a_change_of_people_that_no_replica_confirms_is_counted_and_told(stage):
    with capture_logs() as lines:
        body = {"name": "ann", "role": "editor"}
        added = await stage.call("POST", "/api/v1/people", json=body)
    assert added.status == 201
    told_of = [line["log"] for line in lines if line["event"] == "append_not_durable"]
    assert (told_of, not_confirmed(stage)) == (["access"], 1)


async def test_a_change_that_was_not_confirmed_converges_like_any_other(stage, keys):
    await stage.report("chat-1", 2)
    response = await stage.save(params={"wait": "all", "timeout": "10"})
    body = json.loads(await response.read())
    assert (body["durable"], body["propagation"]["state"]) == (False, "converged")
