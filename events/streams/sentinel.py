"""The sentinels: what they say of where the log's master is.

All are asked at once, so that one that is silent costs no time; the one that knows of the latest failover
(the highest configuration epoch) is believed. Those that know of less than was known here before are
believed only when they are most: a few of them may be cut off together with an old master.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from redis.asyncio.connection import Connection, SSLConnection, parse_url
from redis.exceptions import RedisError

from events.errors import LogUnavailable
from events.streams.link import Link
from events.streams.naming import named
from events.streams.sentinel_url import Address, SentinelUrl
from events.streams.tls import shared

ASK_SECONDS = 1.0
"""How long a sentinel has to answer, connecting included."""
MOMENT_SECONDS = 0.02
"""How long the last ones are waited for once more than half have answered."""


class Word(NamedTuple):
    """What a sentinel says: where the master is, as of which failover."""

    epoch: int
    address: Address
    is_changing: bool = False
    """A failover has begun, and the one that is to follow is not named yet."""


@dataclass(slots=True)
class Sentinels:
    """The sentinels of ``url``."""

    url: SentinelUrl
    _epoch: int = 0

    def links(self) -> list[Link]:
        """A link to each of them; whoever asks for them closes them (:func:`closed`)."""
        return [Link(self._to(address)) for address in self.url.sentinels]

    async def asked(self, links: Sequence[Link]) -> Word:
        """Where the master is. Raises ``LogUnavailable`` when that cannot be said."""
        asking = [asyncio.create_task(self._ask(link)) for link in links]
        try:
            await _heard(asking)
            return self._believed(
                [_answer(task) for task in asking if task.done() and not task.cancelled()]
            )
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    async def _ask(self, link: Link) -> Word | None:
        """None when it knows no such master. Raises ``LogUnavailable`` when it does not answer."""
        name = self.url.master
        questions = (("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name), ("SENTINEL", "MASTER", name))
        where, details = await link.replies(questions, seconds=ASK_SECONDS)
        if where is None:
            return None
        for reply in (where, details):
            if isinstance(reply, RedisError):
                raise named(reply)
        try:
            told = dict(zip(details[::2], details[1::2], strict=True))
            begun = b"failover_in_progress" in told[b"flags"].split(b",")
            is_old = where == [told[b"ip"], told[b"port"]]
            address = Address(where[0].decode(), int(where[1]))
            return Word(int(told[b"config-epoch"]), address, is_changing=begun and is_old)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise LogUnavailable(f"a sentinel's answer cannot be read: {error!r}") from None

    def _believed(self, answers: Sequence[Word | LogUnavailable | None]) -> Word:
        words = [answer for answer in answers if isinstance(answer, Word)]
        if not words:
            raise LogUnavailable(self._why_unknown(answers))
        newest = max(words, key=lambda word: (word.epoch, word.is_changing))
        if newest.epoch < self._epoch and not _most(len(words), self.url):
            raise LogUnavailable(
                f"only sentinels that have missed the last failover of {self.url.master!r} answer"
            )
        self._epoch = newest.epoch
        return newest

    def _why_unknown(self, answers: Sequence[Word | LogUnavailable | None]) -> str:
        if None in answers:
            return f"the sentinels know no master of the name {self.url.master!r}"
        errors = [str(answer) for answer in answers if answer is not None]
        return f"no sentinel of {self.url} answers: {errors[0] if errors else 'not in time'}"

    def _to(self, address: Address) -> Callable[[], Connection]:
        kind = SSLConnection if self.url.is_tls else Connection
        options: dict[str, Any] = {
            **options_of(self.url), **self.url.sentinel_credentials, "host": address.host,
            "port": address.port, "protocol": 2, "socket_timeout": None,
            "socket_connect_timeout": ASK_SECONDS, "driver_info": None,
        }  # fmt: skip
        return lambda: shared(kind(**options))


def options_of(url: SentinelUrl) -> dict[str, Any]:
    """The options of the URL with the types that redis-py wants."""
    return {
        key: value
        for key, value in parse_url(f"redis://?{url.query}").items()
        if key != "connection_class"
    }


def _most(count: int, url: SentinelUrl) -> bool:
    return count * 2 > len(url.sentinels)


async def _heard(asking: Sequence["asyncio.Task[Word | None]"]) -> None:
    """Wait until more than half have answered and the others had a moment, or all have ended."""
    pending, answered = set(asking), 0
    while pending and answered * 2 <= len(asking):
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        answered += sum(isinstance(_answer(task), Word) for task in done)
    if pending:
        await asyncio.wait(pending, timeout=MOMENT_SECONDS)


def _answer(task: "asyncio.Task[Word | None]") -> Word | LogUnavailable | None:
    error = task.exception()
    if error is None:
        return task.result()
    if isinstance(error, LogUnavailable):
        return error
    raise error


async def closed(links: Sequence[Link]) -> None:
    """Close them all."""
    for link in links:
        await link.close()
