"""``GET /api/v1/prompts`` and ``/{name}``: what is live."""

from bisect import bisect_right

from aiohttp import web

from events.envelope import rfc3339
from events.limits import PROMPT_NAME
from projections.history import History, PromptHistory
from projections.refusals import NotFound
from services.admin import bodies, showing
from services.admin.answers import answer
from services.admin.context import CORE
from services.admin.endpoint import READS_LOG, Answer, Endpoint
from services.admin.params import LIMIT, NAME, Param, prompt_name
from services.admin.preconditions import etag, none_matches
from services.admin.problems import Problem

CURSOR: Param[str | None] = Param(
    name="cursor",
    description="The `next` of the page before.",
    schema={"type": "string", "pattern": PROMPT_NAME},
    parse=prompt_name,
)
IF_NONE_MATCH: Param[str | None] = Param(
    name="If-None-Match",
    place="header",
    description="An ETag that is known already: 304 when it is still right.",
    schema={"type": "string"},
    parse=str,
)


def find(history: History, name: str) -> PromptHistory:
    """The prompt of that name, archived or not; raises ``NotFound``."""
    known = history.prompts.get(name)
    if known is None:
        raise NotFound(f"there is no prompt {name!r}")
    return known


async def list_prompts(request: web.Request) -> web.Response:
    """A page of prompts, by name."""
    limit, after = LIMIT.of(request), CURSOR.of(request)
    history = await request.app[CORE].history()
    names = sorted(history.prompts)
    start = bisect_right(names, after) if after else 0
    page = names[start : start + limit]
    items = [showing.prompt_summary(history.prompts[name]) for name in page]
    more = start + limit < len(names)
    return answer(bodies.PromptPage(items=items, next=page[-1] if more else None))


async def show_prompt(request: web.Request) -> web.Response:
    """The live version, with its ETag; 304 when the client has it."""
    core, name = request.app[CORE], NAME.of(request)
    prompt = find(await core.history(), name)
    if prompt.live is None:
        raise archived(prompt)
    headers = {"ETag": etag(prompt.revision)}
    if none_matches(request, prompt.revision):
        return web.Response(status=304, headers=headers)
    content = await core.content(prompt.live)
    return answer(showing.live_prompt(prompt, prompt.live, content), headers=headers)


def archived(prompt: PromptHistory) -> Problem:
    """The answer for a prompt that has no live version, because it was archived."""
    since = rfc3339(prompt.last.recorded_at)
    return Problem(
        "not-found",
        f"{prompt.name!r} was archived at {since}; its versions are kept, and a save or a restore"
        " brings it back",
        archived_at=since,
        current_revision=prompt.revision,
    )


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/v1/prompts",
        handler=list_prompts,
        name="listPrompts",
        tag="Prompts",
        role="viewer",
        summary="The prompts, their live version and revision",
        params=(LIMIT, CURSOR),
        answers=(Answer(200, "A page of prompts, by name.", bodies.PromptPage),),
        problems=("invalid", *READS_LOG),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/prompts/{name}",
        handler=show_prompt,
        name="showPrompt",
        tag="Prompts",
        role="viewer",
        summary="The live content of a prompt",
        params=(NAME, IF_NONE_MATCH),
        answers=(
            Answer(
                200,
                "The live version.",
                bodies.Prompt,
                headers={"ETag": "The revision, for `If-Match` and `If-None-Match`."},
            ),
            Answer(304, "The client has it.", headers={"ETag": "The revision."}),
        ),
        problems=("not-found", "invalid", *READS_LOG),
    ),
)
