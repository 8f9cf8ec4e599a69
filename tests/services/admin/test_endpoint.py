import asyncio

import pytest
from aiohttp import web

from services.admin.access.who import Who
from services.admin.boundary import boundary
from services.admin.context import ACTOR
from services.admin.endpoint import Endpoint, mount
from services.admin.params import LIMIT
from tests.services.admin.stage import refusal


class OpenGate:
    """Everybody is admin; whom the guard lets in is told elsewhere."""

    async def admit(self, _request, _role):
        return Who("admin", "admin", "environment")


@pytest.fixture
async def ask(aiohttp_client):
    """Serves one endpoint, and asks it."""

    async def served(handler, path="/it", **how):
        app = web.Application(middlewares=[boundary])
        given = {
            "method": "GET",
            "name": "it",
            "tag": "T",
            "role": "viewer",
            "summary": "It",
            "answers": (),
            **how,
        }
        mount(app, [Endpoint(path="/it", handler=handler, **given)], OpenGate())
        client = await aiohttp_client(app)
        return await client.request(given["method"], path)

    return served


async def hang(_request):
    await asyncio.Event().wait()


async def fine(request):
    return web.Response(text=request.get(ACTOR, "nobody"))


async def test_a_read_is_not_waited_for_for_ever(ask):
    assert await refusal(await ask(hang, seconds=0.02)) == (503, "log-unavailable")


async def test_a_change_that_took_too_long_may_have_happened(ask):
    response = await ask(hang, seconds=0.02, method="POST", changes=True)
    assert await refusal(response) == (503, "outcome-unknown")


async def test_a_deadline_of_another_is_a_mistake_of_ours(ask):
    async def late(_request):
        raise TimeoutError

    assert await refusal(await ask(late)) == (500, "internal")


async def test_a_handler_knows_who_asks(ask):
    assert await (await ask(fine)).text() == "admin"


@pytest.mark.parametrize("path", ["/it?limit=5", "/it"])
async def test_declared_parameters_are_let_through(ask, path):
    assert (await ask(fine, path, params=(LIMIT,))).status == 200


async def test_others_are_not_but_where_everybody_may_ask(ask):
    assert await refusal(await ask(fine, "/it?limit=5")) == (422, "invalid")
    assert (await ask(fine, "/it?limit=5", role=None)).status == 200
