"""``POST /chat``: one message, one reply. Stateless: ``conversation_id`` is a label, echoed."""

from typing import Any

from aiohttp import web

from services.chat.body import parse_object
from services.chat.deltas import Deltas
from services.chat.plain import plain_reply
from services.chat.question import Question, simple_question
from services.chat.reply import Reply
from services.chat.streaming import Streaming
from services.chat.turn import Turn, Turns
from services.chat.upstream import Upstream
from services.chat.usage import read_usage


class Simple:
    """The handler. ``model`` is the MODEL setting; ``replica`` this replica's id."""

    def __init__(
        self, turns: Turns, upstream: Upstream, *, model: str | None, replica: str
    ) -> None:
        self._turns = turns
        self._upstream = upstream
        self._streaming = Streaming(turns, upstream)
        self._model = model
        self._replica = replica

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request; raises :class:`ChatError` for the boundary to answer."""
        async with self._turns.take(request) as turn:
            body = parse_object(turn.body)
            question = simple_question(body, turn.live, model=self._model)
            reply = Reply(turn.live, question, self._replica)
            if question.stream:
                return await self._streaming.run(request, turn, question, Deltas(reply))
            return web.json_response(await self._plain(turn, question, reply))

    async def _plain(self, turn: Turn, question: Question, reply: Reply) -> dict[str, Any]:
        parsed = await plain_reply(self._upstream, question, reply)
        turn.usage = read_usage(parsed.get("usage"))
        return reply.body()
