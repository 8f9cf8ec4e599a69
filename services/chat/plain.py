"""An answer in one piece, as the model gave it."""

import json
from typing import Any

from services.chat.errors import ChatError
from services.chat.question import Question
from services.chat.reply import Reply
from services.chat.upstream import Upstream
from services.chat.upstream_errors import from_event


async def plain_reply(upstream: Upstream, question: Question, reply: Reply) -> dict[str, Any]:
    """Ask the model, let ``reply`` take what it says, and give all that it said."""
    async with upstream.ask(question.body, stream=False) as answer:
        parsed = parsed_answer(await answer.read())
    reply.take(parsed, "message")
    return parsed


def checked_answer(body: bytes) -> bytes:
    """``body``, if it looks like a completion: a JSON object with ``choices``.

    Raises :class:`ChatError` otherwise. It is parsed only when a look at its ends leaves doubts.
    """
    if body[:1] == b"{" and body[-1:] == b"}" and b'"choices"' in body:
        return body
    parsed_answer(body)
    return body


def parsed_answer(body: bytes) -> dict[str, Any]:
    """``body`` as a completion's JSON object; raises :class:`ChatError` when it is none."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, dict) and parsed.get("error"):
        raise from_event(parsed["error"])
    if not isinstance(parsed, dict) or not isinstance(parsed.get("choices"), list):
        raise ChatError("upstream_error", "the model's answer could not be understood")
    return parsed
