"""A bound on how many may be inside at once. Nobody queues: one too many is told so at once."""

from services.chat.errors import retry_later


class Gate:
    """At most ``limit`` at a time; one more gets a 503 with ``Retry-After``.

    ``code`` is the error's code and ``what`` names what there is too much of. Use as a context
    manager; safe on one event loop, for nothing in it awaits.
    """

    def __init__(self, limit: int, code: str, what: str) -> None:
        self._limit = limit
        self._code = code
        self._what = what
        self.inside = 0

    def check(self) -> None:
        """Raise now what entering would raise, for whoever has something to do before it enters."""
        if self.inside >= self._limit:
            raise retry_later(self._code, f"{self._limit} {self._what} already; try again shortly")

    def __enter__(self) -> None:
        self.check()
        self.inside += 1

    def __exit__(self, *_: object) -> None:
        self.inside -= 1
