"""Why a connection was not made: the client's own words, and what to look at where they do not say it."""

from redis.asyncio.connection import AbstractConnection, SSLConnection, UnixDomainSocketConnection

_CUT = ("Connection closed by server", "Error while reading from")
"""What redis-py says of a server that hangs up in answer to the first command."""


def why(connection: AbstractConnection, error: Exception) -> str:
    """One line, without any secret."""
    text = f"cannot connect to Redis: {error}"
    if isinstance(connection, SSLConnection):
        missing = isinstance(error.__context__, FileNotFoundError)
        return f"{text} (is a file that REDIS_URL names missing?)" if missing else text
    was_cut = str(error).startswith(_CUT) and not isinstance(connection, UnixDomainSocketConnection)
    return f"{text} (if it speaks TLS, REDIS_URL must begin with rediss://)" if was_cut else text


def too_late(connection: AbstractConnection, seconds: float) -> str:
    """Likewise where no word came in time: a server without TLS waits for the rest of a command."""
    text = f"no reply from Redis within {seconds:g} s"
    is_tls = isinstance(connection, SSLConnection)
    return f"{text} (if it speaks no TLS, REDIS_URL must begin with redis://)" if is_tls else text
