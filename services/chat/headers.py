"""The headers that every answer carries: who answered, from which prompt, and how fresh that is."""

from typing import Final

from aiohttp import web

from projections.live import LivePrompt
from services.chat.drain import Drain
from services.chat.replica import Replica

NAME: Final = "X-Prompt-Name"
VERSION: Final = "X-Prompt-Version"
REVISION: Final = "X-Prompt-Revision"
REPLICA: Final = "X-Replica"
STALE: Final = "X-Prompt-Stale"
MIN_POSITION: Final = "X-Prompt-Min-Position"
EXPOSED: Final = f"{NAME}, {VERSION}, {REVISION}, {REPLICA}, {STALE}, Retry-After"
"""What a browser's script may read of an answer from another origin."""

PROMPT_NAME: Final = web.RequestKey("prompt_name", str)
LIVE: Final = web.RequestKey("live", LivePrompt)
OUTDATED: Final = web.RequestKey("outdated", float)
"""For how long the live version may have been old when the request took hold of it, if it may."""


class Stamp:
    """Writes the headers onto every answer just before it is sent, errors and streams alike.

    The prompt's are those of the live version that the request took hold of at its start, so an
    answer that streams while the prompt changes still names the version it came from.
    """

    def __init__(self, replica: Replica, drain: Drain) -> None:
        self._replica = replica
        self._drain = drain

    async def __call__(self, request: web.Request, response: web.StreamResponse) -> None:
        """Act as a handler of aiohttp's ``on_response_prepare`` signal."""
        headers = response.headers
        headers["Cache-Control"] = "no-store"
        headers[REPLICA] = self._replica.id
        stale = self._replica.outdated_seconds()
        if stale is None:
            stale = request.get(OUTDATED)
        if stale is not None:
            headers[STALE] = str(int(stale))
        if (live := request.get(LIVE)) is not None:
            headers[NAME] = live.name
            headers[VERSION] = str(live.version)
            headers[REVISION] = str(live.revision)
        elif (name := request.get(PROMPT_NAME)) is not None:
            headers[NAME] = name
        if self._drain.draining:
            headers["Connection"] = "close"
            response.force_close()
