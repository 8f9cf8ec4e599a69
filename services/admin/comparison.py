"""``GET …/diff?from=&to=``: what changed between two versions."""

import asyncio
import json
from typing import Any

from aiohttp import web

from projections import diff
from projections.decisions import Content
from services.admin import bodies
from services.admin.context import COMPARING, CORE
from services.admin.endpoint import READS_LOG, Answer, Endpoint
from services.admin.params import NAME, Param, whole
from services.admin.prompts import find
from services.admin.versions import HIGHEST, find_version


def _number(name: str, description: str, example: int) -> Param[int]:
    return Param(
        name=name,
        description=description,
        schema={"type": "integer", "minimum": 1, "maximum": HIGHEST, "examples": [example]},
        parse=whole(1, HIGHEST),
        required=True,
    )


FROM = _number("from", "The version to compare with.", 1)
TO = _number("to", "The version to compare.", 2)


async def compare(request: web.Request) -> web.Response:
    """The difference of two versions.

    A thread works it out, one at a time: the event loop has replicas to listen to.
    """
    core, name = request.app[CORE], NAME.of(request)
    old, new = FROM.of(request), TO.of(request)
    prompt = find(await core.history(), name)
    before = await core.content(find_version(prompt, old))
    after = await core.content(find_version(prompt, new))
    async with request.app[COMPARING]:
        body = await asyncio.to_thread(_compared, name, old, new, before, after)
    return web.Response(body=body, content_type="application/json", charset="utf-8")


def _compared(name: str, old: int, new: int, before: Content, after: Content) -> bytes:
    """A ``VersionDiff`` as JSON; made of plain values, for there can be 250,000 lines."""
    template = _text_diff(before.template, after.template, f"{name} v{old}", f"{name} v{new}")
    config = _text_diff(
        _indented(before.config.content()),
        _indented(after.config.content()),
        f"{name} v{old} config",
        f"{name} v{new} config",
    )
    body = {
        "name": name,
        "from": old,
        "to": new,
        "unified": template["unified"] + config["unified"],
        "template": template,
        "config": config,
    }
    return json.dumps(body, ensure_ascii=False).encode()


def _indented(config: dict[str, Any]) -> str:
    return json.dumps(config, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _text_diff(before: str, after: str, old_name: str, new_name: str) -> dict[str, Any]:
    found = diff.diff(before, after)
    return {
        "unified": diff.unified(found, old_name, new_name),
        "hunks": [_hunk(hunk) for hunk in found.hunks],
        "coarse": found.coarse,
    }


def _hunk(hunk: diff.Hunk) -> dict[str, Any]:
    return {
        "old_start": hunk.old_start,
        "old_lines": hunk.old_lines,
        "new_start": hunk.new_start,
        "new_lines": hunk.new_lines,
        "lines": [_line(line) for line in hunk.lines],
    }


def _line(line: diff.Line) -> dict[str, Any]:
    if line.ended:
        return {"op": line.op, "text": line.text}
    return {"op": line.op, "text": line.text, "no_newline": True}


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/v1/prompts/{name}/diff",
        handler=compare,
        name="diffVersions",
        tag="History",
        role="viewer",
        summary="What changed between two versions",
        params=(NAME, FROM, TO),
        answers=(Answer(200, "The difference.", bodies.VersionDiff),),
        problems=("not-found", "invalid", *READS_LOG),
    ),
)
