"""Drafting: what the model says to a prompt that is not saved, asked as a replica would ask it.

Nothing is saved, and no replica takes part: the same question, system message and client as in
`services.chat`, in this process, with the model's address and key in the admin service's settings.
"""

import asyncio
from dataclasses import replace
from time import monotonic
from typing import Final

from events.model import MAIN, PromptSaved
from events.template import Template
from projections.live import LivePrompt
from services.admin import bodies
from services.admin.trying.question import TrialQuestion
from services.admin.trying.rows import answered, failed
from services.chat.errors import ChatError
from services.chat.plain import plain_reply
from services.chat.question import simple_question
from services.chat.reply import Reply
from services.chat.sdk import UpstreamOptions
from services.chat.upstream import Upstream
from services.settings import Settings

ANSWER_SECONDS: Final = 30.0


class Drafting:
    """Asks the model. The client's library is imported when the first draft is asked for."""

    def __init__(
        self, settings: Settings, concurrency: int, seconds: float = ANSWER_SECONDS
    ) -> None:
        options = UpstreamOptions.of(settings)
        self._upstream = Upstream(
            replace(options, concurrency=concurrency, answer=min(options.answer, seconds))
        )
        self._model = settings.model
        self._is_configured = bool(settings.openai_api_key or settings.openai_base_url)
        self._seconds = seconds

    async def ask(self, draft: PromptSaved, question: TrialQuestion) -> bodies.TrialAnswer:
        """The model's answer under ``draft``, the event that saving it would make."""
        if not self._is_configured:
            detail = (
                "the admin service knows no model: set its OPENAI_API_KEY, or OPENAI_BASE_URL, as"
                " the replicas' are"
            )
            return failed("draft", None, "model_not_configured", detail)
        began = monotonic()
        try:
            async with asyncio.timeout(self._seconds):
                told = await self._told(_as_live(draft), question)
        except ChatError as error:
            said = str(error.error["message"])
            return failed("draft", None, error.code, said, monotonic() - began)
        except TimeoutError:
            return failed(
                "draft", None, "upstream_timeout", "the model took too long", monotonic() - began
            )
        return answered("draft", None, None, told, monotonic() - began)

    async def _told(self, live: LivePrompt, question: TrialQuestion) -> dict[str, object]:
        asked = simple_question(question.body(), live, model=self._model)
        reply = Reply(live, asked, replica="")
        await plain_reply(self._upstream, asked, reply)
        return reply.body()

    async def close(self) -> None:
        """Close every connection."""
        await self._upstream.close()


def _as_live(draft: PromptSaved) -> LivePrompt:
    """The draft as the chat service knows prompts. What only the log can give it is left empty."""
    return LivePrompt(
        name=draft.prompt,
        branch=MAIN,
        version=draft.version,
        revision=0,
        template=Template.parse(draft.template),
        config=draft.config,
        content_hash="",
        hash="",
        author="",
        recorded_at=0,
    )
