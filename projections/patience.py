"""Patience with a log that is not the one that was followed: when it is followed all the same."""

from dataclasses import dataclass

from events.chain import Chain
from events.log import EventLog
from events.signing import KeyRing
from projections.settlements import Search


@dataclass(slots=True)
class Patience:
    """``limit``: after so many seconds; None: never by time alone."""

    limit: float | None
    keys: KeyRing
    _search: Search | None = None

    async def is_over(self, log: EventLog, known: Chain | None, seconds: float) -> bool:
        """Whether an operator has decided for ``log``, further on than what is ``known`` of the old one
        (None: the log begins behind that, and so a decision may have been about something else); or it
        has been another one for so many ``seconds``. Raises any ``LogError``."""
        is_long = self.limit is not None and seconds >= self.limit
        return is_long or (known is not None and await self._is_decided(log, known))

    async def _is_decided(self, log: EventLog, known: Chain) -> bool:
        if self._search is None:
            self._search = Search(self.keys, known.head.position)
        await self._search.go_on(log, known.signed)
        return bool(self._search.found)

    def restore(self) -> None:
        """The log is the one that is followed."""
        self._search = None
