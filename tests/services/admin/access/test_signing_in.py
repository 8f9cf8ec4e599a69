import asyncio

import pytest
from structlog.testing import capture_logs

from services.admin.access.parts import ACCESS
from services.admin.access.signing_in import WRONG
from services.admin.access.transport import COOKIE
from services.admin.body import MAX_SMALL_BYTES
from services.admin.context import SETTINGS
from services.settings import load_settings
from tests.services.admin.access.visitor import (
    LINKS,
    PASSWORD,
    PASSWORDS,
    PEOPLE,
    SESSION,
    Visitor,
    nobody,
    operator,
    token_of,
    with_key,
    with_session,
)
from tests.services.admin.stage import PROMPTS, Stage, in_memory, refusal

ADA = {"name": "ada", "password": PASSWORD}


@pytest.fixture
async def alone():
    """In memory: nothing in these tests depends on where sessions are kept."""
    async with in_memory() as made:
        yield made


def sign_ins(stage: Stage, outcome: str) -> float:
    name = "promptcast_sign_ins_total"
    return stage.registry.get_sample_value(name, {"outcome": outcome}) or 0


async def sign_in(stage: Stage, **body: str) -> tuple[int, str]:
    return await refusal(await nobody(stage).call("POST", SESSION, json=body))


class TestByPassword:
    async def test_opens_a_session_in_a_cookie_that_no_script_sees(self, stage):
        await with_session(stage, "editor")
        response = await nobody(stage).call("POST", SESSION, json=ADA)
        body = await response.json()
        assert (body["person"], body["role"], body["kind"]) == ("ada", "editor", "person")
        assert body["expires_at"]
        cookie = response.cookies[COOKIE]
        assert (cookie["path"], cookie["samesite"], cookie["domain"]) == ("/", "Strict", "")
        assert (cookie["httponly"], cookie["secure"], cookie["expires"]) == (True, "", "")
        ada = Visitor(stage, token=cookie.value)
        assert await ada.get(SESSION) == {
            **body,
            "expires_at": (await ada.get(SESSION))["expires_at"],
        }
        assert body["csrf"] not in cookie.value

    async def test_the_name_may_be_written_in_capitals(self, alone):
        await with_session(alone, "viewer")
        assert (await nobody(alone).post(SESSION, {**ADA, "name": "Ada"}))["person"] == "ada"

    async def test_whatever_is_wrong_the_answer_is_the_same(self, stage):
        await with_session(stage, "viewer")
        await operator(stage).post(PEOPLE, {"name": "new", "role": "viewer"}, 201)
        told = []
        for name, password in [
            ("ada", "wrong"), ("nobody", PASSWORD), ("new", PASSWORD), ("admin", PASSWORD),
            ("../x", PASSWORD), ("é", "é"), ("ada", "a\0b"),
        ]:  # fmt: skip
            response = await nobody(stage).call(
                "POST", SESSION, json={"name": name, "password": password}
            )
            body = await response.read()
            told.append((response.status, body, response.headers.get("WWW-Authenticate")))
            assert COOKIE not in response.cookies
        assert len(set(told)) == 1
        assert told[0][0] == 401
        assert WRONG in told[0][1].decode()

    async def test_each_one_makes_a_new_session_and_ends_the_one_before(self, stage):
        ada = await with_session(stage, "viewer")
        before = Visitor(stage, token=ada.token)
        await ada.post(SESSION, ADA)
        assert ada.token != before.token
        assert (await before.call("GET", PROMPTS)).status == 401
        await ada.get(PROMPTS)

    async def test_a_page_of_somebody_else_cannot_sign_its_visitors_in(self, alone):
        await with_session(alone, "viewer")
        elsewhere = {"Origin": "http://elsewhere.example"}
        for path in (SESSION, PASSWORDS):
            response = await nobody(alone).call("POST", path, json=ADA, headers=elsewhere)
            assert await refusal(response) == (403, "forbidden")
        form = await nobody(alone).call("POST", SESSION, data=ADA)
        assert await refusal(form) == (415, "unsupported-media-type")

    @pytest.mark.parametrize(
        "body",
        [{}, {"name": "ada"}, {"password": PASSWORD}, {**ADA, "token": "x"}, {"name": 1},
         {**ADA, "more": 1}, {"name": "", "password": ""}, {"token": "x" * 201},
         {**ADA, "password": "x" * 201}],
    )  # fmt: skip
    async def test_anything_else_is_refused(self, alone, body):
        assert await refusal(await nobody(alone).call("POST", SESSION, json=body)) == (
            422,
            "invalid",
        )

    async def test_leaves_a_line_and_a_count_without_the_password(self, alone):
        await with_session(alone, "viewer")
        with capture_logs() as lines:
            await nobody(alone).post(SESSION, ADA)
            await sign_in(alone, name="ada", password="wrong-secret")
        assert [line["event"] for line in lines] == ["signed_in", "sign_in_refused"]
        assert PASSWORD not in str(lines)
        assert "wrong-secret" not in str(lines)
        assert (sign_ins(alone, "password"), sign_ins(alone, "refused")) == (1, 1)

    async def test_a_session_is_older_than_a_change_of_the_password_while_it_was_made(self, alone):
        """The old password was looked at, then changed, and only then was the session made."""
        await with_session(alone, "viewer")
        access = alone.client.app[ACCESS]
        make = access.sessions.make

        async def late(person, role, position):
            await access.book.password_set("ada", "ada")
            return await make(person, role, position)

        access.sessions.make = late
        ada = nobody(alone)
        await ada.post(SESSION, ADA)
        assert (await ada.call("GET", PROMPTS)).status == 401


class TestTooManyAttempts:
    async def test_are_slowed_down_for_each_account(self, alone):
        await with_session(alone, "viewer")
        told = [await sign_in(alone, name="ada", password=f"wrong{n}") for n in range(7)]
        assert told[:6] == [(401, "unauthorized")] * 6
        response = await nobody(alone).call("POST", SESSION, json=ADA)
        assert await refusal(response) == (429, "too-many-requests")
        assert 1 <= int(response.headers["Retry-After"]) <= 300
        assert sign_ins(alone, "throttled") == 2

    async def test_are_slowed_down_for_each_address(self, alone):
        told = [await sign_in(alone, name=f"n{n}", password="wrong") for n in range(22)]
        assert told[20:] == [(401, "unauthorized"), (429, "too-many-requests")]

    async def test_at_the_same_moment_are_counted_each(self, alone):
        await with_session(alone, "viewer")
        told = await asyncio.gather(
            *(sign_in(alone, name="ada", password=f"wrong{n}") for n in range(15))
        )
        assert told.count((401, "unauthorized")) == 6

    async def test_a_success_forgets_what_was_mistyped(self, alone):
        await with_session(alone, "viewer")
        for _ in range(2):
            for n in range(5):
                await sign_in(alone, name="ada", password=f"wrong{n}")
            await nobody(alone).post(SESSION, ADA)

    async def test_new_passwords_by_the_password_so_far_are_slowed_down_too(self, alone):
        ada = await with_session(alone, "viewer")
        statuses = []
        for n in range(7):
            body = {"current": f"wrong{n}", "password": PASSWORD}
            statuses.append((await ada.call("POST", PASSWORDS, json=body)).status)
        assert statuses == [401] * 6 + [429]

    async def test_with_links_that_are_none_stop_costing_us_the_work_of_a_password(self, alone):
        hash_password, worked_on = alone.access.secrets.hash_password, []

        async def counted(text):
            worked_on.append(text)
            return await hash_password(text)

        alone.access.secrets.hash_password = counted
        body = {"token": "x" * 43, "password": PASSWORD}
        for _ in range(30):
            last = await refusal(await nobody(alone).call("POST", PASSWORDS, json=body))
        assert (last, len(worked_on)) == ((429, "too-many-requests"), 21)

    @pytest.mark.parametrize("path", [SESSION, PASSWORDS])
    @pytest.mark.parametrize("chunked", [False, True])
    async def test_cannot_be_made_with_bodies_that_nobody_types(self, alone, path, chunked):
        async def parts():
            yield b'{"name": "'
            yield b"x" * MAX_SMALL_BYTES

        data = parts() if chunked else b" " * (MAX_SMALL_BYTES + 1)
        json = {"Content-Type": "application/json"}
        response = await nobody(alone).call("POST", path, data=data, headers=json)
        assert await refusal(response) == (413, "too-large")


class TestByLink:
    async def test_whoever_runs_the_service_is_signed_in_once(self, stage):
        made = await operator(stage).post(LINKS, status=201)
        assert made["link"].startswith(f"{nobody(stage).origin}/#/welcome?token=")
        visitor, token = nobody(stage), token_of(made["link"])
        body = await visitor.post(SESSION, {"token": token})
        assert (body["person"], body["role"], body["kind"]) == ("admin", "admin", "link")
        await visitor.post(PEOPLE, {"name": "ada", "role": "viewer"}, 201)
        events = (await visitor.get("/api/v1/access"))["items"]
        assert events[-1]["event"]["actor"] == "admin"
        assert await sign_in(stage, token=token) == (401, "unauthorized")

    async def test_each_that_is_made_leaves_a_line_that_says_by_whom_and_not_the_link(self, alone):
        mia = await with_session(alone, "admin", "mia")
        await operator(alone).post(PEOPLE, {"name": "ada", "role": "viewer"}, 201)
        with capture_logs() as lines:
            links = [
                (await mia.post(f"{PEOPLE}/ada/link", status=201))["link"],
                (await operator(alone).post(LINKS, status=201))["link"],
            ]
        told = [
            (line["kind"], line["person"], line["actor"])
            for line in lines
            if line["event"] == "link_made"
        ]
        assert told == [("password", "ada", "mia"), ("sign-in", "admin", "admin")]
        assert not any(token_of(link) in str(lines) for link in links)

    async def test_of_two_at_the_same_moment_one_is_signed_in(self, stage):
        token = token_of((await operator(stage).post(LINKS, status=201))["link"])
        both = await asyncio.gather(
            *(nobody(stage).call("POST", SESSION, json={"token": token}) for _ in range(2))
        )
        assert sorted(response.status for response in both) == [200, 401]

    async def test_a_link_for_a_password_signs_nobody_in(self, stage):
        invited = await operator(stage).post(PEOPLE, {"name": "ada", "role": "admin"}, 201)
        token = token_of(invited["link"])
        assert await sign_in(stage, token=token) == (401, "unauthorized")
        await nobody(stage).post(PASSWORDS, {"token": token, "password": PASSWORD})

    async def test_and_the_other_way_round(self, stage):
        token = token_of((await operator(stage).post(LINKS, status=201))["link"])
        body = {"token": token, "password": PASSWORD}
        response = await nobody(stage).call("POST", PASSWORDS, json=body)
        assert await refusal(response) == (401, "unauthorized")

    @pytest.mark.parametrize("by", [with_key, with_session])
    async def test_people_and_keys_can_make_none(self, alone, by):
        visitor = await by(alone, "admin")
        assert await refusal(await visitor.call("POST", LINKS)) == (403, "forbidden")

    async def test_one_is_made_and_taken_while_the_book_is_out_of_reach(self, alone):
        alone.access.book.tracked.follower.state = "diverged"
        visitor = nobody(alone)
        made = await operator(alone).post(LINKS, status=201)
        await visitor.post(SESSION, {"token": token_of(made["link"])})
        await visitor.get(PROMPTS)


class TestAPassword:
    async def test_a_link_sets_it_once_and_signs_its_person_in(self, stage):
        invited = await operator(stage).post(PEOPLE, {"name": "ada", "role": "editor"}, 201)
        assert invited["link"].startswith(f"{nobody(stage).origin}/#/password?token=")
        ada, token = nobody(stage), token_of(invited["link"])
        body = await ada.post(PASSWORDS, {"token": token, "password": PASSWORD})
        assert (body["person"], body["role"], body["kind"]) == ("ada", "editor", "person")
        await ada.get(PROMPTS)
        again = {"token": token, "password": "another password"}
        response = await nobody(stage).call("POST", PASSWORDS, json=again)
        assert await refusal(response) == (401, "unauthorized")
        await nobody(stage).post(SESSION, ADA)

    async def test_a_new_one_ends_every_other_session_and_the_old_one(self, stage):
        ada, elsewhere = await with_session(stage, "viewer"), nobody(stage)
        await elsewhere.post(SESSION, ADA)
        body = {"current": PASSWORD, "password": "a new password, longer"}
        await ada.post(PASSWORDS, body)
        await ada.get(PROMPTS)
        assert (await elsewhere.call("GET", PROMPTS)).status == 401
        assert await sign_in(stage, **ADA) == (401, "unauthorized")
        await nobody(stage).post(SESSION, {"name": "ada", "password": body["password"]})

    async def test_a_new_one_ends_the_link_to_set_another(self, stage):
        ada = await with_session(stage, "viewer")
        made = await operator(stage).post(f"{PEOPLE}/ada/link", status=201)
        await ada.post(PASSWORDS, {"current": PASSWORD, "password": "a new password, longer"})
        body = {"token": token_of(made["link"]), "password": PASSWORD}
        assert (await nobody(stage).call("POST", PASSWORDS, json=body)).status == 401

    @pytest.mark.parametrize("password", ["", "x" * 11, "x" * 201])
    async def test_has_12_to_200_characters_and_a_refused_one_does_not_use_the_link_up(
        self, alone, password
    ):
        invited = await operator(alone).post(PEOPLE, {"name": "ada", "role": "editor"}, 201)
        body = {"token": token_of(invited["link"]), "password": password}
        response = await nobody(alone).call("POST", PASSWORDS, json=body)
        assert await refusal(response) == (422, "invalid")
        await nobody(alone).post(PASSWORDS, {**body, "password": "x" * 12})

    async def test_by_the_one_so_far_needs_a_person_who_is_signed_in(self, alone):
        body = {"current": PASSWORD, "password": "a new password, longer"}
        await with_session(alone, "viewer")
        assert (await nobody(alone).call("POST", PASSWORDS, json=body)).status == 401
        assert (await operator(alone).call("POST", PASSWORDS, json=body)).status == 403

    async def test_by_the_one_so_far_needs_the_csrf_token(self, alone):
        ada = await with_session(alone, "viewer")
        body = {"current": PASSWORD, "password": "a new password, longer"}
        response = await ada.call("POST", PASSWORDS, json=body, headers={"X-CSRF-Token": "x"})
        assert await refusal(response) == (403, "forbidden")

    async def test_a_link_of_somebody_who_was_removed_is_worth_nothing(self, stage):
        invited = await operator(stage).post(PEOPLE, {"name": "ada", "role": "admin"}, 201)
        await operator(stage).delete(f"{PEOPLE}/ada")
        await operator(stage).post(PEOPLE, {"name": "ada", "role": "viewer"}, 201)
        body = {"token": token_of(invited["link"]), "password": PASSWORD}
        assert (await nobody(stage).call("POST", PASSWORDS, json=body)).status == 401

    async def test_of_somebody_who_was_removed_is_not_that_of_the_next_of_the_name(self, stage):
        await with_session(stage, "viewer")
        await operator(stage).delete(f"{PEOPLE}/ada")
        await operator(stage).post(PEOPLE, {"name": "ada", "role": "admin"}, 201)
        assert await sign_in(stage, **ADA) == (401, "unauthorized")


class TestSigningOut:
    async def test_ends_this_session_and_takes_the_cookie_back(self, stage):
        ada, elsewhere = await with_session(stage, "viewer"), nobody(stage)
        await elsewhere.post(SESSION, ADA)
        response = await ada.call("DELETE", SESSION)
        assert response.status == 204
        assert response.cookies[COOKIE].value == ""
        assert (await ada.call("GET", SESSION)).status == 401
        await elsewhere.get(SESSION)

    async def test_everywhere_ends_all_of_them_and_nobody_elses(self, stage):
        ada, elsewhere = await with_session(stage, "viewer"), nobody(stage)
        bob = await with_session(stage, "viewer", "bob")
        await elsewhere.post(SESSION, ADA)
        await ada.delete(f"{SESSION}?everywhere=true")
        for visitor in (ada, elsewhere):
            assert (await visitor.call("GET", SESSION)).status == 401
        await bob.get(SESSION)
        await elsewhere.post(SESSION, ADA)
        await elsewhere.get(PROMPTS)

    async def test_everywhere_ends_all_that_came_of_sign_in_links(self, stage):
        ada, both = await with_session(stage, "viewer"), [nobody(stage), nobody(stage)]
        for visitor in both:
            made = await operator(stage).post(LINKS, status=201)
            await visitor.post(SESSION, {"token": token_of(made["link"])})
        await both[0].delete(f"{SESSION}?everywhere=true")
        assert (await both[1].call("GET", SESSION)).status == 401
        await ada.get(SESSION)
        made = await operator(stage).post(LINKS, status=201)
        await both[1].post(SESSION, {"token": token_of(made["link"])})
        await both[1].get(PROMPTS)

    async def test_a_key_has_no_session_and_stays_what_it_is(self, alone):
        robot = await with_key(alone, "viewer")
        await robot.delete(f"{SESSION}?everywhere=true")
        assert await robot.get(SESSION) == {
            "person": "key:robot", "role": "viewer", "csrf": None, "kind": "key", "expires_at": None,
        }  # fmt: skip
        assert (await operator(alone).get(SESSION))["kind"] == "environment"


class TestBehindTls:
    @pytest.fixture
    def behind(self, alone, monkeypatch):
        environ = {"PROMPTCAST_BEHIND_TLS": "true"}
        monkeypatch.setitem(alone.client.app._state, SETTINGS, load_settings(environ))
        return alone

    async def test_the_cookie_is_secure_and_of_this_host_alone(self, behind):
        await with_session(behind, "viewer")
        over_tls = {"X-Forwarded-Proto": "https"}
        response = await nobody(behind).call("POST", SESSION, json=ADA, headers=over_tls)
        cookie = response.cookies[f"__Host-{COOKIE}"]
        assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")
        sent = {"Cookie": f"__Host-{COOKIE}={cookie.value}"}
        ask = nobody(behind).call
        assert (await ask("GET", PROMPTS, headers={**sent, **over_tls})).status == 200
        plain = {"Cookie": f"{COOKIE}={cookie.value}"}  # which another host could have set
        assert (await ask("GET", PROMPTS, headers={**plain, **over_tls})).status == 401

    async def test_links_lead_to_where_the_browser_is(self, behind):
        sent = {"X-Forwarded-Proto": "https", "Host": "prompts.example"}
        made = await operator(behind).post(LINKS, status=201, headers=sent)
        assert made["link"].startswith("https://prompts.example/#/welcome?token=")

    async def test_the_address_is_the_one_that_the_proxy_saw(self, behind):
        for n in range(21):
            sent = {
                "X-Forwarded-For": f"10.0.0.{n}, 192.0.2.1"
            }  # the first is the client's own word
            body = {"name": f"n{n}", "password": "wrong"}
            await nobody(behind).call("POST", SESSION, json=body, headers=sent)
        ask = nobody(behind).call
        body = {"name": "ada", "password": "wrong"}
        assert (await ask("POST", SESSION, json=body, headers=sent)).status == 429
        other = {"X-Forwarded-For": "192.0.2.1, 192.0.2.2"}
        assert (await ask("POST", SESSION, json=body, headers=other)).status == 401

    @pytest.mark.parametrize("seen", ["192.0.2.1:{}", "[2001:db8::1]:{}"])
    async def test_is_the_same_address_whatever_port_the_proxy_saw(self, behind, seen):
        for n in range(22):
            body = {"name": f"n{n}", "password": "wrong"}
            sent = {"X-Forwarded-For": seen.format(50_000 + n)}
            last = await nobody(behind).call("POST", SESSION, json=body, headers=sent)
        assert last.status == 429

    async def test_without_the_setting_nobodys_word_is_believed(self, alone):
        await with_session(alone, "viewer")
        sent = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
        response = await nobody(alone).call("POST", SESSION, json=ADA, headers=sent)
        assert response.cookies[COOKIE]["secure"] == ""
