"""Lost credentials: people and API keys that are in the access log, and have nothing to prove it by.

Credentials are no events: whoever puts a lost log back does not put them back. So it is looked at
whenever the log has become whole, and told: otherwise all that anybody would see is 401.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from events.errors import LogError
from projections.access import Access
from services.admin.access.book import Book
from services.admin.access.credentials import Credentials
from services.admin.healing.gate import Gate

NAMED = 5
AGAIN_SECONDS = 60.0
"""Between two looks while some are lost: a password may be there without its event."""


@dataclass(slots=True)
class LostCredentials:
    """Looks each time that ``gate`` opens, and as long as some are lost at every change of the book.

    ``show`` is handed how many there are.
    """

    book: Book
    credentials: Credentials
    gate: Gate
    show: Callable[[int], object]
    lost: tuple[str, ...] = ()
    """As they were found last: ``person:<name>`` and ``key:<id>``."""
    _due: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.on_change.append(self._gate_moved)
        self.book.on_change(self._book_moved)

    async def run(self) -> None:
        """Until cancelled; raises the ``LogError`` that stood in the way, to be run again."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_SECONDS if self.lost else None):
                    await self._due.wait()
            self._due.clear()
            try:
                await self._look()
            except LogError:
                self._due.set()
                raise

    async def _look(self) -> None:
        await self.book.confirm()
        before = self.book.access
        gone = set(await self.credentials.missing(_due_to_have(before)))
        still = _due_to_have(self.book.access)  # who was removed meanwhile has none, rightly
        self._found(tuple(each for each in still if each in gone))

    def _found(self, lost: tuple[str, ...]) -> None:
        if lost and lost != self.lost:
            shown = {"count": len(lost), "of": lost[:NAMED]}
            remedy = (
                "set the passwords anew (promptcast admin --bootstrap); revoke the keys, add others"
            )
            structlog.get_logger().error("credentials_lost", **shown, remedy=remedy)
        self.lost = lost
        self.show(len(lost))

    def _gate_moved(self) -> None:
        if self.gate.is_open:
            self._due.set()

    def _book_moved(self) -> None:
        if self.lost:
            self._due.set()


def _due_to_have(access: Access) -> list[str]:
    """Who must have a credential: a person who has ever set a password, and every key."""
    people = [f"person:{p.name}" for p in access.people.values() if p.password_set_at is not None]
    return people + [f"key:{id}" for id in access.keys]
