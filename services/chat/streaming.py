"""Carrying a stream from the model to the client, and seeing to it that it ends properly."""

import asyncio
from typing import Protocol

import structlog
from aiohttp import web

from services.chat.errors import ChatError, shutting_down
from services.chat.event_stream import EventStream
from services.chat.question import Question
from services.chat.relay import Relay
from services.chat.turn import Turn, Turns
from services.chat.upstream import Upstream

_log = structlog.stdlib.get_logger(__name__)


class Shape(Protocol):
    """How a client is told what the model streams; every method gives whole events, or nothing."""

    def events(self, events: bytes) -> bytes:
        """What the client gets for some of the model's events."""

    def end(self) -> bytes:
        """What the client gets at the end of a whole answer."""

    def error(self, error: ChatError) -> bytes:
        """What the client gets at the end of an answer that breaks off."""


class Streaming:
    """Streams one answer at a time; holds nothing of any."""

    def __init__(self, turns: Turns, upstream: Upstream) -> None:
        self._turns = turns
        self._upstream = upstream

    async def run(
        self, request: web.Request, turn: Turn, question: Question, shape: Shape
    ) -> web.StreamResponse:
        """Ask, relay, end.

        A failure before the first event is raised as the :class:`ChatError` that it is. A later one
        becomes the stream's last event and ``turn.failure``. When the client leaves, the handler is
        cancelled, and with it the call to the model.
        """
        stream = EventStream(request)
        relay = Relay(keep_usage=question.wants_usage)
        try:
            await self._carry(turn, question, relay, stream, shape)
        except ChatError as error:
            await self._break(turn, stream, shape, error)
        except asyncio.CancelledError:
            if turn.complete or not stream.begun or not self._turns.cut_off():
                raise
            await self._break(turn, stream, shape, shutting_down())
        except ConnectionError:
            raise
        except Exception:  # a fault of ours: the client must not take half an answer for a whole
            if not stream.begun:
                raise
            _log.exception("chat_stream_failed")
            failed = ChatError("internal_error", "this service failed")
            await self._break(turn, stream, shape, failed)
        finally:
            turn.usage = relay.usage
        return stream.response

    async def _carry(
        self, turn: Turn, question: Question, relay: Relay, stream: EventStream, shape: Shape
    ) -> None:
        async with self._upstream.ask(question.body, stream=True) as answer:
            answer.must_be_events()
            async for block in answer:
                if events := relay.feed(block):
                    await _send(stream, shape.events(events))
                    if relay.begun and turn.first_token_at is None:
                        self._turns.first_token(turn)
                if relay.over:
                    break
            rest = relay.finish()
            if relay.failure is not None:
                raise relay.failure
            await _send(stream, (shape.events(rest) if rest else b"") + shape.end())
            turn.complete = True
            await stream.end()
            await answer.settle()

    async def _break(self, turn: Turn, stream: EventStream, shape: Shape, error: ChatError) -> None:
        if not stream.begun:
            raise error
        turn.failure = error
        await stream.send(shape.error(error))
        await stream.end()


async def _send(stream: EventStream, events: bytes) -> None:
    if events:
        await stream.send(events)
