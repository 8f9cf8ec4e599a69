"""A link: one connection to Redis, its deadlines, and its errors by our names.

redis-py's client would retry a write by itself (ten times by default: a lost reply and a plain XADD
lands twice) and borrows a connection for each command. Here each user has a connection of its own,
every call a deadline, and nothing is sent twice unless the caller says so.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from hiredis import pack_command
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import (
    AuthenticationError,
    NoScriptError,
    RedisError,
    ResponseError,
)

from events.errors import LogUnavailable, NotDurable, PromptcastError
from events.streams.wire import Wire, wire

CALL_SECONDS = 5.0
"""How long any call may take, unless the caller says otherwise."""
_REFUSED = ("READONLY", "OOM", "MISCONF", "NOREPLICAS", "NOPERM", "NOAUTH", "WRONGPASS")
_NO_RIGHTS = ("ACL failure in script", "user executing the script can't run this command")
"""How newer and older servers say NOPERM from within a script, in the text of a plain ERR."""
_PASSING = ("LOADING", "BUSY", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN", "UNBLOCKED")

Command = tuple[str | bytes | int, ...]
Connect = Callable[[], AbstractConnection]
"""Makes a connection to Redis; opens none yet."""


class ReplyLost(LogUnavailable):
    """The command was sent, and no reply came: it may or may not have been carried out."""


class Unexpected(LogUnavailable):
    """The server answered with an error that has no name here; its text is the server's."""


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script, sent by its hash and whole when the server does not know it."""

    source: str
    sha: str

    @classmethod
    def load(cls, name: str) -> "Script":
        """The script ``<name>.lua`` that lies beside this module."""
        source = files(__package__).joinpath(f"{name}.lua").read_text()
        return cls(source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


def connector(url: str, **options: Any) -> Callable[[], AbstractConnection]:
    """What makes connections to ``url`` (``redis://``, ``rediss://``, ``unix://``); opens none yet.

    No hidden retry and no socket timeout of redis-py's (its default of 5 s cuts a blocking read
    short): the link's deadlines stand in their place.
    """
    if url.startswith("redis+sentinel://"):
        raise PromptcastError("Sentinel is not spoken yet: REDIS_URL must name the master itself")
    pool = ConnectionPool.from_url(
        url, protocol=3, socket_timeout=None, socket_connect_timeout=CALL_SECONDS, **options
    )
    return pool.make_connection


@dataclass(slots=True)
class Link:
    """One connection; callers take turns. It connects when first used, and again after any error and
    after the server went away while nobody was using it.

    Every call raises :class:`LogUnavailable` when the server was not reached, and its subclass
    :class:`ReplyLost` when the command was sent but the reply did not come in time.
    """

    connect: Callable[[], AbstractConnection]
    _connection: AbstractConnection | None = None
    _wire: Wire | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _callers: int = 0

    async def call(self, *command: str | bytes | int, seconds: float = CALL_SECONDS) -> Any:
        """One command, one reply."""
        (reply,) = await self.calls([command], seconds=seconds)
        return reply

    async def run(
        self,
        script: Script,
        keys: Sequence[str],
        *args: str | bytes | int,
        seconds: float = CALL_SECONDS,
    ) -> Any:
        """One script, one reply."""
        try:
            return await self.call("EVALSHA", script.sha, len(keys), *keys, *args, seconds=seconds)
        except NoScriptError:
            return await self.call("EVAL", script.source, len(keys), *keys, *args, seconds=seconds)

    async def calls(self, commands: Sequence[Command], seconds: float = CALL_SECONDS) -> list[Any]:
        """Several commands in one round trip; the first error among the replies is raised."""
        deadline = asyncio.get_running_loop().time() + seconds
        self._callers += 1
        try:
            if self._callers > 1 or not self._is_connected():
                return await self._in_turn(commands, deadline, seconds)
            async with self._turn:  # at once: there is nobody else
                return await self._exchanged(commands, deadline, seconds)
        finally:
            self._callers -= 1

    async def _in_turn(
        self, commands: Sequence[Command], deadline: float, seconds: float
    ) -> list[Any]:
        try:
            async with asyncio.timeout_at(deadline):
                await self._turn.acquire()
        except TimeoutError:
            raise LogUnavailable(_too_late(seconds)) from None
        try:
            if not self._is_connected():
                await self.close()  # what died while nobody used it: nothing was lost with it
                await self._connected(deadline, seconds)
            return await self._exchanged(commands, deadline, seconds)
        finally:
            self._turn.release()

    async def _exchanged(
        self, commands: Sequence[Command], deadline: float, seconds: float
    ) -> list[Any]:
        await self.send(*commands)
        return await self._received(len(commands), deadline, seconds)

    async def send(self, *commands: Command) -> None:
        """Send, and wait for nothing: :meth:`receive` gives the replies, in order.

        For a link that has one user, and is connected. Raises :class:`ReplyLost`.
        """
        packed = b"".join(
            pack_command(command)  # type: ignore[arg-type]  # its stub knows tuples of one only
            for command in commands
        )
        try:
            self._standing().send(packed)
        except OSError as error:
            await self.close()
            raise ReplyLost(_broken(error)) from None

    async def receive(self, count: int, seconds: float = CALL_SECONDS) -> list[Any]:
        """The replies to the next ``count`` commands that were sent; raises as :meth:`calls`."""
        return await self._received(count, asyncio.get_running_loop().time() + seconds, seconds)

    async def _received(self, count: int, deadline: float, seconds: float) -> list[Any]:
        try:
            replies = await self._standing().receive(count, deadline)
        except TimeoutError:
            await self.close()
            raise ReplyLost(_too_late(seconds)) from None
        except (RedisError, OSError) as error:
            await self.close()
            raise ReplyLost(_broken(error)) from None
        except BaseException:  # cancelled: the replies may still be on their way
            await self.close()
            raise
        for reply in replies:
            if isinstance(reply, RedisError):
                raise _named(reply)
        return replies

    def _is_connected(self) -> bool:
        return self._wire is not None and not self._wire.is_lost

    def _standing(self) -> Wire:
        if self._wire is None:
            raise ReplyLost(_broken("it was closed"))
        return self._wire

    async def _connected(self, deadline: float, seconds: float) -> None:
        connection = self.connect()
        try:
            async with asyncio.timeout_at(deadline):
                await connection.connect()  # type: ignore[no-untyped-call]  # redis-py's
        except TimeoutError:
            raise LogUnavailable(_too_late(seconds)) from None
        except (RedisError, OSError) as error:
            wrong_key = isinstance(error.__cause__ or error, AuthenticationError)
            kind = NotDurable if wrong_key else LogUnavailable
            raise kind(f"cannot connect to Redis: {error}") from None
        self._connection, self._wire = connection, wire(connection)

    async def close(self) -> None:
        """Drop the connection; the next call makes a new one."""
        connection, self._connection = self._connection, None
        old, self._wire = self._wire, None
        if old is not None:
            old.close()
        if connection is not None:
            await connection.disconnect(nowait=True)


def _too_late(seconds: float) -> str:
    return f"no reply from Redis within {seconds:g} s"


def _broken(why: object) -> str:
    return f"the connection to Redis broke: {why}"


def _code(error: RedisError) -> str:
    """The server's word for the error (``NOSCRIPT``, ``OOM``); empty when it is not the server's."""
    code = getattr(error, "status_code", None)
    if code:
        return str(code)
    return str(error).split(" ", 1)[0] if isinstance(error, ResponseError) else ""


def _named(error: RedisError) -> Exception:
    if isinstance(error, NoScriptError):
        return error
    code = _code(error)
    text = str(error)
    message = f"Redis refused: {text if text.startswith(code) else f'{code} {text}'}"
    if code in _REFUSED or any(words in text for words in _NO_RIGHTS):
        return NotDurable(message)
    return LogUnavailable(message) if code in _PASSING else Unexpected(message)
