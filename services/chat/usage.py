"""How many tokens an answer took, found without parsing the answer."""

import json
import re
from dataclasses import dataclass
from typing import Final, TypeGuard

_OBJECT = re.compile(rb'"usage"\s*:\s*(?=\{)')
_WINDOW: Final = 4096
"""Bytes that a usage object is looked for in; OpenAI's has about 400."""
_DECODER: Final = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read (``prompt``) and written (``completion``)."""

    prompt: int
    completion: int


def read_usage(value: object) -> Usage | None:
    """A parsed ``usage`` object; None when it is not one."""
    if not isinstance(value, dict):
        return None
    prompt, completion = value.get("prompt_tokens"), value.get("completion_tokens", 0)
    if not _is_count(prompt) or not _is_count(completion):
        return None
    return Usage(prompt, completion)


def find_usage(answer: bytes) -> Usage | None:
    """The last ``"usage": {…}`` in the bytes of an answer; None when there is none.

    Inside a JSON string the quotes would be escaped, so text that a model wrote is never mistaken
    for it. Only the object itself is parsed.
    """
    end = len(answer)
    while (at := answer.rfind(b'"usage"', 0, end)) >= 0:
        if (start := _OBJECT.match(answer, at)) is not None:
            window = answer[start.end() : start.end() + _WINDOW].decode(errors="replace")
            return _decode(window)
        end = at
    return None


def _decode(window: str) -> Usage | None:
    try:
        return read_usage(_DECODER.raw_decode(window)[0])
    except (ValueError, RecursionError):
        return None


def _is_count(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < 2**53
