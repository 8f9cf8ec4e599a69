"""The log's master under Sentinel: found afresh for each connection, and watched meanwhile.

A server is spoken to only when it says itself that it is a master. The server that lost its role and does
not know it (cut off from everybody but us, or not told yet: Sentinel leaves it a master for seconds even
in a planned failover) is found by :meth:`Master.watch`, which cuts the connections to it, and by
:meth:`Master.sure`, which each append waits for. What is left is the time until the sentinels themselves
know, and a server that is cut off from them together with us: no client can rule that out, only
``min-replicas-to-write`` can bound it.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

from redis.asyncio.connection import Connection, SSLConnection
from redis.exceptions import ConnectionError as CannotConnect

from events.errors import LogUnavailable
from events.streams.link import Link
from events.streams.sentinel import Sentinels, Word, closed, options_of
from events.streams.sentinel_url import Address, SentinelUrl
from events.streams.tls import shared

WATCH_SECONDS = 0.5
"""Between two looks at where the master is."""
SURE_SECONDS = 0.25
"""How long an append waits for the sentinels' word; it goes on without."""
CHANGE_SECONDS = 3.0
"""How long an append waits for a failover to be over before it gives up, with nothing written."""
LOOK_SECONDS = 0.05
"""Between two looks meanwhile."""


@dataclass(slots=True)
class Master:
    """The master that ``url`` names. Called, it makes a connection to it, and opens none yet."""

    url: SentinelUrl
    options: dict[str, Any] = field(default_factory=dict)
    """For each connection to the master, as redis-py names them."""
    sentinels: Sentinels = field(init=False)
    _watching: Sequence[Link] = ()
    """The links to the sentinels while they are watched and answer."""
    _made: "WeakSet[_ToMaster]" = field(default_factory=WeakSet)

    def __post_init__(self) -> None:
        self.sentinels = Sentinels(self.url)

    def __call__(self) -> Connection:
        """A connection that finds its way when it is opened."""
        kind = _ToMasterByTls if self.url.is_tls else _ToMaster
        options = {
            **options_of(self.url),
            **self.url.credentials,
            "db": self.url.db,
            **self.options,
        }
        return shared(kind(self, **options))

    async def find(self) -> Word:
        """Where the master is now. Raises ``LogUnavailable`` when that cannot be said."""
        links = self.sentinels.links()
        try:
            return await self.sentinels.asked(links)
        finally:
            await closed(links)

    async def watch(self, moved: Callable[[Address], None]) -> None:
        """Cut the connections to a server that is the master no longer, and tell who is. Never ends
        by itself; silent sentinels change nothing."""
        links, known = self.sentinels.links(), None
        try:
            while True:
                try:
                    word = await self.sentinels.asked(links)
                    self._watching = links
                    self._leave(word)
                    if known is not None and word.address != known:
                        moved(word.address)
                    known = word.address
                except LogUnavailable:
                    self._watching = ()  # whoever connects meanwhile says so
                await asyncio.sleep(WATCH_SECONDS)
        finally:
            self._watching = ()
            await closed(links)

    async def sure(self) -> None:
        """Before an append: no connection to a server that was replaced is left, as far as the
        sentinels know; a failover that has begun is waited for. Without :meth:`watch`, and while the
        sentinels are silent, it is over at once.

        Raises ``LogUnavailable`` when the failover takes too long.
        """
        give_up = asyncio.get_running_loop().time() + CHANGE_SECONDS
        while await self._is_changing():
            if asyncio.get_running_loop().time() > give_up:
                raise LogUnavailable(
                    f"a failover of {self.url.master!r} is under way; nothing was written"
                )
            await asyncio.sleep(LOOK_SECONDS)

    async def _is_changing(self) -> bool:
        if not self._watching:
            return False
        try:
            async with asyncio.timeout(SURE_SECONDS):
                word = await self.sentinels.asked(self._watching)
        except (LogUnavailable, TimeoutError):
            return False
        self._leave(word)
        return word.is_changing

    def _leave(self, word: Word) -> None:
        for made in list(self._made):
            made.leave(word)


class _ToMaster(Connection):
    """A connection to whichever server is the master when it is opened."""

    def __init__(self, master: Master, **options: Any) -> None:
        super().__init__(**options)
        self._master = master
        self._word: Word | None = None

    async def _connect(self) -> None:
        try:
            self._word = await self._master.find()
        except LogUnavailable as error:
            raise CannotConnect(str(error)) from None
        self.host, self.port = self._word.address
        await super()._connect()  # type: ignore[no-untyped-call]  # redis-py's

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        """From redis-py: shake hands, and ask for the role before anything else is sent."""
        await super().on_connect_check_health(check_health=check_health)
        await self.send_command("HELLO", check_health=False)
        said = await self.read_response()
        role = said.get(b"role", b"nothing").decode(errors="replace")
        if role != "master":
            raise CannotConnect(
                f"{self.host}:{self.port} is no master (yet): it says {role!r},"
                f" though the sentinels name it {self._master.url.master!r}"
            )
        self._master._made.add(self)  # noqa: SLF001  the two are one thing

    def leave(self, word: Word) -> None:
        """Break off if there was a failover since, and the master is elsewhere."""
        known, stream = self._word, self._writer
        was_moved = known and known.address != word.address and known.epoch != word.epoch
        if was_moved and stream is not None:
            stream.transport.abort()


class _ToMasterByTls(_ToMaster, SSLConnection):
    """The same over TLS."""
