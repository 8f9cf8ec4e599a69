"""``GET /api/v1/updates``: what happens, as Server-Sent Events, for as long as the client stays.

First ``state``: the whole fleet and all prompts; then ``saved``, ``restored``, ``archived``,
``reported`` and ``replica``, and ``log`` when saving into a log stops or goes on. A client that connects
again begins with a new ``state``, so nothing is ever sent again: one that is too slow is cut off and
starts anew. The stream ends, too, when whoever opened it would not be let in any more.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

import structlog
from aiohttp import web

from events.errors import LogDiverged, LogError
from services.admin import showing
from services.admin.access.guard import GUARD
from services.admin.context import CORE, WATCHERS, WHO
from services.admin.endpoint import READS_LOG, Answer, Endpoint
from services.admin.healing.gate import Shut
from services.admin.port import Core, Subscription
from services.admin.views import Update

COMMENT_SECONDS: Final = 15.0
"""Between two comments on a quiet stream: proxies close what is silent."""
LOOK_SECONDS: Final = 1.0
"""Between two looks whether the client is still there: its place is another's soon after it left."""
WRITE_SECONDS: Final = 10.0
"""A client that takes nothing for so long is cut off."""
_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "X-Accel-Buffering": "no",  # nginx would hold the events back
}
_log = structlog.stdlib.get_logger(__name__)


async def follow(request: web.Request) -> web.StreamResponse:
    """The stream; it ends when the client leaves, is too slow, or the service stops."""
    core, watchers = request.app[CORE], request.app[WATCHERS]
    with watchers.one_more():
        async with core.subscribe() as updates:  # first, so that nothing falls into between
            state = await _state(core)
            response = web.StreamResponse(headers=_HEADERS)
            await response.prepare(request)
            try:
                await _write(response, b"retry: 1000\n" + state)
                await _relay(updates, response, request)
            except (ConnectionError, TimeoutError):
                pass  # it left, or takes nothing; it knows where to connect again
            except Exception:  # noqa: BLE001  the answer has begun: no problem can be told any more
                _log.exception("updates_failed")
    return response


async def _relay(
    updates: Subscription,
    response: web.StreamResponse,
    request: web.Request,
) -> None:
    clock, looked = asyncio.get_running_loop().time, 0.0
    quiet = 0.0
    end = asyncio.ensure_future(request.app[WATCHERS].closing.wait())
    following = asyncio.ensure_future(anext(updates, None))
    try:
        while not end.done() and _is_there(request):
            if clock() - looked >= LOOK_SECONDS:  # not at every event: it may cost a round trip
                looked = clock()
                if not await _is_let_in(request):
                    return
            await asyncio.wait(
                {end, following}, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if following.done():
                if (update := following.result()) is None:
                    return
                following = asyncio.ensure_future(anext(updates, None))
                await _write(response, _event(update))
                quiet = 0.0
            elif (quiet := quiet + LOOK_SECONDS) >= COMMENT_SECONDS:
                await _write(response, b":\n\n")
                quiet = 0.0
    finally:
        end.cancel()
        following.cancel()


def _is_there(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()


async def _is_let_in(request: web.Request) -> bool:
    try:
        return await request.app[GUARD].still_knows(request[WHO])
    except LogError:  # nobody can tell; it is asked again at the next look
        return True


async def _write(response: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(WRITE_SECONDS):
        await response.write(data)


async def _state(core: Core) -> bytes:
    try:
        history = await core.history()
    except (LogDiverged, Shut):  # what is wrong must be seen, too, and by whom it is known
        history = core.known
    prompts = [showing.prompt_summary(history.prompts[name]) for name in sorted(history.prompts)]
    head = core.head_position
    state = {
        "head": head,
        "state": core.state,
        "read_only": core.read_only,
        "saving": list(core.saving()),
        "fleet": showing.fleet(core.fleet()).model_dump(mode="json"),
        "prompts": [prompt.model_dump(mode="json") for prompt in prompts],
    }
    return _encoded("state", state, head)


def _event(update: Update) -> bytes:
    ours = update.kind in ("saved", "restored", "archived")
    position = update.data.get("position") if ours else None
    return _encoded(update.kind, update.data, position)


def _encoded(kind: str, data: Mapping[str, Any], position: object) -> bytes:
    # JSON on one line: no line of it can be taken for a field of the stream
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=str)
    number = f"id: {position}\n" if isinstance(position, int) else ""
    return f"{number}event: {kind}\ndata: {text}\n\n".encode(errors="replace")


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/v1/updates",
        handler=follow,
        name="followUpdates",
        tag="Fleet",
        role="viewer",
        summary="What happens, as Server-Sent Events",
        description="First `state` with the whole fleet and all prompts, then `saved`, `restored`,"
        " `archived`, `reported`, `replica`, `access` (people or keys have changed) and `log` (saving"
        " stops or goes on); a comment when 15 seconds were quiet. `id` is a position of the log.",
        answers=(Answer(200, "The stream.", media_type="text/event-stream"),),
        problems=("invalid", "too-many-requests", *READS_LOG),
        seconds=None,
    ),
)
