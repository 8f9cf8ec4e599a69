"""Rows of a trial: what one replica, or the model for a draft, has answered, or why it did not.

All that a model or a replica says is foreign: it is cut to size, and made fit to be JSON, here.
"""

import json
from typing import Any, Final

from pydantic_core import from_json

from services.admin import bodies

MAX_REPLY_BYTES: Final = 64 * 1024
MAX_DETAIL_CHARACTERS: Final = 500
MAX_NAME_CHARACTERS: Final = 200
"""Of a model's name, and of a code."""
MAX_USAGE_BYTES: Final = 4 * 1024


def answered(
    source: bodies.TrialSource,
    replica: str | None,
    prompt: tuple[int, int] | None,
    told: dict[str, Any],
    seconds: float,
) -> bodies.TrialAnswer:
    """The row of an answer. ``prompt`` is version and revision; ``told`` a body of ``POST /chat``."""
    reply, cut = _cut(str(told["reply"]))
    model = told.get("model")
    return bodies.TrialAnswer(
        source=source,
        replica=replica,
        version=prompt[0] if prompt else None,
        revision=prompt[1] if prompt else None,
        reply=reply,
        cut=cut,
        model=clipped(model, MAX_NAME_CHARACTERS) if isinstance(model, str) else None,
        usage=_usage(told.get("usage")),
        seconds=round(seconds, 3),
        problem=None,
    )


def failed(
    source: bodies.TrialSource,
    replica: str | None,
    code: str,
    detail: str,
    seconds: float = 0.0,
    prompt: tuple[int, int] | None = None,
) -> bodies.TrialAnswer:
    """The row of an answer that did not come."""
    problem = bodies.TrialProblem(
        code=clipped(code, MAX_NAME_CHARACTERS), detail=clipped(detail, MAX_DETAIL_CHARACTERS)
    )
    return bodies.TrialAnswer(
        source=source,
        replica=replica,
        version=prompt[0] if prompt else None,
        revision=prompt[1] if prompt else None,
        reply=None,
        cut=False,
        model=None,
        usage=None,
        seconds=round(seconds, 3),
        problem=problem,
    )


def clipped(text: str, most: int) -> str:
    """At most so many characters of ``text``, all of which UTF-8 has a place for."""
    return text[:most].encode(errors="replace").decode()


def _cut(text: str) -> tuple[str, bool]:
    """The reply, at most 64 KiB of it, and whether there was more."""
    encoded = text.encode(errors="replace")
    return encoded[:MAX_REPLY_BYTES].decode(errors="ignore"), len(encoded) > MAX_REPLY_BYTES


def _usage(usage: object) -> dict[str, Any] | None:
    """The model's account as it gave it, when it is a small object of plain JSON; else None."""
    if not isinstance(usage, dict):
        return None
    try:
        text = json.dumps(usage)
        plain = from_json(text, allow_inf_nan=False) if len(text) <= MAX_USAGE_BYTES else None
    except (ValueError, RecursionError):
        return None
    return plain if isinstance(plain, dict) else None
