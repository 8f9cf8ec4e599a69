"""``POST …/try``: ask a prompt a question; nothing is saved, and no prompt changes."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from time import monotonic
from typing import Any

import structlog
from aiohttp import web

from events.model import PromptSaved
from projections.decisions import Save
from projections.refusals import Invalid
from services.admin import bodies
from services.admin.answers import answer
from services.admin.body import read_model
from services.admin.context import ACTOR, CORE
from services.admin.endpoint import READ_SECONDS, READS_LOG, Answer, Endpoint
from services.admin.params import NAME, name_to_save
from services.admin.prompts import archived, find
from services.admin.schemas import TryRequest
from services.admin.trying.asking import ANSWER_SECONDS
from services.admin.trying.question import TrialQuestion
from services.admin.trying.trials import TRIALS

Rows = list[bodies.TrialAnswer]
_log = structlog.stdlib.get_logger(__name__)


async def try_prompt(request: web.Request) -> web.Response:
    """Ask whom the body says; 200 with a row for each, also for those that gave no answer."""
    body, _ = await read_model(request, TryRequest)
    began = monotonic()
    with request.app[TRIALS].one_more():
        asked = await _asked(request, body)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in asked]
    rows = [row for task in tasks for row in task.result()]
    _log.info(
        "prompt_tried",
        prompt=request.match_info["name"][:64],
        answers=len(rows),
        problems=sum(row.problem is not None for row in rows),
        seconds=round(monotonic() - began, 3),
        actor=request[ACTOR],
    )
    return answer(bodies.Trial(answers=rows))


async def _asked(request: web.Request, body: TryRequest) -> list[Coroutine[Any, Any, Rows]]:
    """What is to be done. All that the log is needed for, and may be refused for, comes before."""
    trials = request.app[TRIALS]
    name = name_to_save(request) if body.draft else NAME.of(request)
    question = TrialQuestion(name, body.message, body.variables)
    draft = await _checked(request, name, body)
    is_live = draft is None or body.all or body.replica is not None
    revision = await _revision(request, name) if is_live else 0
    work = [] if draft is None else [trials.draft(draft, question)]
    if body.all:
        work.append(trials.every(question, revision))
    elif body.replica is not None:
        work.append(trials.one(body.replica, question, revision))
    elif draft is None:
        work.append(trials.any(question, revision))
    return work


async def _checked(request: web.Request, name: str, body: TryRequest) -> PromptSaved | None:
    """The draft as the event that its save would make; refused like that, at its place here."""
    if body.draft is None:
        return None
    command = Save(name, body.draft.template, body.draft.config, "", expected=None)
    try:
        return await request.app[CORE].validate(command)
    except Invalid as error:
        moved = (replace(each, pointer=f"/draft{each.pointer}") for each in error.mistakes)
        raise Invalid(tuple(moved)) from None


async def _revision(request: web.Request, name: str) -> int:
    """The prompt's revision, confirmed: who answers must have it."""
    prompt = find(await request.app[CORE].history(), name)
    if prompt.live is None:
        raise archived(prompt)
    return prompt.revision


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/v1/prompts/{name}/try",
        handler=try_prompt,
        name="tryPrompt",
        tag="Trying",
        role="editor",
        summary="Ask a prompt a question; nothing is saved",
        description="Asked is the live prompt, at its newest revision: by any replica, by the one"
        " that `replica` names, or with `all` by every one. A `draft` is asked of the model as it"
        " is, without a replica; together with `replica` or `all`, both are asked. Who gives no"
        " answer has a `problem` in its row.",
        params=(NAME,),
        body=TryRequest,
        answers=(Answer(200, "A row for each that was asked.", bodies.Trial),),
        problems=(
            "not-found",
            "invalid",
            "request-timeout",
            "too-large",
            "unsupported-media-type",
            "too-many-requests",
            *READS_LOG,
        ),
        seconds=READ_SECONDS + ANSWER_SECONDS + READ_SECONDS,
    ),
)
