"""The reply of ``POST /chat``, gathered from the model's answer or from the chunks of it."""

from typing import Any

from projections.live import LivePrompt
from services.chat.question import Question


class Reply:
    """Gathers text, model and usage; trusts no shape."""

    def __init__(self, live: LivePrompt, question: Question, replica: str) -> None:
        self._live = live
        self._conversation_id = question.conversation_id
        self._replica = replica
        self._model = question.body["model"]
        self._response_id: str | None = None
        self._usage: dict[str, Any] | None = None
        self._texts: list[str] = []

    def take(self, answer: dict[str, Any], part: str) -> str:
        """Take an answer (``part`` is "message") or a chunk ("delta"); give the text in it."""
        if isinstance(model := answer.get("model"), str):
            self._model = model
        if isinstance(response_id := answer.get("id"), str):
            self._response_id = response_id
        if isinstance(usage := answer.get("usage"), dict):
            self._usage = usage
        text = _text(answer.get("choices"), part)
        if text:
            self._texts.append(text)
        return text

    def body(self) -> dict[str, Any]:
        """The whole reply, in the shape that clients get."""
        return {
            "reply": "".join(self._texts),
            "conversation_id": self._conversation_id,
            "response_id": self._response_id,
            "prompt": {
                "name": self._live.name,
                "branch": self._live.branch,
                "version": self._live.version,
                "revision": self._live.revision,
            },
            "replica": self._replica,
            "model": self._model,
            "usage": self._usage,
        }


def _text(choices: object, part: str) -> str:
    """The first choice's text: what it says, or why it refuses to."""
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return ""
    message = choices[0].get(part)
    if not isinstance(message, dict):
        return ""
    text = message.get("content") or message.get("refusal")
    return text if isinstance(text, str) else ""
