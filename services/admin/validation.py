"""``POST …/validate``: what a save would say, without saving."""

from aiohttp import web

from events.model import content_hash
from events.template import Template
from projections.decisions import Save
from services.admin import bodies
from services.admin.answers import answer
from services.admin.body import read_model
from services.admin.context import CORE
from services.admin.endpoint import READS_LOG, Answer, Endpoint
from services.admin.params import NAME, name_to_save
from services.admin.schemas import SaveRequest


async def validate(request: web.Request) -> web.Response:
    """200 for content that may be saved; else the problem that the save would answer."""
    name = name_to_save(request)
    body, _ = await read_model(request, SaveRequest)
    command = Save(name, body.template, body.config, body.note, expected=None)
    event = await request.app[CORE].validate(command)
    return answer(
        bodies.Valid(
            valid=True,
            size=len(event.template.encode()),
            variables=Template.parse(event.template).variables,
            content_hash=content_hash(event.template, event.config),
        )
    )


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/v1/prompts/{name}/validate",
        handler=validate,
        name="validatePrompt",
        tag="Changes",
        role="viewer",
        summary="What a save would say, without saving",
        description="The prompt need not exist; no precondition is needed.",
        params=(NAME,),
        body=SaveRequest,
        answers=(Answer(200, "It may be saved.", bodies.Valid),),
        problems=(
            "invalid",
            "request-timeout",
            "too-large",
            "unsupported-media-type",
            *READS_LOG,
        ),
    ),
)
