"""A turn: one question and its answer, on the one live version that it began with."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import structlog
from aiohttp import web

from events.limits import PROMPT_NAME as PROMPT_NAME_PATTERN
from projections.live import LivePrompt
from services.chat.body import Bodies
from services.chat.drain import Drain
from services.chat.errors import ChatError, Outcome, invalid, retry_later, shutting_down
from services.chat.gate import Gate
from services.chat.headers import LIVE, MIN_POSITION, NAME, OUTDATED, PROMPT_NAME
from services.chat.min_position import MinPosition, parse_position
from services.chat.replica import Replica
from services.chat.usage import Usage
from services.metrics import ReplicaMetrics

DEFAULT_PROMPT: Final = "system"

_NAME = re.compile(PROMPT_NAME_PATTERN)
_log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True)
class Turn:
    """What is known of a turn while it runs. Times are seconds of one monotonic clock.

    ``body`` is the client's, as it came.
    ``failure`` is an error that was told in the middle of a stream, where it can be raised no more.
    ``complete`` is set once the client has been sent a whole stream: it may go then.
    """

    live: LivePrompt
    body: bytes
    first_token_at: float | None = None
    usage: Usage | None = None
    failure: ChatError | None = None
    complete: bool = False


class Turns:
    """Takes chat requests in, bounds how many run at a time, and accounts for each at its end."""

    def __init__(
        self,
        replica: Replica,
        metrics: ReplicaMetrics,
        drain: Drain,
        *,
        concurrency: int,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._replica = replica
        self._metrics = metrics
        self._drain = drain
        self._clock = clock
        self._gate = Gate(concurrency, "too_many_requests", "requests are being answered")
        self._bodies = Bodies()
        self._min_position = MinPosition(replica)
        metrics.chat_in_flight.set_function(lambda: self._gate.inside)

    @contextlib.asynccontextmanager
    async def take(self, request: web.Request) -> AsyncIterator[Turn]:
        """Run a turn, once its body is there. Raises :class:`ChatError` when that does not come, when
        there is no prompt to answer from, or no room.

        However the turn ends, it is counted once, and logged once: without its content.
        """
        started = self._clock()
        turn: Turn | None = None
        outcome: Outcome = "ok"
        code = None
        try:
            if self._drain.refusing:
                raise retry_later("draining", "this replica is on its way out; ask another")
            with self._drain:
                try:
                    live = await self._pick(request)
                    self._gate.check()
                    body = await self._bodies.read(request)
                    with self._gate:  # not before: a slow body must keep nobody out
                        turn = Turn(live, body)
                        yield turn
                except asyncio.CancelledError:
                    if not self.cut_off():
                        raise
                    raise shutting_down() from None
            if turn.failure is not None:
                outcome, code = turn.failure.outcome, turn.failure.code
        except ChatError as error:
            outcome, code = error.outcome, error.code
            raise
        except (asyncio.CancelledError, ConnectionError):
            outcome = "ok" if turn is not None and turn.complete else "left"
            raise
        except BaseException:
            outcome = "failed"
            raise
        finally:
            self._account(turn, started, outcome, code)

    def cut_off(self) -> bool:
        """Whether a turn was cancelled because the replica stops, and not because its client left.

        Asked once, in the cancelled task, which then goes on: to say so.
        """
        return self._drain.cut_off()

    def first_token(self, turn: Turn) -> None:
        """Note that the model has begun to write."""
        turn.first_token_at = self._clock()

    async def _pick(self, request: web.Request) -> LivePrompt:
        name = request.headers.get(NAME, DEFAULT_PROMPT)
        if not _NAME.fullmatch(name):
            raise invalid("this is no prompt's name", NAME)
        request[PROMPT_NAME] = name
        if not self._replica.serving:
            raise retry_later("starting", "this replica is starting; it has no prompts yet")
        live = self._hold(request, name)
        if (asked := request.headers.get(MIN_POSITION)) is not None:
            position = parse_position(asked)
            await self._min_position.reached(position)
            live = self._hold(request, name)
            self._min_position.check_rejected(name, position)
        if live is None:
            raise ChatError("prompt_not_found", f"there is no prompt '{name}' here", param=NAME)
        return live

    def _hold(self, request: web.Request, name: str) -> LivePrompt | None:
        if (live := self._replica.prompt(name)) is not None:
            request[LIVE] = live
            request.pop(OUTDATED, None)
            if (outdated := self._replica.outdated_seconds()) is not None:
                request[OUTDATED] = outdated
        return live

    def _account(
        self, turn: Turn | None, started: float, outcome: Outcome, code: str | None
    ) -> None:
        seconds = self._clock() - started
        prompt, version = ("", "") if turn is None else (turn.live.name, str(turn.live.version))
        metrics = self._metrics
        metrics.chat_requests.labels(prompt, version, outcome).inc()
        if turn is not None:
            if outcome == "ok":
                self._replica.answered(turn.live.name, turn.live.version)
            if outcome not in ("refused", "busy"):
                metrics.chat_duration.labels(prompt).observe(seconds)
            if turn.first_token_at is not None:
                metrics.chat_first_token.labels(prompt).observe(turn.first_token_at - started)
            if turn.usage is not None:
                metrics.chat_tokens.labels(prompt, version, "prompt").inc(turn.usage.prompt)
                metrics.chat_tokens.labels(prompt, version, "completion").inc(turn.usage.completion)
        write = _log.debug if outcome == "ok" else _log.info
        write(
            "chat_answered" if outcome == "ok" else "chat_failed",
            replica=self._replica.id,
            prompt=prompt,
            version=version,
            outcome=outcome,
            code=code,
            seconds=round(seconds, 4),
        )
