"""What the demo model says: always the same to the same messages. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

MAX_QUOTED: Final = 200
_WORD = re.compile(r"\s*\S+")


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, as the words it is made of; joined they are the text. A word counts as a token."""

    words: tuple[str, ...]
    prompt_tokens: int
    cut: bool

    @property
    def finish_reason(self) -> str:
        """``length`` when a limit cut the answer, else ``stop``."""
        return "length" if self.cut else "stop"

    def usage(self) -> dict[str, int]:
        """As OpenAI tells it."""
        completion = len(self.words)
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
        }


def answer(messages: Iterable[dict[str, Any]], limit: int | None = None) -> Said:
    """Quote the first line of the system prompt, and what the user said last.

    ``limit`` is the most words it may have.
    """
    texts = [(str(message.get("role")), text_of(message.get("content"))) for message in messages]
    system = next((text for role, text in texts if role in ("system", "developer")), None)
    asked = [text for role, text in texts if role == "user"]
    words = tuple(_WORD.findall(f"{_about(system)} {_question(asked)}"))
    prompt_tokens = sum(len(text.split()) for _, text in texts)
    return Said(words[:limit], prompt_tokens, limit is not None and limit < len(words))


def text_of(content: object) -> str:
    """A message's text: the string that it is, or the text parts of the list that it is."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = (part.get("text") for part in content if isinstance(part, dict))
    return "\n".join(part for part in parts if isinstance(part, str))


def _about(system: str | None) -> str:
    if system is None or not system.strip():
        return "I was given no system prompt."
    return f'My system prompt begins "{_quoted(system.strip().splitlines()[0])}".'


def _question(asked: list[str]) -> str:
    if not asked:
        return "You said nothing."
    turn = f" (turn {len(asked)})" if len(asked) > 1 else ""
    return f'You said "{_quoted(" ".join(asked[-1].split()))}"{turn}.'


def _quoted(text: str) -> str:
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}…"
