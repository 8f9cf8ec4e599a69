"""``GET /`` and ``/panel/…``: the admin panel, which is nothing but files and the edit API.

The files are read once, at the start. The page may load its own modules, style and pictures, and ask
its own API; nothing inline, nothing from elsewhere, and nobody may frame it.
"""

from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from aiohttp import web

from services.admin.endpoint import Answer, Endpoint
from services.admin.params import Param
from services.admin.problems import Problem

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
_KINDS: Final = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}
_HEADERS: Final = {"Content-Security-Policy": POLICY, "Cross-Origin-Opener-Policy": "same-origin"}


def read_files() -> Mapping[str, bytes]:
    """Every file of the panel by its name."""
    folder = files("services.admin") / "panel"
    return {each.name: each.read_bytes() for each in folder.iterdir() if _kind(each.name)}


def _kind(name: str) -> str | None:
    return _KINDS.get(name.rpartition(".")[2])


_FILES: Final = read_files()


def _plain(text: str) -> str:
    return text


FILE: Param[str] = Param(
    name="file",
    place="path",
    description="The name of a file.",
    schema={"type": "string", "enum": sorted(_FILES)},
    parse=_plain,
    required=True,
)


async def page(_request: web.Request) -> web.Response:
    """The page."""
    return _answer("index.html")


async def file(request: web.Request) -> web.Response:
    """What the page loads."""
    name = FILE.of(request)
    if name not in _FILES:
        raise Problem("not-found", "the panel has no such file")
    return _answer(name)


def _answer(name: str) -> web.Response:
    return web.Response(
        body=_FILES[name], content_type=_kind(name), charset="utf-8", headers=_HEADERS
    )


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/",
        handler=page,
        name="panel",
        tag="Service",
        summary="The admin panel",
        role=None,
        answers=(Answer(200, "A page.", media_type="text/html"),),
    ),
    Endpoint(
        method="GET",
        path="/panel/{file}",
        handler=file,
        name="panelFile",
        tag="Service",
        summary="What the admin panel loads",
        role=None,
        params=(FILE,),
        answers=(Answer(200, "A file.", media_type="*/*"),),
        problems=("not-found",),
    ),
)
