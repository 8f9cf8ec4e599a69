"""What operators, load balancers and connecting clients ask."""

from events.model import PromptConfig
from tests.services.chat.conftest import Serve, Service
from tests.services.chat.replicas import live_prompt


async def ready(chat: Service) -> tuple[int, dict[str, bool]]:
    async with chat.http.get("/readyz") as answer:
        checks = (await answer.json())["checks"]
        return answer.status, {name: check["ok"] for name, check in checks.items()}


async def test_healthz_answers_whatever_the_state(chat: Service):
    chat.replica.state = "starting"
    chat.replica.archive("system")
    async with chat.http.get("/healthz") as answer:
        assert answer.status == 200


async def test_readyz_is_ready_when_all_is_well(chat: Service):
    assert await ready(chat) == (200, {"state": True, "fresh": True, "draining": True})


async def test_readyz_fails_until_the_replica_has_joined_whatever_it_holds_already(chat: Service):
    for state in ("starting", "catching_up", "current"):
        chat.replica.state, chat.replica.serving = state, False
        assert await ready(chat) == (503, {"state": False, "fresh": True, "draining": True})
        chat.replica.serving = True  # it catches up with what it has missed since
        assert (await ready(chat))[0] == 200


async def test_a_replica_of_an_empty_log_is_ready(chat: Service):
    chat.replica.archive("system")
    assert (await ready(chat))[0] == 200


async def test_readyz_fails_while_draining(chat: Service):
    chat.drain.begin()
    assert await ready(chat) == (503, {"state": True, "fresh": True, "draining": False})


async def test_a_stale_replica_stays_ready_unless_told_otherwise(serve: Serve):
    for ready_when_stale, status in ((True, 200), (False, 503)):
        chat = await serve(ready_when_stale=ready_when_stale)
        chat.replica.state, chat.replica.stale = "stale", 12.3
        assert (await ready(chat))[0] == status


async def test_a_replica_that_the_admins_count_as_dead_is_not_ready_whatever_the_setting(
    serve: Serve,
):
    chat = await serve(ready_when_stale=True, reap_after=60.0)
    for seconds, status in ((59.0, 200), (60.0, 200), (61.0, 503)):
        chat.replica.state, chat.replica.stale = "stale", seconds
        assert (await ready(chat))[0] == status
    chat.replica.state, chat.replica.stale = "current", None
    assert (await ready(chat))[0] == 200


async def test_a_diverged_replica_stays_ready(chat: Service):
    chat.replica.state = "diverged"
    assert (await ready(chat))[0] == 200


async def test_prompt_says_what_is_served_and_no_content(chat: Service):
    chat.replica.put(live_prompt("Secret.", name="other", version=7, revision=58))
    async with chat.http.get("/prompt") as answer:
        text = await answer.text()
        body = await answer.json()
    assert "Secret" not in text
    assert (body["replica"], body["state"], body["applied_position"]) == ("chat-1", "current", 57)
    assert [(each["name"], each["version"], each["content_hash"]) for each in body["prompts"]] == [
        ("other", 7, "content-7"),
        ("system", 41, "content-41"),
    ]


async def test_metrics_are_prometheus_text(chat: Service):
    async with chat.completions(model="gpt") as answer:
        await answer.read()
    async with chat.http.get("/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        text = await answer.text()
    assert 'chat_requests_total{outcome="ok",prompt="system",version="41"} 1.0' in text


async def test_models_are_those_that_answers_can_come_from(serve: Serve):
    chat = await serve(
        live_prompt(config=PromptConfig(model="of-the-prompt")),
        live_prompt(name="plain"),
        model="of-the-setting",
    )
    models = [model.id async for model in chat.openai.models.list()]
    assert models == ["of-the-prompt", "of-the-setting"]
    assert (await chat.openai.models.retrieve("of-the-prompt")).object == "model"
    async with chat.http.get("/v1/models/another") as answer:
        assert answer.status == 404
        assert (await answer.json())["error"]["code"] == "model_not_found"


async def test_there_is_always_a_model_to_choose(chat: Service):
    assert [model.id async for model in chat.openai.models.list()] == ["gpt-5-mini"]
