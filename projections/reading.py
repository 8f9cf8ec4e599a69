"""Reading a log from end to end, one read ahead: the server works while what it gave is folded."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from events.chain import Entry
from events.log import EventLog


@dataclass(slots=True)
class ReadAhead:
    """Reads of ``log``, each begun while the one before is still being folded.

    An async context manager: no read outlives it.
    """

    log: EventLog
    _expected: int = -1
    _reading: asyncio.Task[Sequence[Entry]] | None = None

    async def behind(self, position: int) -> Sequence[Entry]:
        """Entries behind ``position``, empty at the end of the log. Raises what a read raises.

        The next read, behind the last of them, is on its way to the server when this returns.
        """
        if self._reading is None or self._expected != position:
            await self._drop()
            entries = await self.log.read(position)
        else:
            reading, self._reading = self._reading, None
            entries = await reading
        if entries:
            self._expected = entries[-1].position
            self._reading = asyncio.create_task(self._read(self._expected))
            await asyncio.sleep(0)  # so that it is sent, and others have their turn
        return entries

    async def _read(self, position: int) -> Sequence[Entry]:
        return await self.log.read(position)

    async def _drop(self) -> None:
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def __aenter__(self) -> "ReadAhead":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._drop()
