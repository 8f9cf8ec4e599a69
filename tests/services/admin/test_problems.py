import json

import pytest
from structlog.testing import capture_logs

from events import errors
from projections import refusals
from services.admin.problem_types import PROBLEM_TYPES
from services.admin.problems import Problem, problem_of
from tests.services.admin.stage import PROMPTS, in_memory, problem, refusal

CONTRACT = {
    "unauthorized": 401, "forbidden": 403, "not-found": 404, "revision-moved": 412, "too-large": 413,
    "invalid": 422, "key-reused": 422, "precondition-required": 428, "too-many-requests": 429,
    "log-unavailable": 503, "log-diverged": 503, "outcome-unknown": 503, "read-only": 503,
    "log-trimmed": 503,
}  # fmt: skip
OURS = {
    "method-not-allowed": 405,
    "request-timeout": 408,
    "unsupported-media-type": 415,
    "internal": 500,
}


@pytest.fixture
async def stage():
    """In memory: nothing here depends on where the log is kept."""
    async with in_memory() as made:
        yield made


def test_the_types_of_problems_are_those_that_were_promised():
    assert {name: each.status for name, each in PROBLEM_TYPES.items()} == {**CONTRACT, **OURS}


def below(root):
    for kind in root.__subclasses__():
        yield kind
        yield from below(kind)


@pytest.mark.parametrize(
    "kind", [*below(refusals.Refused), errors.LogError, *below(errors.LogError)],
    ids=lambda kind: kind.__name__,
)  # fmt: skip
def test_every_refusal_and_every_error_of_the_log_has_a_type_of_its_own_kind(kind):
    error = kind.__new__(kind)
    Exception.__init__(error, "told")
    error.__dict__.update(revision=7, version=3, mistakes=(refusals.Mistake("", "told"),))
    found = problem_of(error)
    refused = isinstance(error, refusals.Refused) and not isinstance(error, refusals.ReadOnly)
    assert (found.status < 500) == refused
    assert found.type != "internal"
    answer = found.answer()
    assert ("Retry-After" in answer.headers) == (found.status == 503)
    assert json.loads(answer.text or "")["detail"] == "told"


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (errors.NotDurable("x"), "log-unavailable"),
        (errors.LogMissing(7), "log-diverged"),
        (errors.StrayId(1, "2-0"), "log-diverged"),
        (errors.TrimmedPast(3, 7), "log-trimmed"),
        (errors.OutcomeUnknown("x"), "outcome-unknown"),
        (errors.AppendExpired("x"), "log-unavailable"),
        (errors.Conflict(1, ""), "log-unavailable"),
        (refusals.ReadOnly("x"), "read-only"),
        (errors.PromptcastError("x"), "internal"),
    ],
)
def test_errors_are_told_apart(error, name):
    assert problem_of(error).type == name


def test_what_no_utf8_has_a_place_for_can_be_told():
    assert json.loads(Problem("invalid", "a \ud800").answer().text or "")["detail"] == "a ?"


@pytest.mark.parametrize("error", [errors.LogUnavailable("gone"), errors.LogShorter(1, 7)])
@pytest.mark.parametrize("path", ["", "/system", "/system/versions", "/system/versions/1"])
async def test_without_the_log_nothing_is_answered_but_the_truth(stage, monkeypatch, error, path):
    async def confirmed():
        raise error

    monkeypatch.setattr(type(stage.core.mirror), "confirmed", lambda self: confirmed())
    response = await stage.call("GET", f"{PROMPTS}{path}")
    assert await refusal(response) == (503, problem_of(error).type)
    assert int(response.headers["Retry-After"]) > 0


async def test_a_mistake_of_ours_is_logged_under_the_id_that_is_shown(stage, monkeypatch):
    def broken(self):
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(type(stage.core), "fleet", broken)
    with capture_logs() as lines:
        response = await stage.call("GET", "/api/v1/fleet")
    body = await response.json(content_type=None)
    assert problem(response, body) == "internal"
    (line,) = [line for line in lines if line["event"] == "request_failed"]
    assert line["request_id"] == body["request_id"]
    assert line["exc_info"]
    assert "a secret" not in str(body)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", f"{PROMPTS}/system", "DELETE,GET,HEAD"),
        ("PATCH", f"{PROMPTS}/system/versions", "GET,HEAD,POST"),
        ("TRACE", PROMPTS, "GET,HEAD"),
        ("HEAD", "/api/v1/updates", "GET"),
        ("POST", "/healthz", "GET,HEAD"),
        ("PROPFIND", "/", "GET,HEAD"),
    ],
)
async def test_a_method_that_is_none_says_which_there_are(stage, method, path, allowed):
    response = await stage.call(method, path)
    assert response.headers["Allow"] == allowed
    assert response.status == 405
    if method != "HEAD":
        assert await refusal(response) == (405, "method-not-allowed")


@pytest.mark.parametrize(
    "path", ["/nothing", "/api/v1/", "/api/v1/prompts/", "/problems/none", "/%00"]
)
async def test_a_path_that_leads_nowhere_is_a_problem_too(stage, path):
    assert await refusal(await stage.call("GET", path)) == (404, "not-found")


@pytest.mark.parametrize("name", PROBLEM_TYPES)
async def test_each_type_has_a_page_for_people(stage, name):
    response = await stage.client.get(f"/problems/{name}")
    text = await response.text()
    assert response.content_type == "text/plain"
    assert PROBLEM_TYPES[name].remedy in text


async def test_answers_name_no_server_and_are_not_stored(stage):
    for path in ("/", PROMPTS, "/nothing", "/metrics", "/api/v1/openapi.json"):
        response = await stage.call("GET", path)
        assert "Server" not in response.headers
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
