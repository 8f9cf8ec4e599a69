"""Following the edit API's updates for as long as somebody watches."""

import asyncio
import random
import time
from typing import TYPE_CHECKING

from services.cli import output
from services.cli.errors import CliError, Problem, ReplyLost, Unreachable
from services.cli.narrator import Narrator
from services.cli.server_events import ServerEvent, server_events

if TYPE_CHECKING:
    from services.cli.client import AdminClient

PAUSES = (0.25, 5.0)
"""Seconds between two attempts to connect again: the first, and the most."""
_PASSING = {429, 502, 503, 504}


async def watch(client: "AdminClient", *, json: bool) -> None:
    """Print every update until cancelled; a connection that is lost is made again.

    Raises a :class:`CliError` when the first connection cannot be made, or a later one is refused.
    """
    narrator, pause, connected = Narrator(), PAUSES[0], False
    while True:
        try:
            async with client.stream("/api/v1/updates") as stream:
                async for event in server_events(stream.iter_any()):
                    connected, pause = True, PAUSES[0]
                    _print(event, narrator, json=json)
            lost: CliError = ReplyLost("the server has closed the stream")
        except CliError as error:
            if not connected or not _passes(error):
                raise
            lost = error
        output.note(f"{lost}; connecting again")
        await asyncio.sleep(random.uniform(pause / 2, pause))
        pause = min(pause * 2, PAUSES[1])


def _print(event: ServerEvent, narrator: Narrator, *, json: bool) -> None:
    if json:
        output.as_json({"event": event.name, "data": event.data}, compact=True)
        return
    now = time.strftime("%H:%M:%S")
    for text, style in narrator.tell(event):
        output.line(f"{now}  {text}", style or None)


def _passes(error: CliError) -> bool:
    """Whether it may be well again in a moment."""
    if isinstance(error, Problem):
        return error.status in _PASSING
    return isinstance(error, ReplyLost | Unreachable)
