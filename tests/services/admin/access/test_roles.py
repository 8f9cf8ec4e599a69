"""Every role against every route. A route that is not in the table here fails: somebody has to say,
in two places, whose it is."""

import pytest

from services.admin.routes import routes
from tests.services.admin.access.visitor import nobody, with_key, with_session
from tests.services.admin.stage import in_memory

RANKS = ["anonymous", "viewer", "editor", "admin"]
WHOSE = {
    "anonymous": {
        "GET /",
        "GET /healthz",
        "GET /metrics",
        "GET /panel/{file}",
        "GET /problems/{type}",
        "GET /readyz",
        "GET /api/v1/openapi.json",
        "POST /api/v1/password",
        "POST /api/v1/session",
    },
    "viewer": {
        "DELETE /api/v1/session",
        "GET /api/v1/events",
        "GET /api/v1/fleet",
        "GET /api/v1/prompts",
        "GET /api/v1/prompts/{name}",
        "GET /api/v1/prompts/{name}/diff",
        "GET /api/v1/prompts/{name}/versions",
        "GET /api/v1/prompts/{name}/versions/{version}",
        "GET /api/v1/propagation/{position}",
        "GET /api/v1/session",
        "GET /api/v1/updates",
        "POST /api/v1/prompts/{name}/validate",
    },
    "editor": {
        "POST /api/v1/prompts/{name}/restore",
        "POST /api/v1/prompts/{name}/try",
        "POST /api/v1/prompts/{name}/versions",
    },
    "admin": {
        "DELETE /api/v1/keys/{key}",
        "DELETE /api/v1/people/{person}",
        "DELETE /api/v1/prompts/{name}",
        "GET /api/v1/access",
        "GET /api/v1/forks",
        "GET /api/v1/forks/{file}",
        "GET /api/v1/keys",
        "GET /api/v1/people",
        "POST /api/v1/logs/settle",
        "POST /api/v1/keys",
        "POST /api/v1/links",
        "POST /api/v1/people",
        "POST /api/v1/people/{person}",
        "POST /api/v1/people/{person}/link",
        "POST /api/v1/logs/fill",
        "POST /api/v1/logs/import",
        "POST /api/v1/logs/repair",
        "POST /api/v1/logs/trim",
    },
}
ONLY_THE_OPERATOR = "POST /api/v1/links"
ROUTES = [f"{row.method} {row.path}" for row in routes()]
PARTS = {
    "name": "nothing",
    "version": 1,
    "position": 1,
    "type": "invalid",
    "file": "app.js",
    "person": "no-one",
    "key": "0" * 12,
}


@pytest.fixture
async def stage():
    """In memory: nothing here depends on where the log is kept."""
    async with in_memory() as made:
        yield made


def test_the_table_has_every_route_and_no_other():
    assert sorted(route for its in WHOSE.values() for route in its) == sorted(ROUTES)


@pytest.mark.parametrize("by", ["key", "session"])
@pytest.mark.parametrize("role", RANKS)
async def test_who_may_do_what(stage, role, by):
    for number, route in enumerate(ROUTES):
        method, _, path = route.partition(" ")
        if role == "anonymous":
            visitor = nobody(stage)
        elif by == "key":
            visitor = await with_key(stage, role, f"robot-{number}")
        else:  # a new one each time: one of the calls ends the session
            visitor = await with_session(stage, role, f"person-{number}")
        response = await visitor.call(method, path.format(**PARTS))
        response.close()  # one is a stream, which does not end
        needed = next(rank for rank, its in WHOSE.items() if route in its)
        if route == ONLY_THE_OPERATOR and role == "admin":
            assert response.status == 403
        elif RANKS.index(role) >= RANKS.index(needed):
            assert response.status not in {401, 403}, route
        else:
            assert response.status == (401 if role == "anonymous" else 403), route
