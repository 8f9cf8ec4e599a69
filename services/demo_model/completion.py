"""The demo model's answers in OpenAI's shapes: one object, or the chunks of a stream. Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from services.demo_model.answer import Said


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer. ``created`` is Unix time in seconds."""

    id: str
    created: int
    model: str
    said: Said

    def whole(self) -> dict[str, Any]:
        """The answer in one piece."""
        message = {"role": "assistant", "content": "".join(self.said.words), "refusal": None}
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": self.said.finish_reason,
        }
        return {**self._head("chat.completion"), "choices": [choice], "usage": self.said.usage()}

    def events(self, *, with_usage: bool) -> Iterator[bytes]:
        """The stream's events: the role, each word, the reason of the end, the usage, ``[DONE]``.

        With ``with_usage`` every chunk has a ``usage``, null but for one more chunk at the end,
        which has no choices: OpenAI's ``stream_options.include_usage``.
        """
        yield self._chunk({"role": "assistant", "content": ""}, None, with_usage)
        for word in self.said.words:
            yield self._chunk({"content": word}, None, with_usage)
        yield self._chunk({}, self.said.finish_reason, with_usage)
        if with_usage:
            head = self._head("chat.completion.chunk")
            yield _event({**head, "choices": [], "usage": self.said.usage()})
        yield b"data: [DONE]\n\n"

    def _chunk(self, delta: dict[str, Any], finish: str | None, with_usage: bool) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        usage = {"usage": None} if with_usage else {}
        return _event({**self._head("chat.completion.chunk"), "choices": [choice], **usage})

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def _event(chunk: dict[str, Any]) -> bytes:
    text = json.dumps(chunk, ensure_ascii=False, separators=(",", ":"))
    return b"data: " + text.encode(errors="replace") + b"\n\n"
