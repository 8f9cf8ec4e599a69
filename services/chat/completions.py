"""``POST /v1/chat/completions``: OpenAI's API, answered by the model from the live prompt."""

from aiohttp import web

from services.chat.body import parse_object
from services.chat.errors import ChatError
from services.chat.plain import checked_answer
from services.chat.question import Question, completion_question
from services.chat.streaming import Streaming
from services.chat.turn import Turn, Turns
from services.chat.upstream import Upstream
from services.chat.usage import find_usage


class Completions:
    """The handler. ``model`` is the MODEL setting."""

    def __init__(
        self, turns: Turns, upstream: Upstream, *, model: str | None, allow_client_system: bool
    ) -> None:
        self._turns = turns
        self._upstream = upstream
        self._streaming = Streaming(turns, upstream)
        self._model = model
        self._allow_client_system = allow_client_system

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request; raises :class:`ChatError` for the boundary to answer."""
        async with self._turns.take(request) as turn:
            question = completion_question(
                parse_object(turn.body),
                turn.live,
                model=self._model,
                allow_client_system=self._allow_client_system,
            )
            if question.stream:
                return await self._streaming.run(request, turn, question, Verbatim())
            return await self._plain(turn, question)

    async def _plain(self, turn: Turn, question: Question) -> web.Response:
        async with self._upstream.ask(question.body, stream=False) as answer:
            body = checked_answer(await answer.read())
        turn.usage = find_usage(body)
        return web.Response(body=body, content_type="application/json")


class Verbatim:
    """The shape of a stream whose events the client gets as the model sent them."""

    def events(self, events: bytes) -> bytes:
        """The events themselves."""
        return events

    def end(self) -> bytes:
        """Nothing: ``[DONE]`` was one of the events."""
        return b""

    def error(self, error: ChatError) -> bytes:
        """The last event of a stream that breaks; no ``[DONE]`` follows it."""
        return b"data: " + error.body() + b"\n\n"
