"""A log in memory of which the oldest entries are gone, without an archive that has them."""

from collections.abc import Sequence

from events.chain import Entry
from events.errors import TrimmedPast
from events.limits import MAX_READ_BYTES
from events.log import READ_COUNT
from events.memory import MemoryLog


class TrimmedLog(MemoryLog):
    """As RedisLog is, where no archive has what is asked for."""

    async def read(
        self, after: int, count: int = READ_COUNT, max_bytes: int = MAX_READ_BYTES
    ) -> Sequence[Entry]:
        """Raises ``TrimmedPast`` for what is gone."""
        found = await super().read(after, count, max_bytes)
        if found and found[0].position > after + 1:
            raise TrimmedPast(after, found[0].position)
        return found
