"""``promptcast admin --bootstrap``: the first way in."""

import pytest

from services.cli import serve
from services.cli.main import run
from tests.services.admin.access.visitor import PEOPLE, SESSION, nobody, token_of
from tests.services.admin.stage import on_server


@pytest.fixture
def environment(server, keys, monkeypatch):
    """All that it needs."""
    monkeypatch.setenv("REDIS_URL", server.url)
    monkeypatch.setenv("PROMPTCAST_NAMESPACE", keys.namespace)


async def test_prints_one_line_with_a_link_that_signs_in_once(
    environment, promptcast, server, keys
):
    done = await promptcast("admin", "--bootstrap", "--url", "https://prompts.example/")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("https://prompts.example/#/welcome?token=")
    assert len(done.out.splitlines()) == 1
    token = token_of(done.out.strip())
    async with on_server(server.url, keys.namespace) as stage:  # it need not have run before
        visitor = nobody(stage)
        assert (await visitor.post(SESSION, {"token": token}))["role"] == "admin"
        await visitor.post(PEOPLE, {"name": "ada", "role": "admin"}, 201)
        assert (await nobody(stage).call("POST", SESSION, json={"token": token})).status == 401


async def test_of_two_links_the_later_counts(environment, promptcast, server, keys):
    first, second = [token_of((await promptcast("admin", "--bootstrap")).out) for _ in range(2)]
    async with on_server(server.url, keys.namespace) as stage:
        ask = nobody(stage).call
        assert (await ask("POST", SESSION, json={"token": first.strip()})).status == 401
        assert (await ask("POST", SESSION, json={"token": second.strip()})).status == 200


async def test_it_leads_to_the_panel_of_this_machine_unless_told_otherwise(environment, promptcast):
    done = await promptcast("admin", "--bootstrap")
    assert done.out.startswith("http://127.0.0.1:8081/#/welcome?token=")


@pytest.mark.parametrize("url", ["prompts.example", "ftp://prompts.example", "http://"])
async def test_a_wrong_url_is_one_line(promptcast, url):
    done = await promptcast("admin", "--bootstrap", "--url", url)
    assert (done.status, done.out, len(done.err.splitlines())) == (1, "", 1)
    assert "--url" in done.err


async def test_redis_out_of_reach_is_one_line(promptcast, monkeypatch, unused_tcp_port):
    monkeypatch.setenv("REDIS_URL", f"redis://:p4ssword@127.0.0.1:{unused_tcp_port}")
    done = await promptcast("admin", "--bootstrap")
    assert (done.status, done.out, len(done.err.splitlines())) == (1, "", 1)
    assert "cannot connect to Redis" in done.err
    assert "p4ssword" not in done.err


@pytest.mark.parametrize("arguments", [["admin"], ["admin", "--url", "http://127.0.0.1:1"]])
def test_without_it_the_service_is_served(monkeypatch, arguments):
    served = []
    monkeypatch.setattr(serve, "admin", lambda: served.append(True))
    assert run(arguments) == 0
    assert served == [True]
