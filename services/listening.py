"""Listening: the address that reaches this process alone, and the one that replicas share."""

import socket

from aiohttp import web

from events.errors import PromptcastError
from services.settings import Settings, variable

BACKLOG = 1_024


class CannotListen(PromptcastError):
    """The address is taken or not ours. One line with the remedy."""


async def listen(runner: web.AppRunner, settings: Settings) -> str:
    """Listen on ``HOST`` and ``PORT``; the URL, with the port that was found when it is 0."""
    site = web.TCPSite(runner, settings.host, settings.port, backlog=BACKLOG)
    try:
        await site.start()
    except OSError as error:
        raise CannotListen(
            f"cannot listen on {settings.host}:{settings.port} ({error.strerror}): "
            f"set {variable('host')} and {variable('port')}"
        ) from None
    host, port = runner.addresses[-1][:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


async def listen_shared(runner: web.AppRunner, settings: Settings) -> None:
    """Listen on the shared port or the handed-down socket too, if there is one."""
    if settings.shared_fd is not None:
        shared = socket.socket(fileno=settings.shared_fd)
        await web.SockSite(runner, shared, backlog=BACKLOG).start()
    elif settings.shared_port is not None:
        site = web.TCPSite(
            runner, settings.host, settings.shared_port, reuse_port=True, backlog=BACKLOG
        )
        await site.start()
