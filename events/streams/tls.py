"""TLS: connections with the same options and files share one context.

To make one takes the event loop up to a quarter of a second (OpenSSL 3 reads every CA of the system), and
a service makes some twenty connections at its start; under Sentinel each asks all sentinels before.
"""

from pathlib import Path
from typing import TypeVar

from redis.asyncio.connection import AbstractConnection, RedisSSLContext, SSLConnection

_KEPT = 8
_contexts: dict[tuple[object, ...], RedisSSLContext] = {}
_Connection = TypeVar("_Connection", bound=AbstractConnection)


def shared(connection: _Connection) -> _Connection:
    """``connection``, over the context that others like it have. Files that were replaced are read."""
    if isinstance(connection, SSLConnection):
        own: RedisSSLContext = connection.ssl_context
        files = (own.ca_certs, own.ca_path, own.certfile, own.keyfile)
        named = (repr(getattr(own, name)) for name in own.__slots__ if name != "context")
        key: tuple[object, ...] = (*named, *map(_changed, files))
        if len(_contexts) >= _KEPT and key not in _contexts:
            _contexts.clear()
        connection.ssl_context = _contexts.setdefault(key, own)
    return connection


def _changed(file: str | None) -> object:
    try:
        return Path(file).stat().st_mtime_ns if file else None
    except OSError:
        return None
