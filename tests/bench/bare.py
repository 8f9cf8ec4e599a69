"""The floor's client: redis-py's connection with its hiredis parser, and nothing around it.

Leaner than redis-py's own client, whose pool and retries cost 60 µs a command on the machine that this
was written on: a floor should be as low as anybody could build it with these libraries.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio.connection import AbstractConnection

from events.streams.link import connector
from tests.bench.ledger import KEYS

Word = str | bytes | int


async def connected(url: str) -> AbstractConnection:
    """A connection to ``url``; whoever asks for it disconnects it."""
    connection = connector(url)()
    await connection.connect()
    return connection


async def send(connection: AbstractConnection, *commands: tuple[Word, ...]) -> None:
    """Send commands in one write."""
    await connection.send_packed_command(connection.pack_commands(commands), check_health=False)


async def ask(connection: AbstractConnection, *command: Word) -> Any:
    """One command, one reply."""
    await send(connection, command)
    return await connection.read_response()


@asynccontextmanager
async def reading(url: str, group: str, got: Callable[[], None]) -> AsyncIterator[None]:
    """A task that reads the log through ``group`` from now on; ``got`` is called for each entry."""
    connection = await connected(url)
    await ask(connection, "XGROUP", "CREATE", KEYS.log, group, "$")
    running = asyncio.create_task(_read(connection, group, got))
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await connection.disconnect(nowait=True)


async def _read(connection: AbstractConnection, group: str, got: Callable[[], None]) -> None:
    """One entry at a time, acknowledged together with the next read."""
    read = ("XREADGROUP", "GROUP", group, "bare", "BLOCK", 60_000, "STREAMS", KEYS.log, ">")
    await send(connection, read)
    while True:
        id, _ = await delivered(connection)
        got()
        await send(connection, ("XACK", KEYS.log, group, id), read)
        await connection.read_response()


async def delivered(connection: AbstractConnection) -> tuple[bytes, list[bytes]]:
    """The one entry that a blocked XREADGROUP or XREAD was woken with: its id and fields."""
    reply = await connection.read_response()
    ((found,),) = reply.values()
    return found
