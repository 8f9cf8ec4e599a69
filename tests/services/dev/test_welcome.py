import pytest
from aiohttp import web

from services.dev import welcome
from services.dev.banner import banner
from services.dev.ready import Addresses

LINK = "http://127.0.0.1:8081/#/welcome?token=abc"


@pytest.fixture
def told():
    return Addresses(
        chat="http://127.0.0.1:8080", admin="http://127.0.0.1:8081", replicas=[], redis="", admin_key="k"
    )  # fmt: skip


def panel(told, tmp_path, link):
    lines = banner(told, tmp_path, model="m", seconds=1.0, chat_key=False, welcome=link)
    (line,) = [line for line in lines if line.startswith("  panel ")]
    return line


def test_the_banner_has_a_link_that_signs_in(told, tmp_path):
    line = panel(told, tmp_path, LINK)
    assert line == f"  panel     {LINK}  (signs you in once, within the hour)"


def test_without_one_it_says_where_the_panel_is(told, tmp_path):
    assert panel(told, tmp_path, None) == "  panel     http://127.0.0.1:8081"


async def test_the_running_admin_is_asked_for_it_with_its_key(aiohttp_server):
    asked = []

    async def make(request):
        asked.append(request.headers["Authorization"])
        return web.json_response({"link": LINK, "expires_at": ""}, status=201)

    app = web.Application()
    app.router.add_post("/api/v1/links", make)
    server = await aiohttp_server(app)
    assert await welcome.link(server.port, "the-key") == LINK
    assert asked == ["Bearer the-key"]


@pytest.mark.parametrize(("status", "body"), [(503, {}), (201, []), (201, {})])
async def test_an_admin_that_makes_none_spoils_no_start(aiohttp_server, status, body):
    async def make(_request):
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_post("/api/v1/links", make)
    server = await aiohttp_server(app)
    assert await welcome.link(server.port, "the-key") is None


async def test_nor_does_one_that_is_not_there(unused_tcp_port):
    assert await welcome.link(unused_tcp_port, "the-key") is None
