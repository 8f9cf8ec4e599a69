"""Save, restore, archive: one command each to the core."""

from aiohttp import web

from projections.decisions import Archive, Restore, Save
from services.admin import bodies
from services.admin.answering import answering
from services.admin.body import read_body, read_model
from services.admin.context import ACTOR, CORE
from services.admin.endpoint import WRITES_LOG, Answer, Endpoint
from services.admin.params import NAME, name_to_save
from services.admin.preconditions import CHANGE_HEADERS, expected, request_key
from services.admin.schemas import RestoreRequest, SaveRequest
from services.admin.views import Change
from services.admin.waiting import MOST_SECONDS, WAITING

SECONDS = MOST_SECONDS + 15.0


async def save(request: web.Request) -> Change:
    """New content becomes the live version."""
    name = name_to_save(request)
    body, raw = await read_model(request, SaveRequest)
    key = request_key(request, request[ACTOR], raw)
    command = Save(name, body.template, body.config, body.note, expected(request), key)
    return await request.app[CORE].change(command, request[ACTOR])


async def restore(request: web.Request) -> Change:
    """An older version is live again."""
    body, raw = await read_model(request, RestoreRequest)
    key = request_key(request, request[ACTOR], raw)
    command = Restore(NAME.of(request), body.version, body.note, expected(request), key)
    return await request.app[CORE].change(command, request[ACTOR])


async def archive(request: web.Request) -> Change:
    """The prompt is served no longer. A body says nothing here, but is part of the request."""
    key = request_key(request, request[ACTOR], await read_body(request))
    command = Archive(NAME.of(request), expected(request), key)
    return await request.app[CORE].change(command, request[ACTOR])


_REPLAYED = {"Idempotency-Replayed": "`true` when an earlier request with this key did it."}
_LOCATION = {"Location": "The version that was made."}
_NOT_DURABLE = (
    "It is in the log and goes on to the replicas, but was not confirmed in time to be as durable as"
    " `PROMPTCAST_DURABILITY` asks for."
)
_UNCHANGED = "It was in force already: nothing was appended."
_PROBLEMS = (
    "not-found",
    "revision-moved",
    "precondition-required",
    "invalid",
    "key-reused",
    "request-timeout",
    "too-large",
    *WRITES_LOG,
)

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/v1/prompts/{name}/versions",
        handler=answering("save", save),
        name="savePrompt",
        tag="Changes",
        role="editor",
        summary="Save: new content becomes the live version",
        description="`If-Match` with the revision is required; `If-None-Match: *` to create.",
        params=(NAME, *CHANGE_HEADERS, *WAITING),
        body=SaveRequest,
        answers=(
            Answer(201, "It is saved.", bodies.ChangeBody, headers={**_LOCATION, **_REPLAYED}),
            Answer(202, _NOT_DURABLE, bodies.ChangeBody, headers={**_LOCATION, **_REPLAYED}),
            Answer(200, _UNCHANGED, bodies.ChangeBody),
        ),
        problems=(*_PROBLEMS, "unsupported-media-type"),
        seconds=SECONDS,
        changes=True,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/prompts/{name}/restore",
        handler=answering("restore", restore),
        name="restoreVersion",
        tag="Changes",
        role="editor",
        summary="Restore: an older version is live again",
        description="It makes no new version. `If-Match` with the revision is required.",
        params=(NAME, *CHANGE_HEADERS, *WAITING),
        body=RestoreRequest,
        answers=(
            Answer(200, "It is live.", bodies.ChangeBody, headers=_REPLAYED),
            Answer(202, _NOT_DURABLE, bodies.ChangeBody, headers=_REPLAYED),
        ),
        problems=(*_PROBLEMS, "unsupported-media-type"),
        seconds=SECONDS,
        changes=True,
    ),
    Endpoint(
        method="DELETE",
        path="/api/v1/prompts/{name}",
        handler=answering("archive", archive),
        name="archivePrompt",
        tag="Changes",
        role="admin",
        summary="Archive: no replica serves the prompt any more",
        description="Its history stays, and a save or a restore brings it back. `If-Match` with"
        " the revision is required.",
        params=(NAME, *CHANGE_HEADERS, *WAITING),
        answers=(
            Answer(200, "It is archived.", bodies.ChangeBody, headers=_REPLAYED),
            Answer(202, _NOT_DURABLE, bodies.ChangeBody, headers=_REPLAYED),
        ),
        problems=_PROBLEMS,
        seconds=SECONDS,
        changes=True,
    ),
)
