import asyncio

import pytest
from structlog.testing import capture_logs

from services.admin import updates
from services.admin.access.guard import GUARD
from services.admin.access.transport import COOKIE
from tests.services.admin.access.visitor import (
    KEYS,
    PEOPLE,
    SESSION,
    Visitor,
    nobody,
    operator,
    with_key,
    with_session,
)
from tests.services.admin.stage import KEY, PROMPTS, Stage, in_memory, refusal
from tests.waiting import until

SAVE = f"{PROMPTS}/system/versions"
NEW = {"If-None-Match": "*"}


@pytest.fixture
async def alone():
    """In memory: nothing in these tests depends on where the log is kept."""
    async with in_memory() as made:
        yield made


def denials(stage: Stage, reason: str) -> float:
    name = "promptcast_admin_denials_total"
    return stage.registry.get_sample_value(name, {"reason": reason}) or 0


class TestTheEnvironmentsKey:
    @pytest.mark.parametrize(
        "sent",
        [KEY, f"Basic {KEY}", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", "Bearer", "Bearer  ",
         "Bearer é", f"Bearer {KEY.upper()}", f"Bearer {KEY} {KEY}", "Bearer \udcff",
         "Bearer pc_", "Bearer pc_0123456789ab_" + "x" * 43],
    )  # fmt: skip
    async def test_only_the_key_itself_opens(self, alone, sent):
        with capture_logs() as lines:
            response = await nobody(alone).call("GET", PROMPTS, headers={"Authorization": sent})
        assert await refusal(response) == (401, "unauthorized")
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        (line,) = lines
        assert (line["event"], line["path"]) == ("unauthorized", PROMPTS)
        assert KEY.lower() not in str(lines).lower()

    @pytest.mark.parametrize("sent", [f"Bearer {KEY}", f"bearer {KEY}", f"BEARER   {KEY} "])
    async def test_it_opens_however_the_scheme_is_written(self, alone, sent):
        response = await nobody(alone).call("GET", PROMPTS, headers={"Authorization": sent})
        assert response.status == 200

    async def test_it_opens_while_the_book_is_out_of_reach_and_nothing_else_does(self, alone):
        robot, ada = await with_key(alone, "admin"), await with_session(alone, "admin")
        alone.access.book.tracked.follower.state = "diverged"
        for visitor in (robot, ada):
            assert await refusal(await visitor.call("GET", PROMPTS)) == (503, "log-unavailable")
        assert (await operator(alone).call("GET", PROMPTS)).status == 200

    async def test_a_service_without_one_knows_people_still(self, alone, monkeypatch):
        ada = await with_session(alone, "viewer")
        monkeypatch.setattr(alone.client.app[GUARD], "_environment", None)
        assert (await operator(alone).call("GET", PROMPTS)).status == 401
        assert (await ada.call("GET", PROMPTS)).status == 200


class TestWhoDidIt:
    async def test_every_change_has_its_author(self, stage):
        robot = await with_key(stage, "editor", "pipeline")
        ada = await with_session(stage, "editor", "ada")
        for number, visitor in enumerate([operator(stage), robot, ada]):
            body = {"template": f"version {number}"}
            await visitor.post(f"{PROMPTS}/p{number}/versions", body, 201, headers=NEW)
        items = (await operator(stage).get("/api/v1/events"))["items"]
        assert [item["event"]["actor"] for item in items[1:]] == ["admin", "key:pipeline", "ada"]
        authors = [p["author"] for p in (await operator(stage).get(PROMPTS))["items"]]
        assert authors == ["admin", "key:pipeline", "ada"]


class TestAnApiKey:
    async def test_a_revoked_one_is_dead_with_its_event(self, stage):
        robot = await with_key(stage, "viewer")
        await robot.get(PROMPTS)
        made = (await operator(stage).get(KEYS))["items"][0]
        await stage.access.book.revoke_key(made["key"], "admin")  # and nothing else: no erasing
        assert await refusal(await robot.call("GET", PROMPTS)) == (401, "unauthorized")

    async def test_its_secret_is_looked_at_each_time_also_when_its_digest_is_known(self, stage):
        robot = await with_key(stage, "viewer")
        await robot.get(PROMPTS)
        secret = robot.headers["Authorization"]
        other = secret[:-1] + ("A" if secret[-1] != "A" else "B")
        forged = Visitor(stage, headers={"Authorization": other})
        assert await refusal(await forged.call("GET", PROMPTS)) == (401, "unauthorized")

    async def test_one_whose_event_is_missing_opens_nothing(self, alone):
        new = alone.access.secrets.new_key()
        await alone.access.credentials.set_key(new.id, new.digest)
        robot = Visitor(alone, headers={"Authorization": f"Bearer {new.shown}"})
        assert (await robot.call("GET", PROMPTS)).status == 401

    async def test_digests_of_keys_that_are_gone_are_forgotten(self, alone):
        for number in range(3):
            robot = await with_key(alone, "viewer", f"robot-{number}")
            await robot.get(PROMPTS)
            key = (await robot.get(SESSION), robot.headers["Authorization"].split("_")[1])[1]
            await operator(alone).delete(f"{KEYS}/{key}")
        await (await with_key(alone, "viewer", "last")).get(PROMPTS)
        assert len(alone.client.app[GUARD]._digests) == 1


class TestASession:
    async def test_a_role_counts_from_the_next_request_on(self, stage):
        ada = await with_session(stage, "viewer")
        assert await refusal(await ada.call("POST", SAVE)) == (403, "forbidden")
        await operator(stage).post(f"{PEOPLE}/ada", {"role": "editor"})
        await ada.post(SAVE, {"template": "x"}, 201, headers=NEW)
        await operator(stage).post(f"{PEOPLE}/ada", {"role": "viewer"})
        assert await refusal(await ada.call("POST", SAVE)) == (403, "forbidden")

    async def test_it_ends_with_its_person_and_does_not_come_back_with_the_name(self, stage):
        ada = await with_session(stage, "admin")
        await operator(stage).delete(f"{PEOPLE}/ada")
        assert await refusal(await ada.call("GET", PROMPTS)) == (401, "unauthorized")
        await operator(stage).post(PEOPLE, {"name": "ada", "role": "admin"}, 201)
        assert await refusal(await ada.call("GET", PROMPTS)) == (401, "unauthorized")

    @pytest.mark.parametrize("token", ["", "x", "é", "x" * 43, "x" * 5000, "a b", '"', "../x"])
    async def test_any_other_token_opens_nothing(self, stage, token):
        response = await nobody(stage).call("GET", PROMPTS, headers={"Cookie": f"{COOKIE}={token}"})
        assert await refusal(response) == (401, "unauthorized")

    async def test_a_key_beside_it_goes_first(self, alone):
        ada = await with_session(alone, "admin")
        response = await ada.call("GET", PROMPTS, headers={"Authorization": "Bearer wrong"})
        assert response.status == 401


class TestAChangeByCookie:
    @pytest.mark.parametrize(
        ("headers", "reason"),
        [({"X-CSRF-Token": None}, "csrf"), ({"X-CSRF-Token": "x" * 43}, "csrf"),
         ({"X-CSRF-Token": "é"}, "csrf"), ({"X-CSRF-Token": ""}, "csrf"),
         ({"Origin": None}, "origin"), ({"Origin": "null"}, "origin"),
         ({"Origin": "http://elsewhere.example"}, "origin"), ({"Origin": "http://["}, "origin"),
         ({"Origin": "http://127.0.0.1:1"}, "origin"), ({"Origin": "file://{host}"}, "origin"),
         ({"Origin": "http://{host}.example"}, "origin"), ({"Origin": "http://x@{host}"}, "origin")],
    )  # fmt: skip
    async def test_must_come_from_our_own_page(self, alone, headers, reason):
        ada = await with_session(alone, "editor")
        host = ada.origin.partition("://")[2]
        sent = {k: v.replace("{host}", host) if v else v for k, v in headers.items()}
        for method, path in [("POST", SAVE), ("DELETE", SESSION)]:
            response = await ada.call(method, path, headers=sent)
            assert await refusal(response) == (403, "forbidden")
        assert denials(alone, reason) == 2
        await ada.get(SESSION)  # still signed in, and reading needs neither

    async def test_another_sessions_token_is_none(self, alone):
        ada, bob = await with_session(alone, "editor"), await with_session(alone, "editor", "bob")
        ada.headers["X-CSRF-Token"] = bob.headers["X-CSRF-Token"]
        assert await refusal(await ada.call("POST", SAVE)) == (403, "forbidden")

    async def test_from_our_own_page_is_carried_out(self, alone):
        ada = await with_session(alone, "editor")
        await ada.post(SAVE, {"template": "x"}, 201, headers=NEW)

    async def test_programs_with_a_key_need_neither(self, alone):
        robot = await with_key(alone, "editor")
        await robot.post(SAVE, {"template": "x"}, 201, headers=NEW)


class TestDenials:
    async def test_are_counted_all_and_told_once_a_second_for_each_address(self, alone):
        with capture_logs() as lines:
            for _ in range(50):
                await nobody(alone).call("GET", PROMPTS)
        assert denials(alone, "nothing") == 50
        assert 1 <= len([line for line in lines if line["event"] == "unauthorized"]) <= 3

    async def test_hold_no_secret(self, alone):
        robot, ada = await with_key(alone, "viewer"), await with_session(alone, "viewer")
        secret = robot.headers["Authorization"].split("_", 2)[2]
        alone.client.app[GUARD]._denials._addresses.clear()
        with capture_logs() as lines:
            await robot.call("POST", SAVE)
        alone.client.app[GUARD]._denials._addresses.clear()
        with capture_logs() as more:
            await ada.call("POST", SAVE, headers={"X-CSRF-Token": "x"})
        told = str(lines + more)
        assert "key:robot" in told
        assert "'actor': 'ada'" in told
        assert not any(
            hidden in told for hidden in (secret, str(ada.token), ada.headers["X-CSRF-Token"])
        )


class TestTheStreamOfUpdates:
    @pytest.mark.parametrize("how", ["key revoked", "person removed", "signed out", "role"])
    async def test_ends_when_who_opened_it_would_not_be_let_in_any_more(
        self, stage, how, monkeypatch
    ):
        monkeypatch.setattr(updates, "LOOK_SECONDS", 0.02)
        visitor = await (with_key if how == "key revoked" else with_session)(stage, "viewer")
        response = await visitor.call("GET", "/api/v1/updates")
        assert response.status == 200
        await until(lambda: stage.registry.get_sample_value("promptcast_sse_clients") == 1)
        if how == "key revoked":
            (made,) = (await operator(stage).get(KEYS))["items"]
            await operator(stage).delete(f"{KEYS}/{made['key']}")
        elif how == "person removed":
            await operator(stage).delete(f"{PEOPLE}/ada")
        elif how == "signed out":
            await visitor.delete(SESSION)
        else:
            await operator(stage).post(f"{PEOPLE}/ada", {"role": "editor"})
        async with asyncio.timeout(5):
            await response.content.read()

    async def test_goes_on_for_who_would(self, stage, monkeypatch):
        monkeypatch.setattr(updates, "LOOK_SECONDS", 0.01)
        monkeypatch.setattr(updates, "COMMENT_SECONDS", 0.05)
        for visitor in (await with_key(stage, "viewer"), await with_session(stage, "viewer")):
            response = await visitor.call("GET", "/api/v1/updates")
            text = b""
            while text.count(b"\n\n:\n\n:\n\n") < 1:
                text += await response.content.readany()
            response.close()
