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
from redis.exceptions import AuthenticationError, NoScriptError, RedisError, ResponseError

from events.errors import LogUnavailable, NotDurable
from events.streams.naming import DEMOTED, code_of, sound
from events.streams.sentinel_url import SentinelUrl, is_sentinel
from events.streams.server_id import INTRODUCTION, ServerId, identity
from events.streams.tls import shared
from events.streams.unconnected import too_late, why
from events.streams.wire import Wire, wire

CALL_SECONDS = 5.0
"""How long any call may take, unless the caller says otherwise."""
Command = tuple[str | bytes | int, ...]
Commands = Sequence[Command] | Callable[[], Sequence[Command]]
"""Ready, or to be made when they are sent."""
Connect = Callable[[], AbstractConnection]
"""Makes a connection to Redis; opens none yet."""


class ReplyLost(LogUnavailable):
    """The command was sent, and no reply came: it may or may not have been carried out."""


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

    def by_hash(self, keys: Sequence[str], *args: str | bytes | int) -> Command:
        """The command that runs it where it is known; else the server says ``NOSCRIPT``."""
        return ("EVALSHA", self.sha, len(keys), *keys, *args)

    def whole(self, keys: Sequence[str], *args: str | bytes | int) -> Command:
        """The command that runs it anywhere."""
        return ("EVAL", self.source, len(keys), *keys, *args)


def connector(url: str, **options: Any) -> Callable[[], AbstractConnection]:
    """What makes connections to ``url`` (``redis://``, ``rediss://``, ``unix://``, and those of
    :mod:`events.streams.sentinel_url`); opens none yet. Raises ``ValueError`` for any other.

    No hidden retry and no socket timeout of redis-py's (its default of 5 s cuts a blocking read
    short): the link's deadlines stand in their place. And no ``CLIENT SETINFO`` of redis-py's name and
    version, which would take a right that older servers do not know.
    """
    options = {
        "protocol": 3, "socket_timeout": None, "socket_connect_timeout": CALL_SECONDS,
        "driver_info": None, **options,
    }  # fmt: skip
    if is_sentinel(url):
        from events.streams.master import Master  # it asks the sentinels over links

        return Master(SentinelUrl.parse(url), options)
    make = ConnectionPool.from_url(url, **options).make_connection
    return lambda: shared(make())  # type: ignore[no-untyped-call]  # redis-py's


@dataclass(slots=True)
class Link:
    """One connection; callers take turns. It connects when first used, and again after any error and
    after the server went away while nobody was using it.

    Every call raises :class:`LogUnavailable` when the server was not reached, and its subclass
    :class:`ReplyLost` when the command was sent but the reply did not come in time.
    """

    connect: Callable[[], AbstractConnection]
    met: Callable[[ServerId], None] | None = None
    """Told of the server behind each new connection, before anything else is sent. When it raises a
    ``LogError``, the call that wanted the connection raises that: nothing of it was sent."""
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
            return await self.call(*script.by_hash(keys, *args), seconds=seconds)
        except NoScriptError:
            return await self.call(*script.whole(keys, *args), seconds=seconds)

    async def call_as_sent(
        self, command: Callable[[], Command], seconds: float = CALL_SECONDS
    ) -> Any:
        """One command, which is made when it is sent: after a connection was waited for, not before. For
        what must not be old news at the server that it reaches."""
        (reply,) = sound(await self.replies(lambda: [command()], seconds))
        return reply

    async def calls(self, commands: Sequence[Command], seconds: float = CALL_SECONDS) -> list[Any]:
        """Several commands in one round trip; the first error among the replies is raised."""
        return sound(await self.replies(commands, seconds))

    async def replies(self, commands: Commands, seconds: float = CALL_SECONDS) -> list[Any]:
        """Several commands in one round trip; the server's errors are among the replies, as it put
        them: :func:`named` gives them our names."""
        deadline = asyncio.get_running_loop().time() + seconds
        self._callers += 1
        try:
            if self._callers > 1 or not self._is_connected():
                return await self._in_turn(commands, deadline, seconds)
            async with self._turn:  # at once: there is nobody else
                return await self._exchanged(commands, deadline, seconds)
        finally:
            self._callers -= 1

    async def _in_turn(self, commands: Commands, deadline: float, seconds: float) -> list[Any]:
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

    async def _exchanged(self, commands: Commands, deadline: float, seconds: float) -> list[Any]:
        made = commands() if callable(commands) else commands
        await self.send(*made)
        return await self._received(len(made), deadline, seconds)

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
        deadline = asyncio.get_running_loop().time() + seconds
        return sound(await self._received(count, deadline, seconds))

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
        if any(isinstance(reply, ResponseError) and code_of(reply) in DEMOTED for reply in replies):
            await self.close()  # the next call asks anew where the master is
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
            raise LogUnavailable(too_late(connection, seconds)) from None
        except (RedisError, OSError) as error:
            wrong_key = isinstance(error.__cause__ or error, AuthenticationError)
            kind = NotDurable if wrong_key else LogUnavailable
            raise kind(why(connection, error)) from None
        self._connection, self._wire = connection, wire(connection)
        if self.met is not None:
            await self._introduced(self.met, deadline, seconds)

    async def _introduced(
        self, met: Callable[[ServerId], None], deadline: float, seconds: float
    ) -> None:
        try:
            met(identity(await self._exchanged(INTRODUCTION, deadline, seconds)))
        except ReplyLost as error:  # of the question; the command itself was not sent
            raise LogUnavailable(str(error)) from None
        except BaseException:
            await self.close()
            raise

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
