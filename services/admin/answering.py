"""Answering a change: wait for the members if asked to, say what came of it, and leave one line."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

import structlog
from aiohttp import web

from events.errors import PromptcastError
from services.admin import showing
from services.admin.answers import answer
from services.admin.context import ACTOR, CORE
from services.admin.endpoint import Handler
from services.admin.problems import problem_of
from services.admin.views import Change
from services.admin.waiting import seconds_to_wait

Work = Callable[[web.Request], Awaitable[Change]]
_log = structlog.stdlib.get_logger(__name__)


def answering(action: str, work: Work) -> Handler:
    """A handler that does the work, waits for the members if it should, and answers what came of it.

    Each request leaves one line in the log of the service, without the prompt's text.
    """

    async def handler(request: web.Request) -> web.Response:
        began = monotonic()
        try:
            wait = seconds_to_wait(request)  # before anything is changed: it may be refused
            done = await work(request)
        except PromptcastError as error:
            _tell(request, action, monotonic() - began, problem_of(error).type)
            raise
        spread = await request.app[CORE].propagation(done.position, wait, done.appended_at)
        status, headers = _head(done)
        answered = answer(showing.change(done, spread), status, headers)
        seconds = monotonic() - began
        # The line can wait until the answer is on its way.
        asyncio.get_running_loop().call_soon(_tell, request, action, seconds, _outcome(done), done)
        return answered

    return handler


def _head(done: Change) -> tuple[int, dict[str, str]]:
    status, headers = 200, {}
    if done.action == "saved" and not done.unchanged:
        status = 201
        headers["Location"] = f"/api/v1/prompts/{done.prompt}/versions/{done.version}"
    if not (done.durable or done.unchanged):
        status = 202
    if done.replayed:
        headers["Idempotency-Replayed"] = "true"
    return status, headers


def _outcome(done: Change) -> str:
    if done.replayed:
        return "replayed"
    return "unchanged" if done.unchanged else done.action


def _tell(
    request: web.Request, action: str, seconds: float, outcome: str, done: Change | None = None
) -> None:
    _log.info(
        "change_answered",
        action=action,
        prompt=request.match_info["name"][:64],
        version=done.version if done else None,
        position=done.position if done else None,
        outcome=outcome,
        durable=done.durable if done else None,
        seconds=round(seconds, 6),
        actor=request[ACTOR],
    )
