"""A server for one side of a row."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers import Server


@contextmanager
def server(*, durable: bool = False) -> Iterator[Server]:
    """The embedded server on a Unix socket; ``durable``: every write is on disk before its reply."""
    running = Server(durable=durable)
    try:
        running.start()
        yield running
    finally:
        running.close()
